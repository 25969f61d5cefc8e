"""The loss of an editor: L = L_static + λ1·L_action + λ2·L_reg (arXiv 2412.04558)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from actionpairs.configs import ActionLossConfig
from actionpairs.training import losses
from actionpairs.training.diffusion_batches import DiffusionBatch, DiffusionBatches
from actionpairs.training.task import Losses, Prefetch, sum_and_count


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each term of the loss weighs. action: λ1 and the form of L_action. regularization: λ2.

    min_snr_gamma weighs L_static by timestep; None weighs all of them the same. change_weight weighs it more
    where the two pictures differ.
    """

    action: ActionLossConfig
    regularization: float
    min_snr_gamma: float | None = None
    change_weight: float = 0.0


class EditorTask:
    """Trains a U-Net to predict the noise of the edited picture, under its own text and under negative texts.

    reference: the U-Net before training, which L_reg compares with. It is not needed where λ2 is 0.
    """

    def __init__(
        self,
        batches: DiffusionBatches,
        weights: LossWeights,
        *,
        accelerator: Accelerator,
        reference: Callable[..., Any] | None = None,
    ) -> None:
        if weights.regularization and reference is None:
            raise ValueError("L_reg needs the model that training starts from")
        self._batches = batches
        self._schedule = batches.schedule
        self._weights = weights
        self._accelerator = accelerator
        self._reference = reference
        self._prefetch = Prefetch(batches.draw)

    def names(self, step: int) -> tuple[str, ...]:
        """The names of the pairs in a step's batch."""
        return tuple(row.name for row in self._batches.sampler.order.rows(step))

    def prepare(self, step: int, part: slice) -> None:
        """Draw some rows of a step in advance, while the device works on the step before."""
        self._prefetch.prepare(step, part)

    def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
        """All terms of some rows. The pairs' own texts and the negative texts go through the U-Net in one pass.

        Under a hinge they take two passes: if every row keeps the margin, the second one needs no backward pass.
        Not so under FSDP, where all processes must do the same passes.
        """
        batch, weights = self._prefetch.get(step, part).to(self._accelerator.device), self._weights
        is_hinge = weights.action.form == "hinge"
        target = losses.target(
            batch.clean, batch.noise, batch.alphas, prediction_type=self._schedule.prediction_type
        )
        predictions = _predict(model, batch, two_passes=is_hinge and not self._accelerator.is_fsdp2)
        right = losses.squared_errors(predictions[0], target)
        static = self._static_loss(right, predictions[0], target, batch) * self._time_weights(batch)
        total, terms = static, {"static": sum_and_count(static)}
        if weights.action.weight:
            wrong = torch.stack([losses.squared_errors(prediction, target) for prediction in predictions[1:]])
            action = self._action_loss(right, wrong, batch.counted)
            if not is_hinge or action.any():
                total = total + weights.action.weight * action
            terms["action"] = sum_and_count(action, batch.counted.any(0))
            terms["discrimination"] = sum_and_count((right < wrong).float().flatten(), batch.counted.flatten())
        if weights.regularization:
            distance = losses.squared_errors(predictions[0], self._reference_prediction(batch))
            total = total + weights.regularization * distance
            terms["regularization"] = sum_and_count(distance)
        return Losses(total.mean(), {"loss": sum_and_count(total), **terms})

    def _static_loss(self, right: Tensor, prediction: Tensor, target: Tensor, batch: DiffusionBatch) -> Tensor:
        """L_static before it is weighed by time: d⁺, or a mean that weighs changed places more. B"""
        weight = self._weights.change_weight
        if not weight:
            return right
        original = batch.inputs[:, batch.clean.shape[1] :] * self._schedule.scale
        weights = losses.change_weights(original, batch.clean, weight=weight)
        return (weights * (prediction - target).square()).flatten(1).mean(1)

    def _time_weights(self, batch: DiffusionBatch) -> Tensor:
        """The weight of L_static at each row's timestep: B."""
        gamma, prediction_type = self._weights.min_snr_gamma, self._schedule.prediction_type
        if gamma is None:
            return torch.ones_like(batch.alphas)
        return losses.min_snr_weights(batch.alphas, gamma=gamma, prediction_type=prediction_type)

    def _action_loss(self, right: Tensor, wrong: Tensor, counted: Tensor) -> Tensor:
        action = self._weights.action
        return losses.action_losses(
            right, wrong, counted, form=action.form, beta=action.beta, margin=action.margin
        )

    def _reference_prediction(self, batch: DiffusionBatch) -> Tensor:
        """The prediction of the model that training started from, under the pairs' own texts: B 4 h w."""
        assert self._reference is not None
        with torch.no_grad(), self._accelerator.autocast():
            output = self._reference(batch.inputs, batch.times, batch.right)
        prediction: Tensor = output.sample.float()
        return prediction


def _predict(model: nn.Module, batch: DiffusionBatch, *, two_passes: bool) -> Sequence[Tensor]:
    """The predictions under the pairs' own texts and under each negative text: 1 + K times B 4 h w, float32.

    two_passes: the own texts first, then the negatives, so that either graph can go without a backward pass.
    """
    texts = [batch.right, *batch.wrong]
    passes = [texts[:1], texts[1:]] if two_passes and texts[1:] else [texts]
    predictions: list[Tensor] = []
    for some in passes:
        count = len(some)
        inputs, times = batch.inputs.repeat(count, 1, 1, 1), batch.times.repeat(count)
        predictions += model(inputs, times, torch.cat(some)).sample.float().chunk(count)
    return predictions
