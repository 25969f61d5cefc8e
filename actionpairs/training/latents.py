"""The latents and text embeddings of the training pairs, computed once by the frozen networks and kept on disk.

A picture gives the mean and the standard deviation of its latent, as it is and mirrored. A training step then
runs the U-Net alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from actionpairs.data.examples import Example, iter_pairs, to_signed
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.progress import Progress
from actionpairs.training import cache

_PIXELS_PER_BATCH = 8 * 256 * 256  # of one picture of each pair
_TEXTS_PER_BATCH = 64


@dataclass(frozen=True, slots=True)
class Latents:
    """The latents of every training pair, unscaled.

    values: N F 3 C h w, float16 (an error below 0.05 %, far under the noise of an 8-bit picture). F: as it
    is, mirrored. 3: the original's mean, which InstructPix2Pix conditions on; the edited picture's mean and
    standard deviation.
    """

    values: np.ndarray

    def of(self, indices: Sequence[int], flipped: Sequence[bool]) -> tuple[Tensor, Tensor, Tensor]:
        """The originals' means, the edited pictures' means and deviations: each B C h w, float32."""
        rows = np.stack([self.values[i, int(flip)] for i, flip in zip(indices, flipped, strict=True)])
        parts = torch.from_numpy(rows.astype(np.float32))
        return parts[:, 0], parts[:, 1], parts[:, 2]


@dataclass(frozen=True, slots=True)
class TextEmbeddings:
    """The embedding of every text that a training row can have. values: T L D, float32."""

    texts: tuple[str, ...]
    values: np.ndarray

    def of(self, texts: Sequence[str]) -> Tensor:
        """The embeddings of some texts: B L D, float32."""
        index = {text: number for number, text in enumerate(self.texts)}
        return torch.from_numpy(np.stack([self.values[index[text]] for text in texts]))


def cached_latents(
    editor: Editor, examples: Sequence[Example], folder: Path, *, size: int, mirrored: bool, workers: int = 0
) -> Latents:
    """The latents of these pairs, from the cache in `folder`, or computed and written there."""
    signature = [cache.weights_digest(editor.vae), f"{size} {mirrored}", *cache.example_signatures(examples)]

    def compute() -> Iterator[np.ndarray]:
        return _encode(editor.vae, examples, size=size, mirrored=mirrored, workers=workers)

    return Latents(cache.cached_array(folder, "latents", signature, compute, count=len(examples)))


def cached_texts(editor: Editor, texts: Sequence[str], folder: Path) -> TextEmbeddings:
    """The embeddings of these texts, from the cache in `folder`, or computed and written there."""
    signature = [cache.weights_digest(editor.text_encoder), *editor.tokenizer.get_vocab(), *texts]

    def compute() -> Iterator[np.ndarray]:
        for start in range(0, len(texts), _TEXTS_PER_BATCH):
            yield editor.embed(texts[start : start + _TEXTS_PER_BATCH]).cpu().numpy()

    return TextEmbeddings(tuple(texts), cache.cached_array(folder, "texts", signature, compute, count=len(texts)))


@torch.no_grad()
def _encode(
    vae: Any, examples: Sequence[Example], *, size: int, mirrored: bool, workers: int
) -> Iterator[np.ndarray]:
    """One block of latents after another: n F 3 C h w, float16."""
    device = next(vae.parameters()).device
    batch_size = max(1, _PIXELS_PER_BATCH // size**2)
    block: list[np.ndarray] = []
    pairs = Progress(iter_pairs(examples, size, workers=workers), desc="latents", total=len(examples), unit="pair")
    for number, pictures in enumerate(pairs, start=1):
        block.append(np.stack([pictures, pictures[:, :, ::-1]]) if mirrored else pictures[None])
        if len(block) == batch_size or number == len(examples):
            signed = to_signed(np.stack(block), device)  # n F 2 3 H W
            posterior = vae.encode(signed.flatten(0, 2)).latent_dist
            mean = posterior.mean.unflatten(0, signed.shape[:3])  # n F 2 C h w
            deviation = posterior.std.unflatten(0, signed.shape[:3])
            yield torch.cat([mean, deviation[:, :, 1:]], 2).cpu().numpy().astype(np.float16)
            block = []
