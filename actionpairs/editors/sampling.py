"""Edits by any InstructPix2Pix, with three-way guidance and one seed per sample."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers
from diffusers.utils.torch_utils import randn_tensor

from actionpairs.data.examples import to_signed
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.errors import ModelError, ScoreError


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an edit is sampled: a diffusers scheduler by class name, number of steps, and guidance scales."""

    scheduler: str
    steps: int
    image_guidance: float
    text_guidance: float


@torch.inference_mode()
def edit(
    editor: Editor, pictures: np.ndarray, instructions: Sequence[str], *, seeds: Sequence[int], sampling: Sampling
) -> np.ndarray:
    """Edit pictures. Each sample draws all its noise from its own seed, on the CPU, whatever the device is.

    pictures: B H W 3 uint8, H and W multiples of the autoencoder's factor; returns the same shape and type.
    The result equals that of StableDiffusionInstructPix2PixPipeline with a list of CPU generators.
    Raises ModelError if the size does not fit or there is no such scheduler.
    """
    _check_size(editor, pictures)
    scheduler = _scheduler(sampling.scheduler, editor.scheduler.config)
    scheduler.set_timesteps(sampling.steps, device=editor.unet.device)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    options = {"generator": generators} if "generator" in inspect.signature(scheduler.step).parameters else {}
    null = editor.embed([""]).expand(len(instructions), -1, -1)
    texts = torch.cat([null, null, editor.embed(instructions)])
    image = _image_latents(editor, pictures)
    images = torch.cat([torch.zeros_like(image), image, image])
    noise = randn_tensor(image.shape, generator=generators, device=image.device, dtype=image.dtype)
    latents = noise * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        noisy = scheduler.scale_model_input(torch.cat([latents] * 3), timestep)
        predicted = editor.unet(torch.cat([noisy, images], dim=1), timestep, encoder_hidden_states=texts)
        guided = guide(predicted.sample, sampling.image_guidance, sampling.text_guidance)
        latents = scheduler.step(guided, timestep, latents, **options).prev_sample
    return _decode(editor, latents)


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


def guide(predicted: torch.Tensor, image_guidance: float, text_guidance: float) -> torch.Tensor:
    """ε(∅,∅) + s_i [ε(c_I,∅) − ε(∅,∅)] + s_c [ε(c_I,c_T) − ε(c_I,∅)] (arXiv 2211.09800, equation 3).

    predicted: 3B 4 h w, the three predictions in this order; returns B 4 h w.
    """
    neither, image_only, both = predicted.chunk(3)
    return neither + image_guidance * (image_only - neither) + text_guidance * (both - image_only)


def factor(editor: Editor) -> int:
    """Pixels per latent along a side. The sides of pictures must be multiples of it."""
    return int(2 ** (len(editor.vae.config.block_out_channels) - 1))


def _check_size(editor: Editor, pictures: np.ndarray) -> None:
    height, width = pictures.shape[1:3]
    multiple = factor(editor)
    if height % multiple or width % multiple:
        raise ModelError(
            f"This model edits pictures whose sides are multiples of {multiple} pixels, not {width}×{height}.",
            cure=f"Set `eval.resolution` to a multiple of {multiple}.",
        )


def _image_latents(editor: Editor, pictures: np.ndarray) -> torch.Tensor:
    """The mode of the input's latent, B 4 h w. InstructPix2Pix does not scale it by scaling_factor."""
    latents: torch.Tensor = editor.vae.encode(to_signed(pictures, editor.vae.device)).latent_dist.mode()
    return latents


def _decode(editor: Editor, latents: torch.Tensor) -> np.ndarray:
    """B H W 3 uint8."""
    pixels = editor.vae.decode(latents / editor.vae.config.scaling_factor).sample
    rounded = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return np.asarray(rounded.permute(0, 2, 3, 1).contiguous().cpu())


def _scheduler(name: str, config: Any) -> Any:
    """The scheduler of this name, with the noise schedule that the model was trained with.

    Latents may leave [-1, 1]. DDIM and others clip them by default, so clipping is off unless the model's own
    scheduler has it.
    """
    if name in _SCHEDULERS:
        return getattr(diffusers, name).from_config({"clip_sample": False, **config})
    similar = difflib.get_close_matches(name, _SCHEDULERS, n=1)
    raise ModelError(
        f"{name}: no scheduler for an InstructPix2Pix{f' (did you mean {similar[0]}?)' if similar else ''}.",
        cure=f"Set `eval.scheduler` to one of diffusers' classes {', '.join(_SCHEDULERS)}.",
    )


_SCHEDULERS = tuple(
    member.name
    for member in KarrasDiffusionSchedulers
    if member.name != "DPMSolverSDEScheduler"  # it takes no generator for its noise
)
