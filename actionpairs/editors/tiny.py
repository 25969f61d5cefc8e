"""A small InstructPix2Pix that is built from nothing and trains on a CPU in minutes.

Its tokenizer and its autoencoder are trained on the pairs. Its text encoder keeps random weights: they give
different texts different embeddings, which is enough for a few dozen instructions.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    EulerAncestralDiscreteScheduler,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from actionpairs.configs import TinyModel
from actionpairs.data import rng
from actionpairs.data.examples import to_signed
from actionpairs.editors.instruct_pix2pix import InstructPix2Pix
from actionpairs.progress import Progress

_START, _END = "<|startoftext|>", "<|endoftext|>"
_GROUPS = 8  # of the U-Net's group normalization: its numbers of channels are multiples
_AUTOENCODER_GROUPS = 1
_PICTURES_MEASURED = 256
_NO_SPREAD = -16.0  # logarithm of a variance


def build(
    sizes: TinyModel, vae: AutoencoderKL, texts: Sequence[str], *, resolution: int, seed: int
) -> InstructPix2Pix:
    """Build a small editor around an autoencoder. Its U-Net has random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "tiny model"))
        tokenizer = train_tokenizer([*texts, *sizes.words], vocabulary=sizes.vocabulary, length=sizes.text_length)
        text_encoder = CLIPTextModel(text_config(sizes, tokenizer)).eval()
        unet = UNet2DConditionModel(**_unet_config(sizes, vae, resolution)).eval()
    scheduler = EulerAncestralDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        prediction_type=sizes.prediction,
    )
    pipeline = StableDiffusionInstructPix2PixPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return InstructPix2Pix(pipeline).to(vae.device)


def make_autoencoder(sizes: TinyModel, pictures: np.ndarray, *, seed: int, device: torch.device) -> AutoencoderKL:
    """Build an autoencoder and train it on these pictures (N H W 3, uint8). Its latents have unit variance."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "tiny autoencoder"))
        vae = AutoencoderKL(**_autoencoder_config(sizes, pictures.shape[1])).to(device)
        _init_linear(vae)
    train_autoencoder(
        vae, pictures, steps=sizes.autoencoder_steps, batch_size=sizes.autoencoder_batch_size, seed=seed
    )
    _whiten(vae, pictures)
    return vae


def train_tokenizer(texts: Sequence[str], *, vocabulary: int, length: int) -> CLIPTokenizer:
    """A CLIP tokenizer with byte pairs of these texts. `length` includes the two special tokens."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocabulary, 2 * len(alphabet) + 2),
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    words = (word for text in sorted(texts) for word in text.lower().split())
    tokenizer.train_from_iterator(words, trainer)
    bpe = json.loads(tokenizer.to_str())["model"]
    pieces = dict.fromkeys([*sorted(alphabet), *(f"{byte}</w>" for byte in sorted(alphabet))])
    pieces |= dict.fromkeys(sorted(bpe["vocab"], key=bpe["vocab"].get))
    ids = {piece: number for number, piece in enumerate([*pieces, _START, _END])}
    merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in bpe["merges"]]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
        Path(folder, "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
        return CLIPTokenizer.from_pretrained(folder, model_max_length=length)


def train_autoencoder(vae: AutoencoderKL, pictures: np.ndarray, *, steps: int, batch_size: int, seed: int) -> None:
    """Train an autoencoder to reconstruct pictures, with deterministic latents (no sampling)."""
    device = next(vae.parameters()).device
    optimizer = torch.optim.AdamW(vae.parameters(), lr=_AUTOENCODER_RATE, weight_decay=0.0)
    vae.train()
    for step in Progress(range(steps), desc="autoencoder", unit="step"):
        generator = rng.generator(seed, "autoencoder", step)
        indices = generator.integers(len(pictures), size=batch_size)
        signed = to_signed(pictures[np.sort(indices)], device)
        loss = _picture_loss(vae.decode(vae.encode(signed).latent_dist.mean).sample - signed)
        for group in optimizer.param_groups:
            group["lr"] = _AUTOENCODER_RATE * _warmup_cosine(step, steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
    vae.eval()


_AUTOENCODER_RATE = 1e-3  # at twice this rate, colors are never learned
_LUMA_CHROMA = ((0.299, 0.587, 0.114), (-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))
_CHROMA_WEIGHT = 3.0  # colors vary a sixth as much as brightness, and would be learned last


def _picture_loss(error: Tensor) -> Tensor:
    """Absolute and squared error of brightness and, with a higher weight, of color. B 3 H W in, a scalar out."""
    matrix = torch.tensor(_LUMA_CHROMA, device=error.device)
    matrix[1:] *= _CHROMA_WEIGHT
    weighed = torch.einsum("ij,bjhw->bihw", matrix, error)
    return weighed.abs().mean() + 2 * weighed.square().mean()


@torch.no_grad()
def _init_linear(vae: AutoencoderKL) -> None:
    """Initialize an autoencoder so that it averages and repeats colors; its blocks add nothing (arXiv 1706.02677).

    Group normalization would remove each picture's own brightness and colors. Two constant channels, far apart,
    set its scale instead.
    """
    for name, module in vae.named_modules():
        if name.endswith("conv2"):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        elif name.endswith("conv_norm_out"):
            nn.init.constant_(module.weight, _CONSTANT * math.sqrt(2 / module.num_channels))
            nn.init.constant_(module.bias, _LINEAR_POINT)
        elif isinstance(module, nn.Conv2d) and not name.endswith("conv1"):
            _init_identity(module, module.weight, averaged="downsamplers" in name)
            if "quant" not in name:
                _init_constant_channels(name.rpartition(".")[2], module.weight, module.bias)


def _init_identity(layer: nn.Conv2d, weight: Tensor, *, averaged: bool) -> None:
    """Let a convolution copy its first channels, or average them over 2×2, and mix all of them weakly."""
    count = min(layer.in_channels, layer.out_channels)
    channels = torch.arange(count - 2 if count > 4 else count)
    middle = layer.kernel_size[0] // 2
    weight *= _MIXED
    if averaged:
        weight[channels, channels, :2, :2] += 0.25
    else:
        weight[channels, channels, middle, middle] += 1


def _init_constant_channels(name: str, weight: Tensor, bias: Any) -> None:
    """Create the two constant channels, copy them, or drop them together with the shift of SiLU's input."""
    if name == "conv_in":
        weight[-2:] = 0
        bias[-2:] = torch.tensor([_CONSTANT, -_CONSTANT])
    elif name == "conv_out":
        weight[:, -2:] = 0
        bias -= _LINEAR_POINT * weight.sum((1, 2, 3))
    else:
        middle = weight.shape[-1] // 2
        weight[-2:], bias[-2:] = 0, 0
        weight[[-2, -1], [-2, -1], middle, middle] = 1


_MIXED = 0.1
_CONSTANT = 4.0  # well outside the colors' own −1 to 1
_LINEAR_POINT = 3.0  # SiLU is almost linear near here


def _warmup_cosine(step: int, steps: int) -> float:
    """A linear warm-up to 1, then half a cosine down to 0."""
    return min(1.0, (step + 1) / _WARMUP) * 0.5 * (1 + math.cos(math.pi * step / steps))


_WARMUP = 20  # steps


@torch.no_grad()
def _whiten(vae: AutoencoderKL, pictures: np.ndarray) -> None:
    """Give every latent channel mean 0 and variance 1, so that noise affects all of them alike.

    The 1×1 convolutions before and after the latent absorb the change: reconstructions stay the same.
    """
    stride = max(1, len(pictures) // _PICTURES_MEASURED)
    device = next(vae.parameters()).device
    latents = [vae.encode(to_signed(picture[None], device)).latent_dist.mean for picture in pictures[::stride]]
    deviation, mean = torch.std_mean(torch.cat(latents), dim=(0, 2, 3))
    count = len(mean)
    into, out = vae.quant_conv, vae.post_quant_conv
    out.bias += (out.weight[:, :, 0, 0] * mean).sum(1)
    out.weight *= deviation.view(1, -1, 1, 1)
    into.bias[:count] = (into.bias[:count] - mean) / deviation
    into.weight[:count] /= deviation.view(-1, 1, 1, 1)
    into.weight[count:] = 0
    into.bias[count:] = _NO_SPREAD
    vae.register_to_config(scaling_factor=1.0)


def text_config(sizes: TinyModel, tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=sizes.text_width,
        intermediate_size=2 * sizes.text_width,
        num_hidden_layers=sizes.text_layers,
        num_attention_heads=4,
        max_position_embeddings=sizes.text_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_factor=1.0,
    )


def _autoencoder_config(sizes: TinyModel, resolution: int) -> dict[str, object]:
    channels = sizes.autoencoder_channels
    return {
        "down_block_types": ("DownEncoderBlock2D",) * len(channels),
        "up_block_types": ("UpDecoderBlock2D",) * len(channels),
        "block_out_channels": channels,
        "latent_channels": sizes.latent_channels,
        "norm_num_groups": _AUTOENCODER_GROUPS,
        "sample_size": resolution,
        "mid_block_add_attention": False,
    }


def _unet_config(sizes: TinyModel, vae: AutoencoderKL, resolution: int) -> dict[str, object]:
    channels, latents = sizes.unet_channels, vae.config.latent_channels
    plain = len(channels) - min(sizes.unet_attention, len(channels))
    return {
        "in_channels": 2 * latents,
        "out_channels": latents,
        "down_block_types": ("DownBlock2D",) * plain + ("CrossAttnDownBlock2D",) * (len(channels) - plain),
        "up_block_types": ("CrossAttnUpBlock2D",) * (len(channels) - plain) + ("UpBlock2D",) * plain,
        "block_out_channels": channels,
        "layers_per_block": sizes.unet_layers,
        "cross_attention_dim": sizes.text_width,
        "attention_head_dim": sizes.unet_heads,
        "norm_num_groups": _GROUPS,
        "sample_size": resolution // 2 ** (len(vae.config.block_out_channels) - 1),
    }
