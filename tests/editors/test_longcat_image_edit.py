"""LongCat-Image-Edit edits as its pipeline does, and takes several rows where the pipeline takes one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from actionpairs.editors import flow, sampling
from actionpairs.editors.longcat_image_edit import LongCatImageEdit
from actionpairs.errors import ModelError
from tests.editors import tiny_pipelines

HEIGHT, WIDTH = 64, 96
TEXTS = ("move the red square left", "open", "write 'it is don't' and \"so\"", "put the plate away, on the side")
PICTURES = np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH, 3), dtype=np.uint8)
GUIDED = sampling.Sampling("", 2, 1.0, 4.5)


@pytest.fixture(scope="module")
def editor() -> LongCatImageEdit:
    return LongCatImageEdit(tiny_pipelines.build("longcat"))


def as_floats(decoded: Tensor) -> np.ndarray:
    return np.asarray((decoded.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1))


@pytest.mark.parametrize("row", [0, 2])
def test_an_edit_equals_the_pipelines_to_the_last_bit(
    editor: LongCatImageEdit, row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "to_pictures", as_floats)
    ours = sampling.sample(editor, PICTURES[row : row + 1], [TEXTS[row]], seeds=[row], sampling=GUIDED)
    picture = Image.fromarray(PICTURES[row])
    theirs = tiny_pipelines.edit_floats(
        editor.pipeline, "longcat", picture, TEXTS[row], seed=row, height=HEIGHT, width=WIDTH
    )
    assert np.array_equal(ours[0], theirs)


def test_four_edits_at_once_equal_four_edits(editor: LongCatImageEdit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "to_pictures", as_floats)
    together = sampling.sample(editor, PICTURES, TEXTS, seeds=range(4), sampling=GUIDED)
    for row in range(4):
        alone = sampling.sample(editor, PICTURES[row : row + 1], [TEXTS[row]], seeds=[row], sampling=GUIDED)
        assert np.allclose(together[row], alone[0], rtol=0, atol=1e-5)


def test_all_texts_of_a_picture_size_are_equally_long_and_the_pipeline_pads_them(editor: LongCatImageEdit) -> None:
    conditioning = editor.condition([*TEXTS, ""], PICTURES[[0, 1, 2, 3, 0]])
    assert conditioning.mask is None
    assert conditioning.embeddings.shape[1] > editor.pipeline.tokenizer_max_length


def test_a_text_longer_than_512_tokens_is_refused(editor: LongCatImageEdit) -> None:
    """The pipeline's own warning raises a TypeError (diffusers 13526)."""
    editor.condition(["x" * 512], PICTURES[:1])  # one token a byte
    with pytest.raises(ModelError, match="of 513 tokens; this model takes 512"):
        editor.condition(["x" * 510 + "'y'"], PICTURES[:1])


def test_the_text_encoder_sees_the_picture_at_half_its_size(
    editor: LongCatImageEdit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    processor = editor.pipeline.image_processor_vl

    class Spy:
        merge_size = processor.merge_size

        def __call__(self, *, images: Image.Image, **options: Any) -> Any:
            sizes.append(images.size)
            return processor(images=images, **options)

    monkeypatch.setattr(editor.pipeline, "image_processor_vl", Spy())
    editor.condition(["open"], PICTURES[:1])
    assert sizes == [(WIDTH // 2, HEIGHT // 2)]


@torch.no_grad()
def test_positions_are_whole_numbers_in_bfloat16_too(editor: LongCatImageEdit) -> None:
    """Rounded to bfloat16, neighbors beyond 256 would share a position."""
    inputs: dict[str, Tensor] = {}

    def denoiser(*, return_dict: bool, **tensors: Tensor) -> tuple[Tensor]:
        inputs.update(tensors)
        return (tensors["hidden_states"],)

    text = editor.condition(TEXTS[:1], PICTURES[:1]).to(dtype=torch.bfloat16)
    noisy = torch.zeros(1, 16, 8, 12)
    prediction = editor.predict(denoiser, noisy, torch.tensor([0.5]), noisy, text)
    length = text.embeddings.shape[1]
    assert prediction.shape == noisy.shape
    assert prediction.dtype == torch.float32
    assert inputs["hidden_states"].dtype == torch.bfloat16
    assert inputs["img_ids"].tolist() == [
        [kind, length + row, length + column] for kind in (1, 2) for row in range(4) for column in range(6)
    ]
    assert inputs["txt_ids"].tolist() == [[0, place, place] for place in range(length)]


def test_texts_are_encoded_where_the_text_encoder_is() -> None:
    editor = LongCatImageEdit(tiny_pipelines.build("longcat"))
    expected = editor.condition(TEXTS[:1], PICTURES[:1]).embeddings
    editor.denoiser.to("meta")
    editor.autoencoder.to("meta")
    assert torch.equal(editor.condition(TEXTS[:1], PICTURES[:1]).embeddings, expected)


def test_guidance_is_by_a_second_pass_where_its_scale_is_more_than_1(editor: LongCatImageEdit) -> None:
    assert editor.needs_null_text(GUIDED)
    assert not editor.needs_null_text(sampling.Sampling("", 2, 1.0, 1.0))
