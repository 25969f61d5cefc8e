"""A tiny editor depends on its pairs and its seed alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from actionpairs.data import examples
from actionpairs.data.examples import Example, to_signed
from actionpairs.editors import tiny
from actionpairs.editors.editor import Editor
from tests.training.squares import SIDE, SIZES

TEXTS = ["move the red square left", "move the red square right", "open the drawer", "put the plate away", ""]
CPU = torch.device("cpu")
NO_PICTURES = np.empty((len(TEXTS), 0, 0, 3), np.uint8)  # the text encoder does not look at them


@pytest.fixture(scope="module")
def pictures(pairs: tuple[Example, ...]) -> np.ndarray:
    return np.concatenate(list(examples.iter_pairs(pairs, SIDE)))


def test_the_tokenizer_has_whole_words_and_encodes_any_text() -> None:
    tokenizer = tiny.train_tokenizer(TEXTS, vocabulary=600, length=16)
    assert tokenizer.tokenize("Move the red square left") == [
        "move</w>",
        "the</w>",
        "red</w>",
        "square</w>",
        "left</w>",
    ]
    ids = tokenizer("naïve 茶 <script>", padding="max_length", truncation=True).input_ids
    assert len(ids) == 16
    assert tokenizer.unk_token_id not in ids[1:-1][: ids.index(tokenizer.eos_token_id) - 1]
    assert ids[0] == tokenizer.bos_token_id


def test_an_untrained_encoder_gives_different_texts_different_embeddings(small_editor: Editor) -> None:
    embedded = small_editor.condition(TEXTS, NO_PICTURES).embeddings.flatten(1)
    distances = torch.cdist(embedded, embedded) / embedded.norm(dim=1).mean()
    assert distances[~torch.eye(len(TEXTS), dtype=torch.bool)].min() > 0.1


def test_the_same_seed_builds_the_same_editor_and_leaves_the_global_seed_alone(pictures: np.ndarray) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()

    def build(seed: int) -> Editor:
        vae = tiny.make_autoencoder(SIZES, pictures, seed=seed, device=CPU)
        return tiny.build(SIZES, vae, TEXTS, resolution=SIDE, seed=seed)

    one, two, other = (build(seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    for part in ("unet", "vae", "text_encoder"):
        first, second = (getattr(each.pipeline, part).state_dict() for each in (one, two))
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(one.denoiser.conv_in.weight, other.denoiser.conv_in.weight)


def test_latents_have_unit_variance_after_scaling(small_editor: Editor, pictures: np.ndarray) -> None:
    with torch.no_grad():
        means = small_editor.autoencoder.encode(to_signed(pictures, CPU)).latent_dist.mean
    assert float((means * small_editor.autoencoder.config.scaling_factor).std()) == pytest.approx(1.0, abs=0.05)


def test_training_the_autoencoder_halves_its_error(small_editor: Editor, pictures: np.ndarray) -> None:
    def error() -> float:
        with torch.no_grad():
            signed = to_signed(pictures, CPU)
            decoded = small_editor.autoencoder.decode(
                small_editor.autoencoder.encode(signed).latent_dist.mode()
            ).sample
        return float((decoded - signed).abs().mean())

    before = error()
    tiny.train_autoencoder(small_editor.autoencoder, pictures, steps=24, batch_size=8, seed=0)
    assert error() < before / 2
