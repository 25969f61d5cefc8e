"""The loss of an editor: L = L_static + λ1·L_action + λ2·L_reg (arXiv 2412.04558)."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from actionpairs.editors.conditioning import Conditioning, concatenate
from actionpairs.editors.editor import Denoiser, Editor
from actionpairs.training.diagnostics import Diagnostics
from actionpairs.training.diffusion_batches import DiffusionBatch, DiffusionBatches
from actionpairs.training.loss_terms import LossTerms, LossWeights, Predictions
from actionpairs.training.task import Losses, Prefetch, sum_and_count

_Texts = tuple[str, Conditioning, Tensor | None]  # their kind, and the rows that have them; None: all


class EditorTask:
    """Trains a denoiser on edited pictures, under their own instructions and under other ones.

    reference: the denoiser before training, which L_reg and some forms of L_action compare with. diagnostics: what
    else is measured; None: nothing.
    """

    # 6 parameters and self: what is trained on what, with which losses, and what else is measured
    def __init__(
        self,
        editor: Editor,
        batches: DiffusionBatches,
        weights: LossWeights,
        *,
        accelerator: Accelerator,
        reference: Denoiser | None = None,
        diagnostics: Diagnostics | None = None,
    ) -> None:
        if weights.needs_reference and reference is None:
            raise ValueError("this loss needs the model that training starts from")
        self._editor = editor
        self._batches = batches
        self._weights = weights
        self._accelerator = accelerator
        self._reference = reference
        self._diagnostics = diagnostics
        self._prefetch = Prefetch(batches.draw)

    def names(self, step: int) -> tuple[str, ...]:
        """The names of the pairs in a step's batch."""
        return tuple(row.name for row in self._batches.sampler.order.rows(step))

    def prepare(self, step: int, part: slice) -> None:
        """Draw some rows of a step in advance, while the device works on the step before."""
        self._prefetch.prepare(step, part)

    def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
        """All terms of some rows. All their instructions go through the model in one pass.

        Under a hinge the wrong ones take a second pass: if every row keeps the margin, it needs no backward pass.
        Not so under FSDP, where all processes must do the same passes.
        """
        batch = self._prefetch.get(step, part).to(self._accelerator.device, self._editor.dtype)
        weights, is_hinge = self._weights, self._weights.action.form == "hinge"
        predicted = self._predict(model, batch, two_passes=is_hinge and not self._accelerator.is_fsdp2)
        terms = LossTerms(batch, self._batches.process, predicted, self._frozen_predictions(batch), weights)
        parts = {"static": terms.static()}
        if weights.action.weight:
            parts |= {"action": terms.action(), "discrimination": terms.discrimination()}
        if weights.regularization.weight:
            parts["regularization"] = terms.regularization()
        total = parts["static"].values
        for name in ("action", "regularization"):
            if name in parts and not (name == "action" and is_hinge and not parts[name].values.any()):
                total = total + parts[name].weight * parts[name].values
        means = {name: sum_and_count(term.values, term.counted) for name, term in parts.items()}
        if self._diagnostics:
            means |= self._diagnostics.measure(step, batch.times, parts, terms)
        return Losses(total.mean(), {"loss": sum_and_count(total), **means})

    @torch.no_grad()
    def _frozen_predictions(self, batch: DiffusionBatch) -> Predictions:
        """Those of the model that training started from, where a term needs them."""
        if not self._weights.needs_reference:
            return {}
        assert self._reference is not None
        with self._accelerator.autocast():
            return self._predict(self._reference, batch, only=self._weights.reference_texts)

    def _predict(
        self,
        model: Denoiser,
        batch: DiffusionBatch,
        *,
        only: frozenset[str] = frozenset({"right", "wrong", "replayed"}),
        two_passes: bool = False,
    ) -> Predictions:
        """The predictions under each kind of instruction that the batch has.

        only: these kinds. two_passes: the wrong ones last, so that either graph can go without a backward pass.
        """
        texts: list[_Texts] = [("right", batch.right, None)]
        if batch.replayed is not None:
            texts.append(("replayed", *batch.replayed))
        texts += [("wrong", each, None) for each in batch.wrong]
        texts = [each for each in texts if each[0] in only]
        passes = [texts]
        if two_passes:
            passes = [[each for each in texts if (each[0] == "wrong") is wrong] for wrong in (False, True)]
        predictions: dict[str, list[Tensor]] = {}
        for some in filter(None, passes):
            noisy, times, reference = (
                torch.cat([each if rows is None else each[rows] for _, _, rows in some])
                for each in (batch.noisy, batch.times, batch.reference)
            )
            conditioning = concatenate([each for _, each, _ in some])
            predicted = self._editor.predict(model, noisy, times, reference, conditioning)
            sizes = [len(each.embeddings) for _, each, _ in some]
            for (kind, _, _), prediction in zip(some, torch.split(predicted, sizes), strict=True):
                predictions.setdefault(kind, []).append(prediction)
        return predictions
