"""The terms of an editor's loss, L = L_static + λ1·L_action + λ2·L_reg, from what both models predict.

Each term is the pure function of losses.py, weighted by time and place by one scheme: w(t)·mean over places of
w(place)·‖…‖². A term may override the scheme of the recipe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from actionpairs.configs import ActionLossConfig, EditorConfig, RegularizationConfig
from actionpairs.editors.noise import NoiseProcess
from actionpairs.training import losses
from actionpairs.training.diffusion_batches import DiffusionBatch

_BETA = {"nft": 1.0}  # of the other forms: 1000
_WITH_REFERENCE = ("dpo", "nft")
_GAMMA = 5.0


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each term of the loss counts, at which times and places.

    action: λ1 and the form of L_action. regularization: λ2, and what it compares. identity: the weight of the rows
    whose target is the input picture. time_weights, min_snr_gamma, change_weight: of every term, unless it has its
    own.
    """

    action: ActionLossConfig
    regularization: RegularizationConfig
    identity: float = 1.0
    time_weights: str = "none"
    min_snr_gamma: float | None = None
    change_weight: float = 0.0

    @classmethod
    def of(cls, config: EditorConfig) -> LossWeights:
        """Those of a recipe."""
        return cls(
            config.action,
            config.regularization,
            config.identity.weight,
            config.time_weights,
            config.min_snr_gamma,
            config.change_weight,
        )

    @property
    def reference_texts(self) -> frozenset[str]:
        """Under which instructions the model that training starts from predicts too: right, wrong, replayed."""
        texts = set()
        if self.action.weight and self.action.form in _WITH_REFERENCE:
            texts |= {"right", "wrong"}
        if self.regularization.weight:
            on = self.regularization.on
            texts.add(on if on in ("right", "wrong") else "replayed")
        return frozenset(texts)

    @property
    def needs_reference(self) -> bool:
        """Whether a term compares with the model that training starts from."""
        return bool(self.reference_texts)


Predictions = Mapping[str, Sequence[Tensor]]
"""What a model predicts, float32: "right" under the pairs' own instructions, B C h w; "wrong" under K negative
ones, K times as many; "replayed" under those of L_reg, for the rows that have one."""


@dataclass(frozen=True, slots=True)
class Term:
    """One term of the loss. values: of each row, B, before λ. counted: the rows that have it; None: all."""

    weight: float
    values: Tensor
    counted: Tensor | None = None


class LossTerms:
    """The terms of one batch. model, frozen: what the trained model and the one before training predict."""

    # 5 parameters and self: the batch and its noise, both predictions, and the weights
    def __init__(
        self,
        batch: DiffusionBatch,
        process: NoiseProcess,
        model: Predictions,
        frozen: Predictions,
        weights: LossWeights,
    ) -> None:
        self._batch, self._process, self._weights = batch, process, weights
        self._model, self._frozen = model, frozen
        self._target = process.target(batch.clean, batch.noise, batch.times)
        self._errors: dict[tuple[str, float], Tensor] = {}
        self._weights_of_places: dict[float, Tensor] = {}
        self._errors_of("right", 0.0)  # first, for the bits of a gradient depend on the order of its parts

    def static(self) -> Term:
        """L_static: d⁺. Rows whose target is the input picture have a weight of their own."""
        values = self._timed(self._errors_of("right", self._weights.change_weight)[0], None)
        return Term(1.0, losses.weighted_rows(values, self._batch.identity, weight=self._weights.identity))

    def action(self) -> Term:
        """L_action, of the rows with a wrong instruction."""
        config, counted = self._weights.action, self._batch.counted
        change = self._change_weight(config.change_weight)
        if config.form == "nft":
            predictions, frozen = ([*each["right"], *each["wrong"]] for each in (self._model, self._frozen))
            values = losses.nft_losses(
                predictions,
                frozen,
                self._target,
                counted,
                beta=self._beta(),
                wrong_weight=config.wrong_weight,
                weights=self._places(change),
            )
        else:
            values = losses.action_losses(
                *self._compared(change), counted, form=config.form, beta=self._beta(), margin=config.margin
            )
        return Term(config.weight, self._timed(values, config.time_weights), counted.any(0))

    def regularization(self) -> Term:
        """L_reg.

        Rows of the identity term have none under their own instruction, or under the null text. Where only
        unchanged places count, rows without their input picture have none.
        """
        config, batch = self._weights.regularization, self._batch
        if config.on == "wrong":
            values, counted = self._distances("wrong"), batch.counted[0]
        elif config.on == "right":
            values, counted = self._distances("right"), ~batch.identity
        else:
            values, counted = self._replayed_distances()
            if config.on == "null":
                counted = counted & ~batch.identity
        if config.where == "unchanged":
            counted = counted & ~batch.picture_dropped
        return Term(config.weight, self._timed(values.masked_fill(~counted, 0.0), config.time_weights), counted)

    def discrimination(self) -> Term:
        """Whether d⁺ < d⁻, per row and wrong instruction: K·B. It is not part of the loss."""
        right, wrong = self._errors_of("right", 0.0), self._errors_of("wrong", 0.0)
        return Term(0.0, (right[0] < wrong).float().flatten(), self._batch.counted.flatten())

    def margin(self) -> Term:
        """d⁻ − d⁺, per row and wrong instruction: K·B, without any weights. It is not part of the loss."""
        margins = self._errors_of("wrong", 0.0) - self._errors_of("right", 0.0)[0]
        return Term(0.0, margins.flatten(), self._batch.counted.flatten())

    def preference(self) -> Term | None:
        """σ(βΔ), the probability of the right instruction by logistic or dpo: K·B; None for other forms."""
        config = self._weights.action
        if config.form not in ("logistic", "dpo"):
            return None
        right, wrong = self._compared(self._change_weight(config.change_weight))
        return Term(0.0, torch.sigmoid(self._beta() * (wrong - right)).flatten(), self._batch.counted.flatten())

    def _compared(self, change: float) -> tuple[Tensor, Tensor]:
        """d⁺, B, and d⁻, K B; those of the frozen model are subtracted where the form says so."""
        right, wrong = self._errors_of("right", change), self._errors_of("wrong", change)
        if self._weights.action.form == "dpo":
            right = right - self._errors_in(self._frozen, "right", change)
            wrong = wrong - self._errors_in(self._frozen, "wrong", change)
        return right[0], wrong

    def _errors_of(self, text: str, change: float) -> Tensor:
        """‖prediction − y‖² of the trained model, under each instruction of a kind: K B. Computed once."""
        if (text, change) not in self._errors:
            self._errors[text, change] = self._errors_in(self._model, text, change)
        return self._errors[text, change]

    def _errors_in(self, predictions: Predictions, text: str, change: float) -> Tensor:
        places = self._places(change)
        return torch.stack([losses.squared_errors(each, self._target, places) for each in predictions[text]])

    def _replayed_distances(self) -> tuple[Tensor, Tensor]:
        """Distances under the instructions of L_reg, and which rows have one: B each."""
        replayed, none = self._batch.replayed, torch.zeros_like(self._batch.identity)
        if replayed is None:  # so may a small part of a batch be
            return torch.zeros_like(none, dtype=self._target.dtype), none
        rows = replayed[1]
        distances = self._distances("replayed", rows)
        return distances.new_zeros(len(none)).index_copy(0, rows, distances), none.index_fill(0, rows, True)

    def _distances(self, text: str, rows: Tensor | None = None) -> Tensor:
        """‖prediction − that of the frozen model‖², under the first instruction of a kind. rows: that have one."""
        config, batch = self._weights.regularization, self._batch
        if config.where == "unchanged":
            places: Tensor | None = losses.unchanged_weights(batch.original, batch.clean)
        else:
            places = self._places(self._change_weight(config.change_weight))
        if places is not None and rows is not None:
            places = places[rows]
        return losses.squared_errors(self._model[text][0], self._frozen[text][0], places)

    def _beta(self) -> float:
        """β of L_action, or that of its form."""
        return self._weights.action.beta or _BETA.get(self._weights.action.form, 1000.0)

    def _change_weight(self, own: float | None) -> float:
        """A term's own `change_weight`, or that of all."""
        return self._weights.change_weight if own is None else own

    def _places(self, weight: float) -> Tensor | None:
        """The weight of each place, B 1 h w; None: all the same. Computed once."""
        if weight and weight not in self._weights_of_places:
            batch = self._batch
            self._weights_of_places[weight] = losses.change_weights(batch.original, batch.clean, weight=weight)
        return self._weights_of_places.get(weight)

    def _timed(self, values: Tensor, own: str | None) -> Tensor:
        """The values of rows, weighed by their times, by a term's own scheme or by that of all."""
        weights, times = self._weights, self._batch.times
        scheme = own or weights.time_weights
        if scheme == "min_snr":
            return values * self._process.min_snr_weights(times, gamma=weights.min_snr_gamma or _GAMMA)
        if scheme == "debiased":
            return values * self._process.debiased_weights(times)
        return values
