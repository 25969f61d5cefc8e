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

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, EulerAncestralDiscreteScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from actionpairs.configs import TinyModel
from actionpairs.learning import draws
from actionpairs.learning.editor import Editor
from actionpairs.learning.editor_lesson import EditorLesson
from actionpairs.learning.examples import to_signed
from actionpairs.progress import Progress

_START, _END = "<|startoftext|>", "<|endoftext|>"
_GROUPS = 8  # of the U-Net's group normalisation: its numbers of channels are multiples
_LATENT_CHANNELS = 4
_PICTURES_MEASURED = 256


def build(
    sizes: TinyModel, pictures: np.ndarray, texts: Sequence[str], *, seed: int, device: torch.device
) -> Editor:
    """Make a small editor whose autoencoder knows these pictures and whose U-Net knows nothing yet.

    pictures: N H W 3, uint8.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draws.torch_seed(seed, "tiny model"))
        tokenizer = train_tokenizer(texts, vocabulary=sizes.vocabulary, length=sizes.text_length)
        text_encoder = CLIPTextModel(_text_config(sizes, tokenizer)).eval()
        vae = AutoencoderKL(**_autoencoder_config(sizes, pictures.shape[1])).to(device)
        unet = UNet2DConditionModel(**_unet_config(sizes, pictures.shape[1])).eval()
    train_autoencoder(
        vae, pictures, steps=sizes.autoencoder_steps, batch_size=sizes.autoencoder_batch_size, seed=seed
    )
    vae.register_to_config(scaling_factor=1 / _latent_deviation(vae, pictures))
    scheduler = EulerAncestralDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        prediction_type=sizes.prediction,
    )
    return Editor(unet, vae, text_encoder, tokenizer, scheduler).to(device)


def pretrain(editor: Editor, lesson: EditorLesson, *, steps: int, batch_size: int, rate: float) -> None:
    """Teach the whole U-Net, cross-attention included, what a lesson asks, so that it can stand in for the
    InstructPix2Pix that fine-tuning starts from."""
    unet = editor.unet.train()
    optimizer = torch.optim.AdamW(unet.parameters(), lr=rate)
    for step in Progress(range(steps), desc="base editor", unit="step"):
        for group in optimizer.param_groups:
            group["lr"] = rate * _cosine(step, steps)
        lesson.losses(unet, step, slice(batch_size)).total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    unet.eval()


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
    """Teach an autoencoder to give pictures back: absolute error, and a weak pull to the unit normal."""
    device = next(vae.parameters()).device
    optimizer = torch.optim.AdamW(vae.parameters(), lr=_AUTOENCODER_RATE, weight_decay=0.0)
    vae.train()
    for step in Progress(range(steps), desc="autoencoder", unit="step"):
        generator = draws.generator(seed, "autoencoder", step)
        chosen = generator.integers(len(pictures), size=batch_size)
        signed = to_signed(pictures[np.sort(chosen)], device)
        posterior = vae.encode(signed).latent_dist
        noise = torch.from_numpy(generator.standard_normal(posterior.mean.shape, dtype=np.float32))
        decoded = vae.decode(posterior.mean + posterior.std * noise.to(device)).sample
        loss = F.l1_loss(decoded, signed) + _AUTOENCODER_PULL * posterior.kl().mean() / signed[0].numel()
        for group in optimizer.param_groups:
            group["lr"] = _AUTOENCODER_RATE * _cosine(step, steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
    vae.eval()


_AUTOENCODER_RATE = 4e-3
_AUTOENCODER_PULL = 1e-4


def _cosine(step: int, steps: int) -> float:
    """Half a cosine from 1 down to 0."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))


@torch.no_grad()
def _latent_deviation(vae: AutoencoderKL, pictures: np.ndarray) -> float:
    """How far latents spread, measured on some of the pictures."""
    stride = max(1, len(pictures) // _PICTURES_MEASURED)
    device = next(vae.parameters()).device
    means = [vae.encode(to_signed(picture[None], device)).latent_dist.mean for picture in pictures[::stride]]
    return float(torch.cat(means).std())


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
        "latent_channels": _LATENT_CHANNELS,
        "norm_num_groups": 1,  # more would divide few channels so finely that colours get lost
        "sample_size": resolution,
        "mid_block_add_attention": False,
    }


def _unet_config(sizes: TinyModel, resolution: int) -> dict[str, object]:
    channels = sizes.unet_channels
    return {
        "in_channels": 2 * _LATENT_CHANNELS,
        "out_channels": _LATENT_CHANNELS,
        "down_block_types": ("CrossAttnDownBlock2D",) * len(channels),
        "up_block_types": ("CrossAttnUpBlock2D",) * len(channels),
        "block_out_channels": channels,
        "layers_per_block": sizes.unet_layers,
        "cross_attention_dim": sizes.text_width,
        "attention_head_dim": sizes.unet_heads,
        "norm_num_groups": _GROUPS,
        "sample_size": resolution // 2 ** (len(sizes.autoencoder_channels) - 1),
    }
