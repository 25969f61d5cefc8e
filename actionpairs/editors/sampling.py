"""Edits by any editor, with one seed per sample."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor

from actionpairs.editors.conditioning import Conditioning, GuidedTexts
from actionpairs.editors.editor import Editor, Sampling
from actionpairs.errors import ModelError, ScoreError


# 7 parameters: what is edited, how, and by what
@torch.inference_mode()
def sample(
    editor: Editor,
    pictures: np.ndarray,
    instructions: Sequence[str],
    *,
    seeds: Sequence[int],
    sampling: Sampling,
    more_pictures: Sequence[np.ndarray] = (),
    negatives: Sequence[str] = (),
) -> np.ndarray:
    """Edit pictures. Each sample draws all its noise from its own seed, on the CPU, whatever the device is.

    pictures: B H W 3 uint8, H and W multiples of `editor.multiple`; returns the same. more_pictures:
    further input pictures of every edit, for families that take them, each B H W 3 of a shape of its own.
    negatives: instructions that the edits are guided away from, in place of the null text (a negative prompt).
    The result equals that of the family's diffusers pipeline with a list of CPU generators.
    Raises ModelError if the size does not fit, or there is no such scheduler.
    """
    texts = guided_texts(editor, [pictures, *more_pictures], instructions, sampling, negatives=negatives)
    return sample_conditioned(editor, pictures, texts, seeds=seeds, sampling=sampling)


@torch.inference_mode()
def sample_conditioned(
    editor: Editor, pictures: np.ndarray, texts: GuidedTexts, *, seeds: Sequence[int], sampling: Sampling
) -> np.ndarray:
    """As `sample`, with texts that are encoded already."""
    height, width = pictures.shape[1:3]
    _check_size(editor, height, width)
    scheduler = editor.scheduler(sampling, tokens=editor.tokens(height, width), device=editor.device)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    takes_noise = "generator" in inspect.signature(scheduler.step).parameters
    options = {"generator": generators} if takes_noise else {}
    reference = editor.reference(editor.encode(pictures)[0]).to(editor.device, editor.dtype)
    noise = randn_tensor(reference.shape, generator=generators, device=editor.device, dtype=editor.dtype)
    latents = noise * scheduler.init_noise_sigma if hasattr(scheduler, "init_noise_sigma") else noise
    process = editor.noise_process()
    texts = GuidedTexts(
        texts.texts.to(editor.device, editor.dtype),
        None if texts.null is None else texts.null.to(editor.device, editor.dtype),
    )
    for timestep in scheduler.timesteps:
        noisy = (
            scheduler.scale_model_input(latents, timestep) if hasattr(scheduler, "scale_model_input") else latents
        )
        guided = editor.guided(noisy, process.time_of(timestep), reference, texts, sampling)
        latents = scheduler.step(guided, timestep, latents, **options, return_dict=False)[0].to(editor.dtype)
    return editor.decode(latents)


@torch.inference_mode()
def guided_texts(
    editor: Editor,
    pictures: Sequence[np.ndarray],
    instructions: Sequence[str],
    sampling: Sampling,
    *,
    negatives: Sequence[str] = (),
) -> GuidedTexts:
    """The instructions of some edits, encoded; with the null text where the model is guided by it.

    pictures: their input pictures, and further ones, B H W 3 each. negatives: as in `sample`. Raises ModelError if
    the pictures are too many, or the model is not guided by a second text.
    """
    most = editor.traits.most_pictures
    if len(pictures) > most:
        raise ModelError(
            f"A {editor.traits.name} takes at most {most} input pictures, not {len(pictures)}.",
            cure="Leave some out.",
        )
    latents = [editor.reference(editor.encode(each)[0]) for each in pictures[1:]]

    def encode(texts: Sequence[str], of: Sequence[np.ndarray]) -> Conditioning:
        encoded = editor.condition_several(texts, of) if latents else editor.condition(texts, of[0])
        return replace(encoded, more_pictures=tuple(latents))

    texts, count = encode(instructions, pictures), len(instructions)
    if not editor.needs_null_text(sampling):
        if negatives:
            raise ModelError(
                f"This {editor.traits.name} compares with no second text, so there is nothing to guide away from.",
                cure="Leave out the negatives, or set a text guidance above 1 if the family has one.",
            )
        return GuidedTexts(texts, None)
    if negatives:
        return GuidedTexts(texts, encode(negatives, pictures))
    null = editor.null_text()
    if editor.traits.text_sees_picture or latents:
        return GuidedTexts(texts, encode([null] * count, pictures))
    return GuidedTexts(texts, editor.condition([null], pictures[0][:1]).expand(count))


def device_for(device: str) -> str:
    """The device to compute on: "auto" is a GPU if there is one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ScoreError(
            f"--device {device}: {str(error).partition(chr(10))[0]}", cure="Give auto, cpu or cuda."
        ) from None
    return device


def _check_size(editor: Editor, height: int, width: int) -> None:
    multiple = editor.multiple
    if height % multiple or width % multiple:
        raise ModelError(
            f"This model edits pictures whose sides are multiples of {multiple} pixels, not {width}×{height}.",
            cure=f"Set `eval.resolution` to a multiple of {multiple}.",
        )
