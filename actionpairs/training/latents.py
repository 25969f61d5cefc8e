"""What the frozen parts of an editor make of the training pairs, computed once and kept on disk.

Pictures become the mean and spread of their latents, as they are and mirrored; texts become embeddings. The
training step is then the U-Net alone. A cache file is named by a digest of all that went into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from actionpairs.data.examples import Example, read_all, to_signed
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.progress import Progress
from actionpairs.training import cache

_PIXELS_AT_ONCE = 8 * 256 * 256  # of one picture of each pair
_TEXTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Latents:
    """The latents of every training pair, unscaled, by the pair's number.

    values: N F 3 C h w, float16 (an error below 0.05 %, far under the noise of an 8-bit picture). F: as it
    is, mirrored. 3: the original's mean, which is what InstructPix2Pix conditions on; the edited picture's
    mean and standard deviation.
    """

    values: np.ndarray

    def of(self, indices: Sequence[int], flipped: Sequence[bool]) -> tuple[Tensor, Tensor, Tensor]:
        """The originals' means, the edited pictures' means and deviations: each B C h w, float32."""
        rows = np.stack([self.values[i, int(flip)] for i, flip in zip(indices, flipped, strict=True)])
        parts = torch.from_numpy(rows.astype(np.float32))
        return parts[:, 0], parts[:, 1], parts[:, 2]


@dataclass(frozen=True, slots=True)
class TextEmbeddings:
    """The embedding of every text that training can meet. values: T L D, float32."""

    texts: tuple[str, ...]
    values: np.ndarray

    def of(self, texts: Sequence[str]) -> Tensor:
        """The embeddings of some texts: B L D, float32."""
        places = {text: place for place, text in enumerate(self.texts)}
        return torch.from_numpy(np.stack([self.values[places[text]] for text in texts]))


def cached_latents(
    editor: Editor, examples: Sequence[Example], folder: Path, *, size: int, mirrored: bool, workers: int = 0
) -> Latents:
    """The latents of these pairs, from the cache in `folder` or computed and put there."""
    signature = [cache.weights(editor.vae), f"{size} {mirrored}", *cache.contents(examples)]

    def compute() -> Iterator[np.ndarray]:
        return _encoded(editor.vae, examples, size=size, mirrored=mirrored, workers=workers)

    return Latents(cache.array(folder, "latents", signature, compute, count=len(examples)))


def cached_texts(editor: Editor, texts: Sequence[str], folder: Path) -> TextEmbeddings:
    """The embeddings of these texts, from the cache in `folder` or computed and put there."""
    signature = [cache.weights(editor.text_encoder), *editor.tokenizer.get_vocab(), *texts]

    def compute() -> Iterator[np.ndarray]:
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            yield editor.embed(texts[start : start + _TEXTS_AT_ONCE]).cpu().numpy()

    return TextEmbeddings(tuple(texts), cache.array(folder, "texts", signature, compute, count=len(texts)))


@torch.no_grad()
def _encoded(
    vae: Any, examples: Sequence[Example], *, size: int, mirrored: bool, workers: int
) -> Iterator[np.ndarray]:
    """One block of latents after another: n F 3 C h w, float16."""
    device = next(vae.parameters()).device
    at_once = max(1, _PIXELS_AT_ONCE // size**2)
    block: list[np.ndarray] = []
    shown = Progress(read_all(examples, size, workers=workers), desc="latents", total=len(examples), unit="pair")
    for number, pictures in enumerate(shown, start=1):
        block.append(np.stack([pictures, pictures[:, :, ::-1]]) if mirrored else pictures[None])
        if len(block) == at_once or number == len(examples):
            signed = to_signed(np.stack(block), device)  # n F 2 3 H W
            posterior = vae.encode(signed.flatten(0, 2)).latent_dist
            mean = posterior.mean.unflatten(0, signed.shape[:3])  # n F 2 C h w
            deviation = posterior.std.unflatten(0, signed.shape[:3])
            yield torch.cat([mean, deviation[:, :, 1:]], 2).cpu().numpy().astype(np.float16)
            block = []
