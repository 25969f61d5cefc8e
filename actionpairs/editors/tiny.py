"""A small InstructPix2Pix built from nothing, to learn in a minute on a CPU what the real one learns in hours.

Its tokenizer and its autoencoder are made from the training pairs. Its text encoder keeps random weights: they
keep the words of a text apart, which is all that a few dozen instructions ask for.
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
from diffusers import AutoencoderKL, EulerAncestralDiscreteScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from actionpairs.configs import TinyModel
from actionpairs.data import rng
from actionpairs.data.examples import to_signed
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.progress import Progress

_START, _END = "<|startoftext|>", "<|endoftext|>"
_GROUPS = 8  # of the U-Net's group normalization: its numbers of channels are multiples
_AUTOENCODER_GROUPS = 1
_PICTURES_MEASURED = 256
_NO_SPREAD = -16.0  # logarithm of a variance


def build(sizes: TinyModel, vae: AutoencoderKL, texts: Sequence[str], *, resolution: int, seed: int) -> Editor:
    """Make a small editor around an autoencoder; its U-Net knows nothing yet."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "tiny model"))
        tokenizer = train_tokenizer([*texts, *sizes.words], vocabulary=sizes.vocabulary, length=sizes.text_length)
        text_encoder = CLIPTextModel(_text_config(sizes, tokenizer)).eval()
        unet = UNet2DConditionModel(**_unet_config(sizes, vae, resolution)).eval()
    scheduler = EulerAncestralDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        prediction_type=sizes.prediction,
    )
    return Editor(unet, vae, text_encoder, tokenizer, scheduler).to(vae.device)


def make_autoencoder(sizes: TinyModel, pictures: np.ndarray, *, seed: int, device: torch.device) -> AutoencoderKL:
    """Make an autoencoder that knows these pictures (N H W 3, uint8), with latents of unit variance."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "tiny autoencoder"))
        vae = AutoencoderKL(**_autoencoder_config(sizes, pictures.shape[1])).to(device)
        _begin_linear(vae)
    train_autoencoder(
        vae, pictures, steps=sizes.autoencoder_steps, batch_size=sizes.autoencoder_batch_size, seed=seed
    )
    _whiten(vae, pictures)
    return vae


def train_tokenizer(texts: Sequence[str], *, vocabulary: int, length: int) -> CLIPTokenizer:
    """A CLIP tokenizer whose byte pairs come from these texts; `length` counts the two special tokens."""
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
    learned = json.loads(tokenizer.to_str())["model"]
    pieces = dict.fromkeys([*sorted(alphabet), *(f"{byte}</w>" for byte in sorted(alphabet))])
    pieces |= dict.fromkeys(sorted(learned["vocab"], key=learned["vocab"].get))
    ids = {piece: number for number, piece in enumerate([*pieces, _START, _END])}
    merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in learned["merges"]]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
        Path(folder, "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
        return CLIPTokenizer.from_pretrained(folder, model_max_length=length)


def train_autoencoder(vae: AutoencoderKL, pictures: np.ndarray, *, steps: int, batch_size: int, seed: int) -> None:
    """Teach an autoencoder to give pictures back; its latents are points, with no spread."""
    device = next(vae.parameters()).device
    optimizer = torch.optim.AdamW(vae.parameters(), lr=_AUTOENCODER_RATE, weight_decay=0.0)
    vae.train()
    for step in Progress(range(steps), desc="autoencoder", unit="step"):
        generator = rng.generator(seed, "autoencoder", step)
        chosen = generator.integers(len(pictures), size=batch_size)
        signed = to_signed(pictures[np.sort(chosen)], device)
        loss = _picture_loss(vae.decode(vae.encode(signed).latent_dist.mean).sample - signed)
        for group in optimizer.param_groups:
            group["lr"] = _AUTOENCODER_RATE * _rising_and_falling(step, steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
    vae.eval()


_AUTOENCODER_RATE = 1e-3  # twice as much never brings the colors back
_LUMA_CHROMA = ((0.299, 0.587, 0.114), (-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))
_CHROMA_WEIGHT = 3.0  # colors spread a sixth as far as brightness, and would be learned last


def _picture_loss(error: Tensor) -> Tensor:
    """Absolute and squared error of brightness and, weighed more, of color. B 3 H W in, a scalar out."""
    matrix = torch.tensor(_LUMA_CHROMA, device=error.device)
    matrix[1:] *= _CHROMA_WEIGHT
    weighed = torch.einsum("ij,bjhw->bihw", matrix, error)
    return weighed.abs().mean() + 2 * weighed.square().mean()


@torch.no_grad()
def _begin_linear(vae: AutoencoderKL) -> None:
    """Let an autoencoder begin by averaging and repeating colors: its blocks add nothing yet (arXiv 1706.02677).

    Normalization would take each picture's own brightness and colors out. Two constant channels, far apart,
    set its scale instead.
    """
    for name, module in vae.named_modules():
        if name.endswith("conv2"):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        elif name.endswith("conv_norm_out"):
            nn.init.constant_(module.weight, _CARRIED * math.sqrt(2 / module.num_channels))
            nn.init.constant_(module.bias, _LINEAR_RANGE)
        elif isinstance(module, nn.Conv2d) and not name.endswith("conv1"):
            _pass_on(module, module.weight, averaged="downsamplers" in name)
            if "quant" not in name:
                _carry_constants(name.rpartition(".")[2], module.weight, module.bias)


def _pass_on(layer: nn.Conv2d, weight: Tensor, *, averaged: bool) -> None:
    """Let a convolution hand on its first channels as they are, or averaged over 2×2, beside what it mixes."""
    count = min(layer.in_channels, layer.out_channels)
    channels = torch.arange(count - 2 if count > 4 else count)
    middle = layer.kernel_size[0] // 2
    weight *= _MIXED
    if averaged:
        weight[channels, channels, :2, :2] += 0.25
    else:
        weight[channels, channels, middle, middle] += 1


def _carry_constants(name: str, weight: Tensor, bias: Any) -> None:
    """Begin the two constant channels, hand them on, or leave them out, with what SiLU was shifted by."""
    if name == "conv_in":
        weight[-2:] = 0
        bias[-2:] = torch.tensor([_CARRIED, -_CARRIED])
    elif name == "conv_out":
        weight[:, -2:] = 0
        bias -= _LINEAR_RANGE * weight.sum((1, 2, 3))
    else:
        middle = weight.shape[-1] // 2
        weight[-2:], bias[-2:] = 0, 0
        weight[[-2, -1], [-2, -1], middle, middle] = 1


_MIXED = 0.1
_CARRIED = 4.0  # well outside the colors' own −1 to 1
_LINEAR_RANGE = 3.0  # SiLU hardly bends what lies about here


def _rising_and_falling(step: int, steps: int) -> float:
    """Half a cosine from 1 down to 0, after a short rise to it."""
    return min(1.0, (step + 1) / _RISE) * 0.5 * (1 + math.cos(math.pi * step / steps))


_RISE = 20  # steps


@torch.no_grad()
def _whiten(vae: AutoencoderKL, pictures: np.ndarray) -> None:
    """Give every latent channel mean 0 and variance 1, so that none is drowned in noise before the others.

    The 1×1 convolutions on either side of the latent take it in: the pictures that come out stay the same.
    """
    stride = max(1, len(pictures) // _PICTURES_MEASURED)
    device = next(vae.parameters()).device
    found = [vae.encode(to_signed(picture[None], device)).latent_dist.mean for picture in pictures[::stride]]
    deviation, mean = torch.std_mean(torch.cat(found), dim=(0, 2, 3))
    count = len(mean)
    into, out = vae.quant_conv, vae.post_quant_conv
    out.bias += (out.weight[:, :, 0, 0] * mean).sum(1)
    out.weight *= deviation.view(1, -1, 1, 1)
    into.bias[:count] = (into.bias[:count] - mean) / deviation
    into.weight[:count] /= deviation.view(-1, 1, 1, 1)
    into.weight[count:] = 0
    into.bias[count:] = _NO_SPREAD
    vae.register_to_config(scaling_factor=1.0)


def _text_config(sizes: TinyModel, tokenizer: CLIPTokenizer) -> CLIPTextConfig:
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
