"""What an editor learns in a step: L = L_static + λ1·L_action + λ2·L_reg on cached latents and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from actionpairs.configs import ActionLossConfig
from actionpairs.data import rng
from actionpairs.data.batches import Batches, Row
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import losses
from actionpairs.training.latents import Latents, TextEmbeddings
from actionpairs.training.loop import Ahead, Losses, summed
from actionpairs.training.sample_grid import Grid


@dataclass(frozen=True, slots=True)
class Material:
    """What an editor is shown: the rows of every step, and their pictures and texts as it takes them."""

    batches: Batches
    latents: Latents
    texts: TextEmbeddings


@dataclass(frozen=True, slots=True)
class Objective:
    """What an editor is to do: the weights and the forms of the terms.

    min_snr_gamma weighs L_static by time; null weighs all times the same. change_weight weighs it by place.
    """

    action: ActionLossConfig
    regularization: float
    min_snr_gamma: float | None = None
    change_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Diffusion:
    """How latents are noised. alphas: ᾱ of every time, T, float32. scale: of latents to unit variance."""

    alphas: Tensor
    prediction_type: str
    scale: float

    @classmethod
    def of(cls, editor: Editor) -> Diffusion:
        """As an editor's own parts say."""
        scheduler, scale = editor.scheduler, editor.vae.config.scaling_factor
        return cls(scheduler.alphas_cumprod.float().cpu(), scheduler.config.prediction_type, scale)


@dataclass(frozen=True, slots=True)
class DiffusionBatch:
    """A batch as the U-Net is asked it.

    inputs: noised latents beside the original's, B 8 h w. times: B, int64. alphas: ᾱ of these times, B.
    right: B L D. wrong: K B L D. counted: K B, whether a row's wrong text is one. clean, noise: B 4 h w.
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


class EditorTask:
    """Asks an editor for the edited picture's noise, under right and wrong instructions."""

    def __init__(
        self,
        material: Material,
        objective: Objective,
        diffusion: Diffusion,
        *,
        accelerator: Accelerator,
        reference: Callable[..., Any] | None = None,
        grid: Grid | None = None,
    ) -> None:
        self._material = material
        self._objective = objective
        self._diffusion = diffusion
        self._accelerator = accelerator
        self._reference = reference
        self._grid = grid

        self._questions = Ahead(self._question)

    def names(self, step: int) -> tuple[str, ...]:
        """The pairs of a step."""
        return tuple(row.name for row in self._material.batches.order.rows(step))

    def prepare(self, step: int, part: slice) -> None:
        """Draw what some rows of a step will be asked, while the device works on the step before."""
        self._questions.prepare(step, part)

    def show(self, model: nn.Module, path: Path | None) -> None:
        """Draw the grid of sample edits; the model is the U-Net of the grid's editor."""
        if self._grid:
            self._grid.draw(path)

    def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
        """All terms of some rows. Right and wrong instructions go through the U-Net in one pass.

        Under a hinge they go apart: where it is kept by every row, the wrong ones then need no backward pass.
        Not so where processes share the model out, which all must go through it alike.
        """
        batch, goal = self._questions.take(step, part).to(self._accelerator.device), self._objective
        is_hinge = goal.action.form == "hinge"
        target = losses.target(
            batch.clean, batch.noise, batch.alphas, prediction_type=self._diffusion.prediction_type
        )
        answers = _answers(model, batch, apart=is_hinge and not self._accelerator.is_fsdp2)
        right = losses.squared_errors(answers[0], target)
        static = self._static(right, answers[0], target, batch) * self._weights(batch)
        total, terms = static, {"static": summed(static)}
        if goal.action.weight:
            wrong = torch.stack([losses.squared_errors(answer, target) for answer in answers[1:]])
            action = self._action_losses(right, wrong, batch.counted)
            if not is_hinge or action.any():
                total = total + goal.action.weight * action
            terms["action"] = summed(action, batch.counted.any(0))
            terms["discrimination"] = summed((right < wrong).float().flatten(), batch.counted.flatten())
        if goal.regularization:
            distance = losses.squared_errors(answers[0], self._reference_answers(batch))
            total = total + goal.regularization * distance
            terms["regularization"] = summed(distance)
        return Losses(total.mean(), {"loss": summed(total), **terms})

    def _action_losses(self, right: Tensor, wrong: Tensor, counted: Tensor) -> Tensor:
        action = self._objective.action
        return losses.action_losses(
            right, wrong, counted, form=action.form, beta=action.beta, margin=action.margin
        )

    def _static(self, right: Tensor, answer: Tensor, target: Tensor, batch: DiffusionBatch) -> Tensor:
        """L_static before it is weighed by time: d⁺, or more of it where the pictures differ. B"""
        weight = self._objective.change_weight
        if not weight:
            return right
        original = batch.inputs[:, batch.clean.shape[1] :] * self._diffusion.scale
        weights = losses.change_weights(original, batch.clean, weight=weight)
        return (weights * (answer - target).square()).flatten(1).mean(1)

    def _weights(self, batch: DiffusionBatch) -> Tensor:
        """How much L_static counts at each row's time: B."""
        gamma, prediction_type = self._objective.min_snr_gamma, self._diffusion.prediction_type
        if gamma is None:
            return torch.ones_like(batch.alphas)
        return losses.min_snr_weights(batch.alphas, gamma=gamma, prediction_type=prediction_type)

    def _question(self, step: int, part: slice) -> DiffusionBatch:
        """Draw the time, the noise and the latents of every row; on the CPU."""
        material, diffusion = self._material, self._diffusion
        rows = material.batches.rows(step, part)
        indices, flipped = [row.index for row in rows], [row.flipped for row in rows]
        original, mean, deviation = material.latents.of(indices, flipped)
        drawn = [self._drawn(row, tuple(mean.shape[1:])) for row in rows]
        times = torch.tensor([time for time, _ in drawn])
        noise, spread = torch.from_numpy(np.stack([noise for _, noise in drawn], 1))
        clean = diffusion.scale * (mean + deviation * spread)
        alphas = diffusion.alphas[times]
        noisy = losses.noised(clean, noise, alphas)
        kept = torch.tensor([not row.picture_dropped for row in rows]).view(-1, 1, 1, 1)
        count = self._objective.action.negatives if self._objective.action.weight else 0
        wrong = [[_nth(row, number) for row in rows] for number in range(count)]
        counted = torch.tensor([[bool(row.wrong_texts) for row in rows]] * count, dtype=torch.bool)
        right = material.texts.of([row.text for row in rows])
        return DiffusionBatch(
            torch.cat([noisy, original * kept], 1),
            times,
            alphas,
            right,
            torch.stack([material.texts.of(texts) for texts in wrong]) if count else right[:0],
            counted,
            clean,
            noise,
        )

    def _drawn(self, row: Row, shape: tuple[int, ...]) -> tuple[int, np.ndarray]:
        """A row's time, and two normal draws: the noise, and where in its spread the latent lies. 2 4 h w."""
        seed = self._material.batches.order.seed
        generator = rng.generator(seed, "noise", row.epoch, row.name)
        time = int(generator.integers(len(self._diffusion.alphas)))
        return time, generator.standard_normal((2, *shape), dtype=np.float32)

    def _reference_answers(self, batch: DiffusionBatch) -> Tensor:
        """What the model that training started from says under the right instructions: B 4 h w."""
        if self._reference is None:
            raise ValueError("L_reg needs the model that training started from")
        with torch.no_grad(), self._accelerator.autocast():
            reply = self._reference(batch.inputs, batch.times, batch.right)
        answers: Tensor = reply.sample.float()
        return answers


def _answers(model: nn.Module, batch: DiffusionBatch, *, apart: bool) -> Sequence[Tensor]:
    """What the model says under the right instruction and under each wrong one: 1 + K times B 4 h w, float32.

    apart: ask under right and wrong ones one after the other, so that either graph can be left alone.
    """
    texts = [batch.right, *batch.wrong]
    passes = [texts[:1], texts[1:]] if apart and texts[1:] else [texts]
    answers: list[Tensor] = []
    for asked in passes:
        count = len(asked)
        inputs, times = batch.inputs.repeat(count, 1, 1, 1), batch.times.repeat(count)
        answers += model(inputs, times, torch.cat(asked)).sample.float().chunk(count)
    return answers


def _nth(row: Row, number: int) -> str:
    """A row's wrong text; one that has none is asked its own again, and not counted."""
    return row.wrong_texts[number] if row.wrong_texts else row.text
