"""The batches of an editor's training: noised latents, texts and targets, drawn on the CPU from cached arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from actionpairs.data import rng
from actionpairs.data.batches import BatchSampler, TrainRow
from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Editor
from actionpairs.editors.noise import NoiseProcess, noised
from actionpairs.training.conditionings import Conditionings
from actionpairs.training.latents import Latents


@dataclass(frozen=True, slots=True)
class DiffusionBatch:
    """A batch as a denoiser takes it.

    noisy: latents with noise, reference: those of the input picture as the denoiser takes them, both B C h w.
    times: B, in the denoiser's unit. right: the pairs' own instructions. wrong: their negatives, K of them.
    counted: whether a row has such a negative, K B. clean: latents without noise, noise: ε, original: the input
    picture's latents on the scale of `clean`, all B C h w. identity: whether a row's target is the input picture,
    B bool. picture_dropped: whether a row goes without its input picture, B bool. replayed: the instructions of
    L_reg, if it has some of its own, and the numbers of their rows.
    """

    noisy: Tensor
    reference: Tensor
    times: Tensor
    right: Conditioning
    wrong: tuple[Conditioning, ...]
    counted: Tensor
    clean: Tensor
    noise: Tensor
    original: Tensor
    identity: Tensor
    picture_dropped: Tensor
    replayed: tuple[Conditioning, Tensor] | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> DiffusionBatch:
        """The same batch on a device. dtype: of the denoiser's inputs."""

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        return DiffusionBatch(
            move(self.noisy).to(dtype),
            move(self.reference).to(dtype),
            move(self.times),
            self.right.to(device, dtype),
            tuple(each.to(device, dtype) for each in self.wrong),
            move(self.counted),
            move(self.clean),
            move(self.noise),
            move(self.original),
            move(self.identity),
            move(self.picture_dropped),
            None if self.replayed is None else (self.replayed[0].to(device, dtype), move(self.replayed[1])),
        )


class DiffusionBatches:
    """Draws the batch of every step: which pairs, in which augmentation, at which time, with which noise.

    editor: scales latents; it is not run.
    """

    # 5 parameters and self: the two caches, and what draws from them
    def __init__(
        self,
        sampler: BatchSampler,
        latents: Latents,
        texts: Conditionings,
        editor: Editor,
        process: NoiseProcess,
    ) -> None:
        self.sampler = sampler
        self.process = process
        self._latents = latents
        self._texts = texts
        self._editor = editor

    def draw(self, step: int, part: slice) -> DiffusionBatch:
        """The rows `part` of a step's batch, on the CPU. The same step always gives the same batch."""
        editor, rows = self._editor, self.sampler.rows(step, part)
        original, mean, deviation = self._latents.of([row.index for row in rows], [row.flipped for row in rows])
        draws = [self._draw_row(row, tuple(mean.shape[1:])) for row in rows]
        times = torch.tensor([time for time, _ in draws])
        noise, spread = torch.from_numpy(np.stack([noise for _, noise in draws], 1))
        clean = editor.normalize(mean + deviation * spread)
        identity = torch.tensor([row.is_identity for row in rows])
        if identity.any():
            clean = torch.where(identity.view(-1, 1, 1, 1), editor.normalize(original), clean)
        kept = torch.tensor([not row.picture_dropped for row in rows]).view(-1, 1, 1, 1)
        wrong, counted = self._negatives(rows)
        return DiffusionBatch(
            noisy=noised(self.process, clean, noise, times),
            reference=editor.reference(original) * kept,
            times=times,
            right=self._texts.of(rows, [row.text for row in rows]),
            wrong=wrong,
            counted=counted,
            clean=clean,
            noise=noise,
            original=editor.normalize(original) * kept,
            identity=identity,
            picture_dropped=~kept.flatten(),
            replayed=self._replayed(rows),
        )

    def _draw_row(self, row: TrainRow, shape: tuple[int, ...]) -> tuple[float, np.ndarray]:
        """A row's time, and two normal draws: the noise, and the sample of the latent. 2 C h w."""
        generator = rng.generator(self.sampler.order.seed, "noise", row.epoch, row.name)
        tokens = shape[1] * shape[2] // self._editor.traits.patch**2
        time = self.process.draw(generator, tokens=tokens)
        return time, generator.standard_normal((2, *shape), dtype=np.float32)

    def _replayed(self, rows: Sequence[TrainRow]) -> tuple[Conditioning, Tensor] | None:
        """The instructions of L_reg, and the numbers of their rows."""
        numbers = [number for number, row in enumerate(rows) if row.replayed_text is not None]
        texts = [row.replayed_text for row in rows if row.replayed_text is not None]
        return (
            (self._texts.of([rows[number] for number in numbers], texts), torch.tensor(numbers)) if texts else None
        )

    def _negatives(self, rows: Sequence[TrainRow]) -> tuple[tuple[Conditioning, ...], Tensor]:
        """The negative texts, K of them, and whether they count, K B.

        A row without negatives gets its own text, which does not count.
        """
        count = self.sampler.augmentation.negatives
        counted = torch.tensor([[bool(row.negative_texts) for row in rows]] * count, dtype=torch.bool)
        texts = [
            [row.negative_texts[number] if row.negative_texts else row.text for row in rows]
            for number in range(count)
        ]
        return tuple(self._texts.of(rows, each) for each in texts), counted
