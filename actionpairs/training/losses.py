"""The losses of EditAction (arXiv 2412.04558), per sample, as functions of arrays alone.

L = L_static + λ1·L_action + λ2·L_reg. d⁺ and d⁻ are the squared errors of the prediction under the right and
under a wrong instruction, with the same noised latents, timestep and noise. We did not find the paper's form
of L_action; the forms here are ours. They know neither model nor noise: how latents are noised stands in
editors/noise.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# Of βΔ. Below it, the slope of softplus is under 10⁻¹³ and is taken as 0: smaller gradients soon are denormal
# numbers, with which a CPU computes several times slower.
_LEAST = -30.0


def squared_errors(prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean squared difference of each sample: B … in, B out. weights: of its places, of mean 1."""
    errors = (prediction - target).square()
    return (errors if weights is None else weights * errors).flatten(1).mean(1)


def change_weights(original: Tensor, clean: Tensor, *, weight: float) -> Tensor:
    """The weight of each latent position: 1 + weight where the latents differ by half a standard deviation.

    original, clean: B 4 h w, of unit variance. Returns B 1 h w, with mean 1 in each sample. Most edits change only
    a few positions in a hundred.
    """
    weights = 1 + weight * changed_places(original, clean)
    return weights / weights.mean((1, 2, 3), keepdim=True)


def unchanged_weights(original: Tensor, clean: Tensor) -> Tensor:
    """The weight of each latent position if only unchanged ones count: B 1 h w, of mean 1; 0 if none is left."""
    weights = (~changed_places(original, clean)).float()
    return weights / weights.mean((1, 2, 3), keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)


def changed_places(original: Tensor, clean: Tensor) -> Tensor:
    """Where latents of unit variance differ by half a standard deviation: B C h w each in, B 1 h w bool out."""
    return (clean - original).square().mean(1, keepdim=True) > 0.25


def weighted_rows(values: Tensor, rows: Tensor, *, weight: float) -> Tensor:
    """The values of some rows times a weight, the others as they are: B each; rows: bool."""
    return values if weight == 1 else torch.where(rows, weight * values, values)


def action_losses(
    right: Tensor,
    wrong: Tensor,
    counted: Tensor,
    *,
    form: str,
    beta: float,
    margin: float,
) -> Tensor:
    """L_action of each sample, the mean over its wrong instructions: B.

    right: d⁺, B. wrong: d⁻, K B. counted: K B, bool, which of them count. A sample where none counts gets 0 (its
    text was dropped).

    logistic: softplus(β(d⁺ − d⁻))/β, the negative log-likelihood of preferring d⁺, in the errors' units.
    dpo: the same, where those of the frozen model are subtracted from both errors (Diffusion-DPO, arXiv
    2311.12908). hinge: max(0, d⁺ − d⁻ + margin·stopgrad(d⁺)). negated: −d⁻, which has no lower bound.
    """
    if form in ("logistic", "dpo"):
        losses = F.softplus((beta * (right - wrong)).clamp(min=_LEAST)) / beta
    elif form == "hinge":
        losses = F.relu(right - wrong + margin * right.detach())
    elif form == "negated":
        losses = -wrong
    else:
        raise ValueError(f"no action loss is called {form!r}")
    return mean_of_counted(losses, counted)


# 7 parameters: two predictions of each model, what they should be, and which of them and of their places count
def nft_losses(
    predictions: Sequence[Tensor],
    frozen: Sequence[Tensor],
    target: Tensor,
    counted: Tensor,
    *,
    beta: float,
    wrong_weight: float,
    weights: Tensor | None = None,
) -> Tensor:
    """L_action by DiffusionNFT (arXiv 2509.16117), with right and wrong instructions for good and bad samples: B.

    predictions, frozen: of the model that trains and of the frozen one, under the right instruction and then under
    K wrong ones, B C h w each. counted: K B. weights: of the places, as in `squared_errors`.

    [‖(1−β)·v₀⁺ + β·v⁺ − v*‖² + λ·‖(1+β)·v₀⁻ − β·v⁻ − v*‖²]/β. Its second term is least at v⁻ = v₀⁻ + (v₀⁻ − v*)/β,
    which is finite.
    """
    right = squared_errors((1 - beta) * frozen[0] + beta * predictions[0], target, weights)
    losses = torch.stack(
        [
            (right + wrong_weight * squared_errors((1 + beta) * base - beta * prediction, target, weights)) / beta
            for prediction, base in zip(predictions[1:], frozen[1:], strict=True)
        ]
    )
    return mean_of_counted(losses, counted)


def mean_of_counted(losses: Tensor, counted: Tensor) -> Tensor:
    """The mean over K losses of each sample that count: K B in, B out; 0 where none counts."""
    kept = losses.masked_fill(~counted, 0.0)
    return kept.sum(0) / counted.sum(0).clamp(min=1)
