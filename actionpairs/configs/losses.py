"""The terms of an editor's loss, and what is measured of them: parts of the `train` section of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from actionpairs.keys import Config, Positive, Weight

TimeWeights = Literal["none", "min_snr", "debiased"]


class ActionLossConfig(Config):
    """L_action: makes the error with the right instruction smaller than with a wrong one.

    form: see docs/method.md. beta: the steepness of logistic and dpo (null: 1000), how far nft steps (null: 1).
    margin: that of hinge. wrong_weight: λ of nft, the weight of its term with the wrong instruction. negatives:
    wrong instructions per pair. drawn_from: the pairs that they are taken from. pool: how many different wrong
    instructions each pair ever meets; null: any. Each is encoded where the text encoder sees the picture.
    time_weights, change_weight: of this term alone; null: those of `train`.
    """

    weight: Weight = 0.1
    form: Literal["logistic", "hinge", "negated", "dpo", "nft"] = "logistic"
    beta: Annotated[float, Field(gt=0)] | None = None
    margin: Weight = 0.1
    wrong_weight: Weight = 1.0
    negatives: Positive = 1
    drawn_from: Literal["all", "same verb", "same noun", "same scene", "batch"] = "all"
    pool: Positive | None = None
    time_weights: TimeWeights | None = None
    change_weight: Weight | None = None

    @model_validator(mode="after")
    def _batches_have_no_pool(self) -> ActionLossConfig:
        if self.pool is not None and self.drawn_from == "batch":
            raise ValueError("`pool` is fixed before the batches: it does not go with `drawn_from: batch`")
        return self


class RegularizationConfig(Config):
    """L_reg: keeps the prediction near that of the frozen model that training started from.

    on: under which instruction: the pair's own ("right"), a wrong one as L_action draws them, the null text, or
    one of `texts` ("replay"). where: at all places, or only where the two pictures are the same. share: the share
    of a batch's rows that have such a null or replayed text; each costs a pass of its own. time_weights,
    change_weight: of this term alone; null: those of `train`.
    """

    weight: Weight = 0.1
    on: Literal["right", "wrong", "null", "replay"] = "right"
    where: Literal["all", "unchanged"] = "all"
    texts: tuple[str, ...] = ()
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    time_weights: TimeWeights | None = None
    change_weight: Weight | None = None

    @field_validator("on", mode="before")
    @classmethod
    def _null_is_a_word(cls, value: object) -> object:
        """YAML reads `on: null` as nothing."""
        return "null" if value is None else value

    @model_validator(mode="after")
    def _texts_are_replayed(self) -> RegularizationConfig:
        if bool(self.texts) != (self.on == "replay"):
            raise ValueError("`on: replay` and `texts` go together: they are the instructions to replay")
        if self.where == "unchanged" and self.change_weight:
            raise ValueError("`change_weight` does not go with `where: unchanged`: nothing that changes is left")
        if self.share < 1 and self.on in ("right", "wrong"):
            raise ValueError(
                "`share` is of null or replayed texts: it does not go with `on: right` or `on: wrong`"
            )
        return self


class IdentityConfig(Config):
    """The identity term: L_static of rows whose target is the input picture.

    dropped: rows whose text alone was dropped for guidance are such rows. texts: instructions that ask for no
    change; a `share` of the rows gets one of them in place of its own. weight: of these rows in L_static.
    """

    dropped: bool = False
    texts: tuple[str, ...] = ()
    share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight: Weight = 1.0

    @model_validator(mode="after")
    def _texts_have_a_share(self) -> IdentityConfig:
        if bool(self.texts) != bool(self.share):
            raise ValueError("`texts` and `share` go together: set both, or neither")
        if self.weight != 1 and not (self.dropped or self.texts):
            raise ValueError("`weight` is that of the rows that `dropped` or `texts` give: set one of them too")
        return self


class DiagnosticsConfig(Config):
    """What is measured while an editor trains, besides its losses (docs/training.md). It changes no weights.

    by_noise: each term, the margin d⁻ − d⁺ and σ(βΔ) of L_action by thirds of noise, in every step.
    gradients_every: steps between two measurements of each term's gradient: its norm, and its cosine with that of
    L_static; null: none. gradient_layers: parts of the names of the parameters whose gradients are measured; null
    takes every 19th matrix that trains. discrimination_pairs: of how many test pairs (training pairs, if there are
    none) the discrimination is measured at each sample grid, under easy and hard negatives.
    """

    by_noise: bool = False
    gradients_every: Positive | None = None
    gradient_layers: tuple[str, ...] | None = None
    discrimination_pairs: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _layers_are_measured(self) -> DiagnosticsConfig:
        if self.gradient_layers is not None and self.gradients_every is None:
            raise ValueError("`gradient_layers` are those of `gradients_every`: set both")
        return self
