"""What holds for every family of editors, on tiny pipelines of random weights. Training: tests/training."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from torch import Tensor

from actionpairs.editors import families, lora, sampling
from actionpairs.editors.conditioning import Conditioning, concatenate
from actionpairs.editors.editor import Editor, Sampling, to_pictures
from tests.editors import tiny_pipelines
from tests.editors.tiny_pipelines import FAMILIES
from tests.training import family_runs
from tests.training.family_runs import TEXT, picture

TEXTS = (TEXT, "open the drawer", "put the plate away, then move the blue square right", "")
SHAPES = {"square": (64, 64), "wide": (64, 96)}  # Edit-Plus takes multiples of 32
# DreamLite's pipeline encodes an instruction and its null text in one padded batch; we encode each by itself.
ENCODED_TOGETHER = {"dreamlite": 2e-6}
every_family = pytest.mark.parametrize("family", FAMILIES)

editor_of = functools.cache(family_runs.editor_of)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def own_sampling(editor: Editor, steps: int = 2) -> Sampling:
    """How the family's pipeline samples if it is called without guidance scales."""
    defaults = inspect.signature(type(editor.pipeline).__call__).parameters
    text = defaults["guidance_scale"].default
    if text is None:  # Qwen-Image's is for a distilled model that is not public
        text = defaults["true_cfg_scale"].default
    image = defaults["image_guidance_scale"].default if "image_guidance_scale" in defaults else 1.0
    return Sampling(type(editor.pipeline.scheduler).__name__, steps, image, text)


def sampled(family: str, pictures: np.ndarray, texts: list[str], seeds: list[int]) -> np.ndarray:
    """Edits by our sampler, before rounding. B H W 3, float32, 0 to 1."""
    editor, kept = editor_of(family), list[Tensor]()

    def keep(decoded: Tensor) -> np.ndarray:
        kept.append((decoded / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1))
        return to_pictures(decoded)

    with pytest.MonkeyPatch.context() as patches:
        patches.setitem(type(editor).decode.__globals__, "to_pictures", keep)
        with tiny_pipelines._sized(family, *pictures.shape[1:3]):
            rounded = sampling.sample(editor, pictures, texts, seeds=seeds, sampling=own_sampling(editor))
    floats = torch.cat(kept).numpy()
    assert rounded.dtype == np.uint8
    assert np.array_equal(rounded, (floats * 255).round().astype(np.uint8))
    return floats


@every_family
@pytest.mark.parametrize("shape", SHAPES)
def test_an_edit_is_that_of_the_familys_own_pipeline_to_the_last_bit(family: str, shape: str) -> None:
    height, width = SHAPES[shape]
    pixels = picture(height=height, width=width)
    edit = sampled(family, pixels[None], [TEXT], [7])[0]
    size = {"height": height, "width": width}
    expected = tiny_pipelines.edit_floats(
        editor_of(family).pipeline, family, Image.fromarray(pixels), TEXT, seed=7, **size
    )
    assert edit.std() > 0.02
    assert np.abs(edit - expected).max() <= ENCODED_TOGETHER.get(family, 0)


@every_family
def test_four_edits_in_a_batch_are_those_of_four_batches(family: str) -> None:
    pictures = np.stack([picture(seed) for seed in range(4)])
    together = sampled(family, pictures, list(TEXTS), [3, 4, 5, 6])
    alone = [sampled(family, pictures[row : row + 1], [text], [3 + row])[0] for row, text in enumerate(TEXTS)]
    assert np.allclose(together, np.stack(alone), atol=2e-5)
    assert all(np.abs(one - alone[0]).max() > 0.02 for one in alone[1:])


class Batch:
    """Four rows as a denoiser takes them: other latents, times, pictures and texts in each."""

    def __init__(self, editor: Editor, *, height: int = 48, width: int = 80) -> None:
        pictures = np.stack([picture(seed, height=height, width=width) for seed in range(4)])
        with torch.no_grad():
            self.reference = editor.reference(editor.encode(pictures)[0])
            self.texts = [editor.condition([text], pictures[row : row + 1]) for row, text in enumerate(TEXTS)]
        self.noisy = torch.randn(self.reference.shape, generator=torch.Generator().manual_seed(0))
        process = editor.noise_process()
        self.times = torch.tensor([process.at(share) for share in (0.1, 0.4, 0.6, 0.9)])

    @property
    def conditioning(self) -> Conditioning:
        return concatenate(self.texts)


@torch.no_grad()
def predict(editor: Editor, batch: Batch, **changes: Any) -> Tensor:
    inputs = {name: getattr(batch, name) for name in ("noisy", "times", "reference", "conditioning")}
    return editor.predict(**{"denoiser": editor.denoiser, **inputs, **changes})


@every_family
def test_a_prediction_is_of_the_targets_grid(family: str) -> None:
    editor = editor_of(family)
    for height, width in SHAPES.values():
        batch = Batch(editor, height=height, width=width)
        assert predict(editor, batch).shape == batch.noisy.shape
        assert predict(editor, batch).dtype == torch.float32


def echo(*inputs: Any, **options: Any) -> Any:
    """Stands for a denoiser that returns what it is to denoise: all of it, or the channels it would return."""
    noisy = next((options[name] for name in ("hidden_states", "sample") if name in options), None)
    noisy = inputs[0] if noisy is None else noisy

    class Output(SimpleNamespace):
        def __getitem__(self, _: int) -> Tensor:
            return self.sample

    return Output(sample=noisy)


@every_family
def test_only_the_target_is_taken_from_what_a_denoiser_returns(family: str) -> None:
    """Latents go in and come out at the same places: packing, and leaving the reference out, undo each other."""
    editor, batch = editor_of(family), Batch(editor_of(family))
    channels = batch.noisy.shape[1]
    assert torch.equal(predict(editor, batch, denoiser=echo)[:, :channels], batch.noisy)


@every_family
def test_a_prediction_depends_on_each_input_of_its_own_row_alone(family: str) -> None:
    editor, batch = editor_of(family), Batch(editor_of(family))
    before = predict(editor, batch)
    others = [*batch.texts[1:], batch.texts[0]]
    for name, other in {
        "noisy": batch.noisy.roll(1, 0),
        "times": batch.times.roll(1, 0),
        "reference": batch.reference.roll(1, 0),
        "conditioning": concatenate(others),
    }.items():
        changed = (predict(editor, batch, **{name: other}) - before).abs().amax((1, 2, 3))
        assert changed.min() > 1e-4 * before.abs().max(), name
        first = getattr(batch, name)
        if name != "conditioning":
            mixed = torch.cat([other[:1], first[1:]])
            assert torch.equal(predict(editor, batch, **{name: mixed})[1:], before[1:]), name


@every_family
def test_predictions_of_a_batch_are_those_of_its_rows(family: str) -> None:
    """Also where the texts of a batch have different lengths."""
    editor, batch = editor_of(family), Batch(editor_of(family))
    together = predict(editor, batch)
    for row in range(4):
        one = slice(row, row + 1)
        inputs = {name: getattr(batch, name)[one] for name in ("noisy", "times", "reference")}
        alone = predict(editor, batch, conditioning=batch.texts[row], **inputs)
        assert (alone - together[one]).norm() < 1e-5 * alone.norm()


def edit(pipeline: DiffusionPipeline, family: str) -> np.ndarray:
    return family_runs.edit(pipeline, family)


@every_family
def test_saved_adapters_opened_by_diffusers_are_the_live_model(family: str, tmp_path: Path) -> None:
    """alpha is not rank: a reader that forgets it scales the adapters wrongly."""
    live, base = family_runs.editor_of(family), tiny_pipelines.build(family)
    unchanged = edit(base, family)
    lora.add_adapters(live.denoiser, live.traits.lora_targets, rank=2, alpha=6.0, seed=0)
    assert np.array_equal(edit(live.pipeline, family), unchanged)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in live.denoiser.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5, generator=generator)
    lora.save(live, tmp_path, base="base")
    family_runs.load_adapters(base, tmp_path, live)
    expected = edit(live.pipeline, family)
    assert np.abs(expected - unchanged).max() > 0.01
    assert np.array_equal(edit(base, family), expected)
    family_runs.unload_adapters(base, live)
    assert np.array_equal(edit(base, family), unchanged)


def test_every_tiny_pipeline_is_of_a_family() -> None:
    classes = {family: type(tiny_pipelines.build(family)).__name__ for family in FAMILIES}
    known_classes = {name for each in families.FAMILIES for name in each.traits.pipelines}
    assert {family for family, name in classes.items() if name not in known_classes} == set()
