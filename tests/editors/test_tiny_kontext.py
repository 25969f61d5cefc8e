"""A tiny FLUX.1 Kontext depends on its pairs and its seed alone, copies at first, and opens in diffusers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from actionpairs.configs import TinyModel
from actionpairs.editors import families, sampling, tiny, tiny_kontext
from actionpairs.editors.editor import Editor, Sampling
from actionpairs.errors import ModelError
from tests.stages.training_runs import EDITOR, recipe, run
from tests.training.conftest import without_curves as without_curves
from tests.training.squares import SIDE, SIZES

TEXTS = ("move the red square left", "move the red square right", "open the drawer", "put the plate away", "")
KONTEXT = SIZES.model_copy(
    update={"family": "kontext", "width": 64, "heads": 2, "layers": 1, "single_layers": 1, "text_width": 32}
)
SAMPLING = Sampling("", 4, 1.0, 1.0)
FRESH = """
import sys, numpy as np, torch
from diffusers import DiffusionPipeline
from PIL import Image
pipeline = DiffusionPipeline.from_pretrained(sys.argv[1])
print(type(pipeline).__name__)
edit = pipeline(
    image=Image.open(sys.argv[2]), prompt=sys.argv[3], num_inference_steps=4, height=32, width=32, max_area=1024,
    _auto_resize=False, max_sequence_length=16, generator=torch.Generator().manual_seed(7),
).images[0]
edit.save(sys.argv[4])
"""


def pictures(count: int) -> np.ndarray:
    """Smooth ones, which an autoencoder does not turn into noise."""
    corners = np.random.default_rng(0).integers(0, 256, (count, 2, 2, 3))
    return corners.repeat(SIDE // 2, 1).repeat(SIDE // 2, 2).astype(np.uint8)


@pytest.fixture(scope="module")
def vae() -> AutoencoderKL:
    return tiny.make_autoencoder(SIZES, pictures(8), seed=0, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def editor(vae: AutoencoderKL) -> Editor:
    return families.build_tiny(KONTEXT, vae, TEXTS, resolution=SIDE, seed=0)


def test_the_tokenizer_has_whole_words_and_spells_others() -> None:
    tokenizer = tiny_kontext.word_tokenizer(TEXTS, vocabulary=600, length=16)
    assert tokenizer.tokenize("move the red plate") == ["▁move", "▁the", "▁red", "▁plate"]
    assert tokenizer.tokenize("the cup") == ["▁the", "▁", "c", "u", "p"]
    assert tokenizer.unk_token_id not in tokenizer("an unknown word!").input_ids


def test_a_small_vocabulary_keeps_the_most_frequent_words() -> None:
    tokenizer = tiny_kontext.word_tokenizer(TEXTS, vocabulary=98 + 2, length=16)
    assert len(tokenizer) == 100
    assert tokenizer.tokenize("the drawer")[:2] == ["▁the", "▁"]


def test_different_texts_get_different_embeddings_of_the_tokenizers_length(editor: Editor) -> None:
    embedded = editor.condition(TEXTS, np.empty((len(TEXTS), 0, 0, 3), np.uint8))
    assert embedded.embeddings.shape == (len(TEXTS), KONTEXT.text_length, KONTEXT.text_width)
    assert embedded.pooled is not None
    for vectors in (embedded.embeddings.flatten(1), embedded.pooled):
        distances = torch.cdist(vectors, vectors) / vectors.norm(dim=1).mean()
        assert distances[~torch.eye(len(TEXTS), dtype=torch.bool)].min() > 0.1


def test_the_same_seed_builds_the_same_editor_and_leaves_the_global_seed_and_the_autoencoder_alone(
    editor: Editor, vae: AutoencoderKL
) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    same, other = (families.build_tiny(KONTEXT, vae, TEXTS, resolution=SIDE, seed=seed) for seed in (0, 1))
    assert torch.equal(before, torch.get_rng_state())
    for part in ("transformer", "text_encoder", "text_encoder_2"):
        first, second, third = (getattr(each.pipeline, part).state_dict() for each in (editor, same, other))
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert any(not torch.equal(first[name], third[name]) for name in first)
    assert vae.config.shift_factor is None


@torch.no_grad()
@pytest.mark.parametrize("sigma", [0.5, 0.7, 0.9])
def test_before_training_the_input_picture_is_predicted_and_not_another_one(editor: Editor, sigma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    clean, other, noise = torch.randn(3, 8, KONTEXT.latent_channels, 16, 16, generator=generator)
    texts = editor.condition(TEXTS[:1], pictures(1)).expand(8)
    noisy, times = (1 - sigma) * clean + sigma * noise, torch.full((8,), sigma)

    def error(reference: torch.Tensor) -> float:
        predicted = editor.predict(editor.denoiser, noisy, times, reference, texts)
        return float((predicted - (noise - clean)).square().mean())

    assert error(clean) < 0.25  # of 2, the mean square of v
    assert error(other) > 3 * error(clean)


@torch.no_grad()
def test_before_training_an_edit_is_the_input_picture(editor: Editor) -> None:
    originals = pictures(4)
    reconstructed = editor.decode(editor.normalize(editor.encode(originals)[0])).astype(float)
    edits = sampling.sample(editor, originals, TEXTS[:4], seeds=range(4), sampling=SAMPLING).astype(float)
    difference = np.abs(edits - reconstructed).mean()
    between = np.abs(reconstructed - np.roll(reconstructed, 1, 0)).mean()
    assert difference < between / 3


@pytest.mark.slow
def test_a_saved_editor_opens_in_a_fresh_process_and_edits_alike(editor: Editor, tmp_path: Path) -> None:
    picture = pictures(1)
    Image.fromarray(picture[0]).save(tmp_path / "input.png")
    editor.save(tmp_path / "model")
    arguments = [str(tmp_path / name) for name in ("model", "input.png")]
    done = subprocess.run(
        [sys.executable, "-c", FRESH, *arguments, TEXTS[0], str(tmp_path / "edit.png")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == editor.traits.pipelines[0]
    ours = sampling.sample(editor, picture, TEXTS[:1], seeds=[7], sampling=SAMPLING)[0]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "edit.png")), ours)


def test_a_recipe_trains_one_from_nothing_and_its_card_says_how_to_call_it(
    squares: Path, tmp_path: Path, without_curves: None
) -> None:
    changes = {"model": KONTEXT.model_dump(mode="json"), "freeze": [], "regularization": {"weight": 0}}
    run(recipe(tmp_path, EDITOR, **changes), squares, tmp_path / "out")
    before, after = (families.load(str(tmp_path / "out" / name)) for name in ("base", ""))
    weights = (each.denoiser.state_dict() for each in (before, after))
    assert all(not torch.equal(*pair) for pair in zip(*(each.values() for each in weights), strict=True))
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert f"height={SIDE}, width={SIDE}, max_area={SIDE**2}, _auto_resize=False, max_sequence_length=16)" in card


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"family": "nobody"}, "nobody: no editor"), ({"width": 16}, "does not fit"), ({"heads": 3}, "does not fit")],
)
def test_what_cannot_be_built_is_refused(vae: AutoencoderKL, change: dict[str, object], problem: str) -> None:
    sizes: TinyModel = KONTEXT.model_copy(update=change)
    with pytest.raises(ModelError, match=problem):
        families.build_tiny(sizes, vae, TEXTS, resolution=SIDE, seed=0)
