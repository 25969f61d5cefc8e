"""The batches of an editor's training: noised latents, texts and targets, drawn on the CPU from cached arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from actionpairs.data import rng
from actionpairs.data.batches import BatchSampler, TrainRow
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import losses
from actionpairs.training.latents import Latents, TextEmbeddings


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """How latents are noised. alphas: ᾱ of every timestep, T, float32.

    prediction_type: "epsilon" or "v_prediction". scale: the factor that gives latents unit variance.
    """

    alphas: Tensor
    prediction_type: str
    scale: float

    @classmethod
    def of(cls, editor: Editor) -> NoiseSchedule:
        """The noise schedule of an editor's scheduler and autoencoder."""
        scheduler, scale = editor.scheduler, editor.vae.config.scaling_factor
        return cls(scheduler.alphas_cumprod.float().cpu(), scheduler.config.prediction_type, scale)


@dataclass(frozen=True, slots=True)
class DiffusionBatch:
    """A batch as the U-Net takes it.

    inputs: noised latents and the original's, concatenated, B 8 h w. times: timesteps, B, int64. alphas: ᾱ at
    these times, B. right: embeddings of the pairs' own texts, B L D. wrong: of their negatives, K B L D. counted:
    whether a row has such a negative, K B. clean: latents without noise, noise: ε, both B 4 h w.
    """

    inputs: Tensor
    times: Tensor
    alphas: Tensor
    right: Tensor
    wrong: Tensor
    counted: Tensor
    clean: Tensor
    noise: Tensor

    def to(self, device: torch.device) -> DiffusionBatch:
        """The same batch on a device."""
        return DiffusionBatch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


class DiffusionBatches:
    """Draws the batch of every step: which pairs, in which augmentation, at which time, with which noise."""

    def __init__(
        self, sampler: BatchSampler, latents: Latents, texts: TextEmbeddings, schedule: NoiseSchedule
    ) -> None:
        self.sampler = sampler
        self.schedule = schedule
        self._latents = latents
        self._texts = texts

    def draw(self, step: int, part: slice) -> DiffusionBatch:
        """The rows `part` of a step's batch, on the CPU. The same step always gives the same batch."""
        schedule = self.schedule
        rows = self.sampler.rows(step, part)
        original, mean, deviation = self._latents.of([row.index for row in rows], [row.flipped for row in rows])
        draws = [self._draw_row(row, tuple(mean.shape[1:])) for row in rows]
        times = torch.tensor([time for time, _ in draws])
        noise, spread = torch.from_numpy(np.stack([noise for _, noise in draws], 1))
        clean = schedule.scale * (mean + deviation * spread)
        alphas = schedule.alphas[times]
        noisy = losses.noised(clean, noise, alphas)
        kept = torch.tensor([not row.picture_dropped for row in rows]).view(-1, 1, 1, 1)
        right = self._texts.of([row.text for row in rows])
        wrong, counted = self._negatives(rows, right)
        return DiffusionBatch(
            torch.cat([noisy, original * kept], 1), times, alphas, right, wrong, counted, clean, noise
        )

    def _draw_row(self, row: TrainRow, shape: tuple[int, ...]) -> tuple[int, np.ndarray]:
        """A row's timestep, and two normal draws: the noise, and the sample of the latent. 2 4 h w."""
        generator = rng.generator(self.sampler.order.seed, "noise", row.epoch, row.name)
        time = int(generator.integers(len(self.schedule.alphas)))
        return time, generator.standard_normal((2, *shape), dtype=np.float32)

    def _negatives(self, rows: Sequence[TrainRow], right: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings of the negative texts, K B L D, and whether they count, K B.

        A row without negatives gets its own text, which does not count.
        """
        count = self.sampler.augmentation.negatives
        counted = torch.tensor([[bool(row.negative_texts) for row in rows]] * count, dtype=torch.bool)
        if not count:
            return right[:0], counted
        texts = [
            [row.negative_texts[number] if row.negative_texts else row.text for row in rows]
            for number in range(count)
        ]
        return torch.stack([self._texts.of(each) for each in texts]), counted
