"""A tiny pipeline of random weights for every editing family, of diffusers' own classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.pipelines.longcat_image import pipeline_longcat_image_edit
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit, pipeline_qwenimage_edit_plus
from PIL import Image
from torch import nn

from tests.editors.tiny_families import BUILDERS


def build(family: str, *, seed: int = 0) -> DiffusionPipeline:
    """A pipeline in float32 on the CPU, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = BUILDERS[family]()
        for part in pipeline.components.values():
            if isinstance(part, nn.Module):
                part.eval()
        enliven(getattr(pipeline, "transformer", None) or pipeline.unet)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def enliven(denoiser: nn.Module) -> None:
    """Let a denoiser's output depend on every parameter and clearly on texts and pictures.

    Parameters that begin at 0 become small random values. Matrices double: in so narrow a model, the usual
    initialization lets attention average over all tokens alike.
    """
    for parameter in denoiser.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)
        if parameter.ndim == 2:
            parameter *= 2


# 8 parameters: as `edit_floats`
def edit(
    pipeline: DiffusionPipeline,
    family: str,
    picture: Image.Image,
    text: str,
    *,
    seed: int,
    steps: int = 2,
    height: int,
    width: int,
) -> np.ndarray:
    """Edit a picture by the family's own pipeline, at this height and width. H W 3, uint8."""
    floats = edit_floats(pipeline, family, picture, text, seed=seed, steps=steps, height=height, width=width)
    return (floats * 255).round().astype(np.uint8)


# 8 parameters: a picture, a text, and how the family's pipeline is called
def edit_floats(
    pipeline: DiffusionPipeline,
    family: str,
    picture: Image.Image,
    text: str,
    *,
    seed: int,
    steps: int = 2,
    height: int,
    width: int,
) -> np.ndarray:
    """The same edit before rounding. H W 3, float32, 0 to 1."""
    options: dict[str, Any] = {"height": height, "width": width}
    if family == "kontext":
        options |= {"max_area": height * width, "_auto_resize": False}
    elif family.startswith("qwen"):
        options["negative_prompt"] = " "  # without it there is no guidance
    elif family in {"sd", "longcat"}:
        options = {}  # these work at the size of the picture and at that of `calculate_dimensions`
    if family == "sd":
        picture = picture.resize((width, height))
    options["generator"] = torch.Generator("cpu").manual_seed(seed)
    with _sized(family, height, width):
        result = pipeline(image=picture, prompt=text, num_inference_steps=steps, output_type="np", **options)
    return result.images[0]


@contextmanager
def _sized(family: str, height: int, width: int) -> Iterator[None]:
    """Let a pipeline that would resize to a megapixel work at this height and width."""
    with ExitStack() as patches:
        if family in {"qwen", "longcat"}:
            module = pipeline_qwenimage_edit if family == "qwen" else pipeline_longcat_image_edit
            size = (width, height, None) if family == "qwen" else (width, height)
            patches.enter_context(patch.object(module, "calculate_dimensions", lambda area, ratio: size))
        elif family.startswith("qwen"):
            for name in ("VAE_IMAGE_SIZE", "CONDITION_IMAGE_SIZE"):
                patches.enter_context(patch.object(pipeline_qwenimage_edit_plus, name, height * width))
        yield


FAMILIES: tuple[str, ...] = tuple(BUILDERS)
# Saved, these do not open by `DiffusionPipeline.from_pretrained` where torchvision is missing: their processor
# builds a video processor. `tiny_tokenizers.open_folder` opens them.
NEEDS_TORCHVISION = frozenset({"qwen", "qwen-plus", "qwen-2511", "longcat", "dreamlite"})
