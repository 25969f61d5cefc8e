"""An edit may have several input pictures, in the families that take them."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus
from PIL import Image

from actionpairs.editors import families, sampling
from actionpairs.errors import ModelError
from tests.editors import tiny_pipelines

SIDE = 64
PICTURES = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
TEXT = "put the cup of the second picture on the table"


@pytest.mark.parametrize("family", ["flux2", "flux2-klein", "qwen-plus", "qwen-2511"])
@pytest.mark.parametrize("count", [2, 3])
def test_several_pictures_are_what_the_pipeline_takes(family: str, count: int) -> None:
    pipeline = tiny_pipelines.build(family)
    editor = families.family_of(type(pipeline).__name__, family)(pipeline)
    options = {"negative_prompt": " "} if "qwen" in family else {}
    with (
        patch.object(plus, "VAE_IMAGE_SIZE", SIDE * SIDE),
        patch.object(plus, "CONDITION_IMAGE_SIZE", SIDE * SIDE),
    ):
        expected = pipeline(
            image=[Image.fromarray(picture) for picture in PICTURES[:count]],
            prompt=TEXT,
            height=SIDE,
            width=SIDE,
            num_inference_steps=2,
            generator=torch.Generator().manual_seed(5),
            output_type="np",
            **options,
        ).images[0]
        edits = sampling.sample(
            editor,
            PICTURES[:1],
            [TEXT],
            seeds=[5],
            sampling=replace(editor.traits.sampling, steps=2),
            more_pictures=[picture[None] for picture in PICTURES[1:count]],
        )
    assert np.array_equal(edits[0], (expected * 255).round().astype(np.uint8))


def test_further_pictures_change_the_edit_and_may_have_other_shapes() -> None:
    editor = families.family_of("Flux2KleinPipeline", "tiny")(tiny_pipelines.build("flux2-klein"))
    options = replace(editor.traits.sampling, steps=1)

    def edit(*more: np.ndarray) -> np.ndarray:
        return sampling.sample(editor, PICTURES[:1], [TEXT], seeds=[0], sampling=options, more_pictures=more)

    wide = np.concatenate([PICTURES[1:2], PICTURES[2:3]], axis=2)
    assert edit(wide).shape == edit().shape
    assert not np.array_equal(edit(wide), edit(PICTURES[1:2]))


def test_a_family_that_takes_one_picture_says_so() -> None:
    editor = families.family_of("FluxKontextPipeline", "tiny")(tiny_pipelines.build("kontext"))
    with pytest.raises(ModelError, match="at most 1 input pictures, not 2"):
        sampling.sample(
            editor,
            PICTURES[:1],
            [TEXT],
            seeds=[0],
            sampling=editor.traits.sampling,
            more_pictures=[PICTURES[1:2]],
        )
