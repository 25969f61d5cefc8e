"""The loss of an editor: L = L_static + λ1·L_action + λ2·L_reg (arXiv 2412.04558)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from actionpairs.configs import ActionLossConfig, EditorConfig
from actionpairs.editors.conditioning import Conditioning, concatenate
from actionpairs.editors.editor import Denoiser, Editor
from actionpairs.training import losses
from actionpairs.training.diffusion_batches import DiffusionBatch, DiffusionBatches
from actionpairs.training.task import Losses, Prefetch, sum_and_count

_BETA = {"nft": 1.0}  # of the other forms: 1000
_WITH_REFERENCE = ("dpo", "nft")


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each term of the loss weighs. action: λ1 and the form of L_action. regularization: λ2.

    min_snr_gamma weighs L_static by time; None weighs all of them the same. change_weight weighs it more where the
    two pictures differ.
    """

    action: ActionLossConfig
    regularization: float
    min_snr_gamma: float | None = None
    change_weight: float = 0.0

    @classmethod
    def of(cls, config: EditorConfig) -> LossWeights:
        """Those of a recipe."""
        return cls(config.action, config.regularization.weight, config.min_snr_gamma, config.change_weight)

    @property
    def needs_reference(self) -> bool:
        """Whether a term compares with the model that training starts from."""
        return bool(self.regularization) or (bool(self.action.weight) and self.action.form in _WITH_REFERENCE)


class EditorTask:
    """Trains a denoiser on edited pictures, under their own instructions and under negative ones.

    reference: the denoiser before training, which L_reg and some forms of L_action compare with.
    """

    # 5 parameters and self: what is trained on what, and with which losses
    def __init__(
        self,
        editor: Editor,
        batches: DiffusionBatches,
        weights: LossWeights,
        *,
        accelerator: Accelerator,
        reference: Denoiser | None = None,
    ) -> None:
        if weights.needs_reference and reference is None:
            raise ValueError("this loss needs the model that training starts from")
        self._editor = editor
        self._batches = batches
        self._process = batches.process
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
        """All terms of some rows. The pairs' own texts and the negative texts go through the model in one pass.

        Under a hinge they take two passes: if every row keeps the margin, the second one needs no backward pass.
        Not so under FSDP, where all processes must do the same passes.
        """
        batch = self._prefetch.get(step, part).to(self._accelerator.device, self._editor.dtype)
        weights, is_hinge = self._weights, self._weights.action.form == "hinge"
        target = self._process.target(batch.clean, batch.noise, batch.times)
        texts = [batch.right, *batch.wrong]
        predictions = self._predict(model, batch, texts, two_passes=is_hinge and not self._accelerator.is_fsdp2)
        right = losses.squared_errors(predictions[0], target)
        static = self._static_loss(right, predictions[0], target, batch) * self._time_weights(batch)
        frozen = self._frozen_predictions(batch, texts)
        total, terms = static, {"static": sum_and_count(static)}
        if weights.action.weight:
            wrong = torch.stack([losses.squared_errors(prediction, target) for prediction in predictions[1:]])
            action = self._action_loss((right, wrong), predictions, frozen, target, batch.counted)
            if not is_hinge or action.any():
                total = total + weights.action.weight * action
            terms["action"] = sum_and_count(action, batch.counted.any(0))
            terms["discrimination"] = sum_and_count((right < wrong).float().flatten(), batch.counted.flatten())
        if weights.regularization:
            distance = losses.squared_errors(predictions[0], frozen[0])
            total = total + weights.regularization * distance
            terms["regularization"] = sum_and_count(distance)
        return Losses(total.mean(), {"loss": sum_and_count(total), **terms})

    def _static_loss(self, right: Tensor, prediction: Tensor, target: Tensor, batch: DiffusionBatch) -> Tensor:
        """L_static before it is weighed by time: d⁺, or a mean that weighs changed places more. B"""
        weight = self._weights.change_weight
        if not weight:
            return right
        weights = losses.change_weights(batch.original, batch.clean, weight=weight)
        return (weights * (prediction - target).square()).flatten(1).mean(1)

    def _time_weights(self, batch: DiffusionBatch) -> Tensor:
        """The weight of L_static at each row's time: B."""
        gamma = self._weights.min_snr_gamma
        if gamma is None:
            return torch.ones(len(batch.times), device=batch.times.device)
        return self._process.min_snr_weights(batch.times, gamma=gamma)

    # 5 parameters and self: errors and predictions of the model, and what they are compared with
    def _action_loss(
        self,
        errors: tuple[Tensor, Tensor],
        predictions: Sequence[Tensor],
        frozen: Sequence[Tensor],
        target: Tensor,
        counted: Tensor,
    ) -> Tensor:
        """L_action of each row: B."""
        config = self._weights.action
        beta = config.beta or _BETA.get(config.form, 1000.0)
        if config.form == "nft":
            return losses.nft_losses(
                predictions, frozen, target, counted, beta=beta, wrong_weight=config.wrong_weight
            )
        right, wrong = errors
        if config.form == "dpo":
            right = right - losses.squared_errors(frozen[0], target)
            wrong = wrong - torch.stack([losses.squared_errors(each, target) for each in frozen[1:]])
        return losses.action_losses(right, wrong, counted, form=config.form, beta=beta, margin=config.margin)

    @torch.no_grad()
    def _frozen_predictions(self, batch: DiffusionBatch, texts: Sequence[Conditioning]) -> Sequence[Tensor]:
        """Those of the model that training started from; of the pairs' own texts alone where that is enough."""
        if not self._weights.needs_reference:
            return ()
        assert self._reference is not None
        count = len(texts) if self._weights.action.form in _WITH_REFERENCE else 1
        with self._accelerator.autocast():
            return self._predict(self._reference, batch, texts[:count])

    def _predict(
        self, model: Denoiser, batch: DiffusionBatch, texts: Sequence[Conditioning], *, two_passes: bool = False
    ) -> Sequence[Tensor]:
        """The predictions under each of the texts: as many times B C h w, float32.

        two_passes: the first text first, then the others, so that either graph can go without a backward pass.
        """
        passes = [texts[:1], texts[1:]] if two_passes and texts[1:] else [texts]
        predictions: list[Tensor] = []
        for some in passes:
            count = len(some)
            noisy, reference = (each.repeat(count, 1, 1, 1) for each in (batch.noisy, batch.reference))
            times = batch.times.repeat(count)
            predicted = self._editor.predict(model, noisy, times, reference, concatenate(some))
            predictions += predicted.chunk(count)
        return predictions
