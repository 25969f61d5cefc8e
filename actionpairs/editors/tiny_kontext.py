"""A small FLUX.1 Kontext that is built from nothing and trains on a CPU in minutes.

Before its first step it copies the input picture: some heads attend to that picture's token at the same place, and
the output is the best linear guess of v from that and the noisy token. So training has only the actions to learn.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxTransformer2DModel,
)
from torch import nn
from transformers import CLIPTextModel, T5Config, T5EncoderModel, T5Tokenizer

from actionpairs.configs import TinyModel
from actionpairs.data import rng
from actionpairs.editors import tiny
from actionpairs.editors.flux_kontext import FluxKontext
from actionpairs.errors import ModelError

_POSITIONS = 4  # of the latent in one token
_T5_HEADS = 4
_THETA = 10_000  # diffusers' base of the rotary frequencies


def build(
    sizes: TinyModel, vae: AutoencoderKL, texts: Sequence[str], *, resolution: int, seed: int
) -> FluxKontext:
    """Build a small editor around an autoencoder. It has no resolution of its own.

    diffusers' pipeline pads texts to 512 tokens unless `max_sequence_length` is `sizes.text_length`.
    Raises ModelError if the sizes do not fit together.
    """
    texts = [*texts, *sizes.words]
    config = _transformer_config(sizes, _POSITIONS * vae.config.latent_channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "tiny model"))
        clip = tiny.train_tokenizer(texts, vocabulary=sizes.vocabulary, length=sizes.text_length)
        t5 = word_tokenizer(texts, vocabulary=sizes.vocabulary, length=sizes.text_length)
        pipeline = FluxKontextPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15),
            vae=_unshifted(vae),
            text_encoder=CLIPTextModel(tiny.text_config(sizes, clip)).eval(),
            tokenizer=clip,
            text_encoder_2=T5EncoderModel(_t5_config(sizes, t5)).eval(),
            tokenizer_2=t5,
            transformer=FluxTransformer2DModel(**config).eval(),
        )
        init_copying(pipeline.transformer)
    return FluxKontext(pipeline).to(vae.device)


def word_tokenizer(texts: Sequence[str], *, vocabulary: int, length: int) -> T5Tokenizer:
    """A T5 tokenizer of the texts' most frequent words and of single characters. `length` includes the end token.

    Its unigrams are not trained: `tokenizers` would score them differently in every process.
    """
    special = ("<pad>", "</s>", "<unk>")
    characters = ("▁", *(chr(code) for code in range(33, 127)))
    words = [f"▁{word}" for text in texts for word in text.split()]
    by_count = sorted(sorted(set(words)), key=lambda word: -words.count(word))
    kept = by_count[: max(0, vocabulary - len(special) - len(characters))]
    scored = ((special, 0.0), (kept, -3.0), (characters, -6.0))
    pieces = [(piece, score) for group, score in scored for piece in group]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=length)


def _unshifted(vae: AutoencoderKL) -> AutoencoderKL:
    """The same autoencoder with a shift, which this family subtracts from latents."""
    shifted = copy.deepcopy(vae)
    shifted.register_to_config(shift_factor=vae.config.shift_factor or 0.0)
    return shifted


def _t5_config(sizes: TinyModel, tokenizer: T5Tokenizer) -> T5Config:
    return T5Config(
        vocab_size=len(tokenizer),
        d_model=sizes.text_width,
        d_kv=sizes.text_width // _T5_HEADS,
        d_ff=2 * sizes.text_width,
        num_layers=sizes.text_layers,
        num_heads=_T5_HEADS,
        feed_forward_proj="gated-gelu",
    )


def _transformer_config(sizes: TinyModel, channels: int) -> dict[str, Any]:
    """channels: of a token, four latent positions."""
    size = sizes.width // sizes.heads
    if sizes.width % sizes.heads or size % 8 or size < 16 or sizes.width < 2 * channels + 2:
        raise ModelError(
            f"`width: {sizes.width}` in `heads: {sizes.heads}` does not fit tokens of {channels} channels.",
            cure=f"Give at least {2 * channels + 2}, in heads of 16, 24, 32 … channels.",
        )
    side = 2 * (7 * size // 32)  # 7/16 of a head for rows and for columns, as in the released model
    return {
        "patch_size": 1,
        "in_channels": channels,
        "num_layers": sizes.layers,
        "num_single_layers": sizes.single_layers,
        "attention_head_dim": size,
        "num_attention_heads": sizes.heads,
        "joint_attention_dim": sizes.text_width,
        "pooled_projection_dim": sizes.text_width,
        "guidance_embeds": False,
        "axes_dims_rope": (size - 2 * side, side, side),
    }


@torch.no_grad()
def init_copying(transformer: FluxTransformer2DModel) -> None:
    """Initialize a transformer so that it predicts the input picture.

    A token's channels: its own content, what was copied from the input picture, room, and two constants far apart,
    with which layer normalization is almost linear.
    """
    channels, embedder = transformer.config.in_channels, transformer.x_embedder
    embedder.weight.zero_()
    embedder.weight[:channels] = torch.eye(channels)
    embedder.bias.zero_()
    embedder.bias[-2:] = torch.tensor([_CONSTANT, -_CONSTANT])
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    for number, block in enumerate(blocks):
        _init_silent(
            block, deviation=_usual_deviation(transformer, copied=channels if number else 0), noisy=channels
        )
        places = _NEIGHBORS[number:] + _NEIGHBORS[:number]
        _attend_by_place(block.attn, transformer.config.axes_dims_rope, places[: block.attn.heads // 2])
    copying = transformer.transformer_blocks[0].attn
    heads = math.ceil(channels / copying.head_dim)
    places = (_SAME_PLACE,) * heads + _NEIGHBORS[: copying.heads - heads]
    _attend_by_place(copying, transformer.config.axes_dims_rope, places)
    rows = torch.arange(channels)
    first = transformer.transformer_blocks[0].norm1.linear.bias.chunk(6)[1]
    first[:channels] = first[channels]
    copying.to_v.weight[: heads * copying.head_dim] = 0
    copying.to_v.bias[: heads * copying.head_dim] = 0
    copying.to_v.weight[rows, rows] = 1
    copying.to_out[0].weight[channels + rows, rows] = 1
    _init_output(transformer)


def _init_silent(block: nn.Module, *, deviation: float, noisy: int) -> None:
    """Let a block add nothing, with open gates: its last layers are 0, and learn at once.

    deviation: that layer normalization divides tokens by; it is undone. Left out are the two constants, and the
    `noisy` channels of a token's own content: what the input picture tells is learned first, without noise.
    """
    for name, layer in block.named_modules():
        if isinstance(layer, nn.Linear) and name.endswith(".linear"):  # shift, scale and gate, once or twice
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            parts = layer.bias.chunk(layer.out_features // layer.in_features)
            for gate in parts[2::3]:
                gate.fill_(1)
            for scale in () if "context" in name else parts[1::3]:
                scale.fill_(deviation - 1)
                scale[:noisy], scale[-2:] = -1, -1
        elif isinstance(layer, nn.Linear) and name.endswith(("to_out.0", "to_add_out", "net.2", "proj_out")):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)


def _attend_by_place(attention: Any, axes: Sequence[int], places: Sequence[tuple[int, int, int]]) -> None:
    """Let the first heads attend to one place each, relative to their own (as in ConViT, arXiv 2103.10697).

    axes: channels of a head for the picture's number, the row and the column. A query and a key that are constant
    depend on the rotation alone, which is by place.
    """
    size = attention.head_dim
    starts = (0, axes[0], axes[0] + axes[1])
    for head, place in enumerate(places):
        for layer in (attention.to_q, attention.to_k):
            layer.weight[head * size : (head + 1) * size] = 0
            layer.bias[head * size : (head + 1) * size] = 0
        for axis, start, offset, pairs in zip(axes, starts, place, _FAST_PAIRS, strict=True):
            for pair in range(pairs):
                channel, angle = head * size + start + 2 * pair, offset * _THETA ** (-2 * pair / axis)
                attention.to_q.bias[channel] = math.cos(angle)
                attention.to_q.bias[channel + 1] = math.sin(angle)
                attention.to_k.bias[channel] = 1
    for norm in (attention.norm_q, attention.norm_k):
        for start, pairs in zip(starts, _FAST_PAIRS, strict=True):
            norm.weight[start : start + 2 * pairs] = _SHARPNESS


def _usual_deviation(transformer: FluxTransformer2DModel, *, copied: int) -> float:
    """The standard deviation over a token's channels, for latents of unit variance.

    copied: how many channels hold what was copied.
    """
    power = float(transformer.x_embedder.weight.square().sum()) + copied + 2 * _CONSTANT**2
    return math.sqrt(power / transformer.inner_dim)


def _init_output(transformer: FluxTransformer2DModel) -> None:
    """Let the output be the best linear guess of v from the noisy token and the copied one, at every time."""
    channels, embedder = transformer.config.in_channels, transformer.time_text_embed
    nn.init.zeros_(embedder.text_embedder.linear_2.weight)  # no text moves the fit
    nn.init.zeros_(embedder.text_embedder.linear_2.bias)
    sigmas = torch.linspace(0, 1, _TIMES)
    pooled = torch.zeros(_TIMES, transformer.config.pooled_projection_dim)
    features = torch.cat([F.silu(embedder(1000 * sigmas, pooled)), torch.ones(_TIMES, 1)], 1).double()
    # With z = (1−σ)x + σε and x = r + δ: v = ε − δ − r, and z − (1−σ)r = (1−σ)δ + σε tells of ε − δ.
    noisy = (sigmas - (1 - sigmas) * _CHANGE) / (sigmas.square() + _CHANGE * (1 - sigmas).square())
    copied = -noisy * (1 - sigmas) - 1
    factors = _usual_deviation(transformer, copied=channels) * torch.stack([noisy, copied], 1).double()
    weighed = features * sigmas[:, None]  # what an error of v does to the picture
    ridge = _RIDGE * torch.eye(features.shape[1])
    fitted = torch.linalg.solve(weighed.T @ features + ridge, weighed.T @ (factors - 1)).float()
    modulation, output = transformer.norm_out.linear, transformer.proj_out
    for parameter in (*modulation.parameters(), *output.parameters()):
        nn.init.zeros_(parameter)
    for part in range(2):
        rows = slice(part * channels, (part + 1) * channels)
        modulation.weight[rows], modulation.bias[rows] = fitted[:-1, part], fitted[-1, part]
        output.weight[:, rows] = torch.eye(channels)


_SAME_PLACE = (1, 0, 0)  # in the input picture
_NEIGHBORS = (
    *((0, 0, 1), (0, 0, -1), (0, 1, 0), (0, -1, 0)),
    *((1, 0, 1), (1, 0, -1), (1, 1, 0), (1, -1, 0)),
    _SAME_PLACE,
)
_FAST_PAIRS = (1, 2, 2)  # of an axis' channels: those that turn fast with the place
_SHARPNESS = 3.0  # of queries and of keys: other places get a hundredth of the attention
_CONSTANT = 30.0  # far above latents of unit variance
_CHANGE = 0.003  # how far from the copied token the latents are expected, squared
_TIMES, _RIDGE = 2001, 1e-4
