"""An InstructPix2Pix editor: loading it, freezing parts of it, saving it."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from actionpairs.errors import ModelError, one_line


@dataclass(frozen=True, slots=True)
class Editor:
    """The parts of an InstructPix2Pix model; `scheduler` is any of diffusers' with `alphas_cumprod`."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler: Any

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """The text encoder's output for each text: B L D, float32. Long texts are truncated."""
        tokens = self.tokenizer(
            list(texts),
            padding="max_length",
            max_length=self.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        embedded: Tensor = self.text_encoder(tokens.input_ids.to(self.text_encoder.device))[0]
        return embedded.float()

    def pipeline(self) -> StableDiffusionInstructPix2PixPipeline:
        """The same parts as a diffusers pipeline, without safety checker."""
        return StableDiffusionInstructPix2PixPipeline(
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            unet=self.unet,
            scheduler=self.scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )

    def save(self, path: Path) -> None:
        """Write a folder that StableDiffusionInstructPix2PixPipeline.from_pretrained opens; safetensors only.

        Its configs do not contain paths of this machine.
        """
        self.pipeline().save_pretrained(path, safe_serialization=True)
        for config in path.glob("*/config.json"):
            values = json.loads(config.read_text(encoding="utf-8"))
            values.pop("_name_or_path", None)
            config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def to(self, device: torch.device) -> Editor:
        """The same editor, moved to a device."""
        for part in (self.unet, self.vae, self.text_encoder):
            part.to(device)
        return self


def load(source: str, *, widen: bool = False) -> Editor:
    """Load an InstructPix2Pix in float32: from a diffusers folder, by hub id, or by the name of a shipped model.

    widen: also accept a text-to-image U-Net of 4 input channels, and add the 4 of the original picture with
    weights of zero, as InstructPix2Pix does (arXiv 2211.09800).
    Raises ModelError if there is no such model, or it is of another kind.
    """
    pipeline = _load_pipeline(_resolve(source))
    if not isinstance(pipeline.unet, UNet2DConditionModel) or not isinstance(pipeline.vae, AutoencoderKL):
        raise ModelError(f"{source}: not an InstructPix2Pix.", cure=_OTHER)
    needed = 2 * pipeline.vae.config.latent_channels
    channels = pipeline.unet.config.in_channels
    is_text_to_image = channels == needed // 2
    if is_text_to_image and widen:
        widen_input(pipeline.unet)
    elif channels != needed:
        raise ModelError(
            f"{source}: its U-Net takes {channels} channels; an InstructPix2Pix takes {needed}.",
            cure=f"Set `model.widen: true` to start from a text-to-image model, or {_OTHER[0].lower()}{_OTHER[1:]}"
            if is_text_to_image
            else _OTHER,
        )
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        part.float()
    return Editor(pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.tokenizer, pipeline.scheduler)


def load_autoencoder(source: str) -> AutoencoderKL:
    """Load only the autoencoder of a model. Raises ModelError if there is none."""
    try:
        vae = AutoencoderKL.from_pretrained(_resolve(source), subfolder="vae", use_safetensors=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"{source}: no autoencoder can be loaded: {one_line(error)}.", cure=_OTHER) from error
    return vae.float().eval()


_SHIPPED = Path(__file__).parents[1] / "weights"


def _resolve(source: str) -> str:
    """The folder of a shipped model; any other source as it is."""
    return str(_SHIPPED / source) if source in shipped() else source


def shipped() -> list[str]:
    """The names of the models that come with the package."""
    return sorted(path.parent.name for path in _SHIPPED.glob("*/model_index.json"))


_OTHER = "Give an InstructPix2Pix, for example timbrooks/instruct-pix2pix."


def widen_input(unet: UNet2DConditionModel) -> None:
    """Double the input channels of a U-Net. The new weights are zero, so its output stays the same."""
    old = unet.conv_in
    new = nn.Conv2d(2 * old.in_channels, old.out_channels, old.kernel_size, padding=old.padding)
    weight = torch.cat([old.weight, torch.zeros_like(old.weight)], 1)
    new.load_state_dict({"weight": weight.detach(), "bias": old.bias.detach()})
    unet.conv_in = new
    unet.register_to_config(in_channels=new.in_channels)


def freeze(unet: nn.Module, patterns: Sequence[str]) -> tuple[str, ...]:
    """Freeze every parameter whose name contains one of the patterns. Returns their names, sorted.

    Raises ModelError if a pattern matches nothing.
    """
    names = [name for name, _ in unet.named_parameters()]
    for pattern in patterns:
        if not any(pattern in name for name in names):
            raise ModelError(
                f"`freeze: {pattern}`: no parameter's name contains it.",
                cure="Write part of a parameter's name, such as attn2.",
            )
    for name, parameter in unet.named_parameters():
        parameter.requires_grad_(not any(pattern in name for pattern in patterns))
    return tuple(sorted(name for name, parameter in unet.named_parameters() if not parameter.requires_grad))


def frozen_copy(unet: nn.Module, *, precision: str = "no") -> nn.Module:
    """A copy of the model that does not train. It shares the parameters that are frozen already.

    precision: of the autocast that it will run under. Autocast would round the weights of convolutions and linear
    layers in every step. They are rounded here once, and take half the memory.
    """
    shared = {id(parameter): parameter for parameter in unet.parameters() if not parameter.requires_grad}
    copied = copy.deepcopy(unet, dict(shared)).requires_grad_(False).eval()
    if precision != "no":
        for layer in copied.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d) and id(layer.weight) not in shared:
                layer.to(_DTYPES[precision])
    return copied


_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def _load_pipeline(source: str) -> StableDiffusionInstructPix2PixPipeline:
    """Load a pipeline with diffusers, and translate its errors."""
    if Path(source).is_dir() and not Path(source, "model_index.json").is_file():
        raise ModelError(f"{source}: not a diffusers folder: it has no model_index.json.", cure=_OTHER)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        return StableDiffusionInstructPix2PixPipeline.from_pretrained(
            source,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            use_safetensors=True,
        )
    except (OSError, ValueError, TypeError, AttributeError, ImportError, RuntimeError) as error:
        raise ModelError(
            f"{source}: cannot be loaded: {one_line(error)}.",
            cure="Check the folder's path or the hub id, and the network; weights must be safetensors.",
        ) from error
