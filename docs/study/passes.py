"""What a row costs, computed from its recipe."""

from __future__ import annotations

from actionpairs.configs import EditorConfig

ROWS = 32  # one pass is a forward pass of so many rows
_TRAINED = 3  # a forward pass, and a backward pass that costs two
_WITH_FROZEN_MODEL = ("dpo", "nft")


def passes(config: EditorConfig) -> float:
    """The forward passes of 32 rows that a whole training takes; a backward pass counts as two."""
    return passes_per_row(config) * config.batch_size / ROWS * config.steps


def passes_per_row(config: EditorConfig) -> float:
    """The passes of one row of a batch through the trained and the frozen model.

    All texts of the terms go through the trained model, and those that a term compares with through the frozen
    one. L_static's text serves L_reg too. L_action's wrong texts serve `on: wrong`, which else draws its own.
    """
    action, regularization = config.action, config.regularization
    negatives = action.negatives if action.weight else 0
    trained, frozen = 1.0 + negatives, 0.0
    if negatives and action.form in _WITH_FROZEN_MODEL:
        frozen += 1 + negatives
    if regularization.weight:
        match regularization.on:
            case "right":
                frozen = max(frozen, 1.0)
            case "wrong":
                trained += 0 if negatives else 1
                frozen = max(frozen, float(negatives or 1))
            case "null" | "replay":
                trained += regularization.share
                frozen += regularization.share
    return _TRAINED * trained + frozen
