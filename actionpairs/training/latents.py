"""The latents of the training pairs, computed once by the frozen autoencoder and kept on disk.

A picture gives the mean and the standard deviation of its latent, as it is and mirrored. A training step then
runs the denoiser alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from actionpairs.data.examples import Example, Shape, iter_pairs
from actionpairs.editors.editor import Editor
from actionpairs.progress import Progress
from actionpairs.training import cache

_PIXELS_PER_BATCH = 8 * 256 * 256  # of one picture of each pair


@dataclass(frozen=True, slots=True)
class Latents:
    """The latents of every training pair, as the autoencoder gives them, by bucket.

    buckets: for each shape N F 3 C h w, float16 (an error below 0.05 %, far under the noise of an 8-bit picture).
    F: as it is, mirrored. 3: the original's mean, which the denoiser is conditioned on; the edited picture's mean
    and standard deviation. places: the bucket of each pair, and its number there.
    """

    buckets: tuple[np.ndarray, ...]
    places: tuple[tuple[int, int], ...]

    def of(self, indices: Sequence[int], flipped: Sequence[bool]) -> tuple[Tensor, Tensor, Tensor]:
        """The originals' means, the edited pictures' means and deviations: each B C h w, float32.

        All pairs are of one bucket.
        """
        places = [self.places[index] for index in indices]
        rows = np.stack(
            [self.buckets[bucket][row, int(flip)] for (bucket, row), flip in zip(places, flipped, strict=True)]
        )
        parts = torch.from_numpy(rows.astype(np.float32))
        return parts[:, 0], parts[:, 1], parts[:, 2]


# 6 parameters: what is encoded, in which shapes, and where the result is kept
def cached_latents(
    editor: Editor,
    examples: Sequence[Example],
    folder: Path,
    *,
    shapes: Sequence[Shape],
    mirrored: bool,
    device: torch.device,
    workers: int = 0,
) -> Latents:
    """The latents of these pairs, from the cache in `folder`, or computed on the device and written there."""
    weights = cache.weights_digest(editor.autoencoder)
    buckets, places = [], dict[int, tuple[int, int]]()
    for number, shape in enumerate(sorted(set(shapes))):
        indices = [index for index, each in enumerate(shapes) if each == shape]
        places |= {index: (number, row) for row, index in enumerate(indices)}
        chosen = [examples[index] for index in indices]
        signature = [weights, f"{shape[0]} {shape[1]} {mirrored}", *cache.example_signatures(chosen)]
        blocks = _encode_on(device, editor, chosen, shape=shape, mirrored=mirrored, workers=workers)
        buckets.append(cache.cached_array(folder, "latents", signature, blocks, count=len(chosen)))
    return Latents(tuple(buckets), tuple(places[index] for index in range(len(examples))))


# 6 parameters: those of `cached_latents`, for one bucket
@torch.no_grad()
def _encode_on(
    device: torch.device,
    editor: Editor,
    examples: Sequence[Example],
    *,
    shape: Shape,
    mirrored: bool,
    workers: int,
) -> Iterator[np.ndarray]:
    """One block of latents after another: n F 3 C h w, float16. The autoencoder is on the device meanwhile."""
    batch_size = max(1, _PIXELS_PER_BATCH // (shape[0] * shape[1]))
    block: list[np.ndarray] = []
    pairs = iter_pairs(examples, shape, workers=workers)
    with editor.encoders_on(device, [editor.autoencoder]):
        for number, pictures in enumerate(
            Progress(pairs, desc="latents", total=len(examples), unit="pair"), start=1
        ):
            block.append(np.stack([pictures, pictures[:, :, ::-1]]) if mirrored else pictures[None])
            if len(block) == batch_size or number == len(examples):
                stacked = np.stack(block)  # n F 2 H W 3
                mean, deviation = editor.encode(stacked.reshape(-1, *stacked.shape[3:]))
                rows = (*stacked.shape[:3], *mean.shape[1:])  # n F 2 C h w
                parts = torch.cat([mean.view(rows), deviation.view(rows)[:, :, 1:]], 2)
                yield parts.cpu().numpy().astype(np.float16)
                block = []
