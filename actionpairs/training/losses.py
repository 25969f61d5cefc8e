"""The losses of EditAction (arXiv 2412.04558), per sample, as functions of arrays alone.

L = L_static + λ1·L_action + λ2·L_reg. d⁺ and d⁻ are the squared errors of the prediction under the right and
under a wrong instruction, with the same noised latents, timestep and noise. We did not find the paper's form
of L_action; the forms here are ours.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def squared_errors(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean squared difference of each sample: B … in, B out."""
    return (prediction - target).square().flatten(1).mean(1)


def change_weights(original: Tensor, clean: Tensor, *, weight: float) -> Tensor:
    """The weight of each latent position: 1 + weight where the latents differ by half a standard deviation.

    original, clean: B 4 h w, of unit variance. Returns B 1 h w, with mean 1 in each sample. Most edits change only
    a few positions in a hundred.
    """
    changed = (clean - original).square().mean(1, keepdim=True) > 0.25
    weights = 1 + weight * changed
    return weights / weights.mean((1, 2, 3), keepdim=True)


def action_losses(
    right: Tensor, wrong: Tensor, counted: Tensor, *, form: str, beta: float, margin: float
) -> Tensor:
    """L_action of each sample, the mean over its wrong instructions: B.

    right: d⁺, B. wrong: d⁻, K B. counted: K B, bool, which of them count. A sample where none counts gets 0 (its
    text was dropped).

    logistic: softplus(β(d⁺ − d⁻))/β, the negative log-likelihood of preferring d⁺, in the errors' units.
    hinge: max(0, d⁺ − d⁻ + margin·stopgrad(d⁺)). negated: −d⁻, which has no lower bound.
    """
    if form == "logistic":
        losses = F.softplus(beta * (right - wrong)) / beta
    elif form == "hinge":
        losses = F.relu(right - wrong + margin * right.detach())
    elif form == "negated":
        losses = -wrong
    else:
        raise ValueError(f"no action loss is called {form!r}")
    kept = losses.masked_fill(~counted, 0.0)
    return kept.sum(0) / counted.sum(0).clamp(min=1)


def noised(clean: Tensor, noise: Tensor, alphas: Tensor) -> Tensor:
    """Clean latents with noise mixed in: √ᾱ·x + √(1−ᾱ)·ε. Latents B 4 h w, alphas ᾱ_t: B."""
    signal, spread = _mixture(alphas, clean)
    return signal * clean + spread * noise


def target(clean: Tensor, noise: Tensor, alphas: Tensor, *, prediction_type: str) -> Tensor:
    """The target of the prediction: the noise ε, or v = √ᾱ·ε − √(1−ᾱ)·x (arXiv 2202.00512)."""
    if prediction_type == "epsilon":
        return noise
    if prediction_type == "v_prediction":
        signal, spread = _mixture(alphas, clean)
        return signal * noise - spread * clean
    raise ValueError(f"no prediction is called {prediction_type!r}")


def min_snr_weights(alphas: Tensor, *, gamma: float, prediction_type: str) -> Tensor:
    """Weights that keep timesteps with little noise from dominating (Min-SNR, arXiv 2303.09556). ᾱ_t: B in, B out.

    min(SNR, γ)/SNR for ε and min(SNR, γ)/(SNR + 1) for v, with SNR = ᾱ/(1−ᾱ).
    """
    ratio = alphas / (1 - alphas)
    return ratio.clamp(max=gamma) / (ratio if prediction_type == "epsilon" else ratio + 1)


def _mixture(alphas: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """√ᾱ and √(1−ᾱ), shaped to scale B 4 h w."""
    shape = (-1, *(1,) * (like.dim() - 1))
    return alphas.sqrt().view(shape), torch.sqrt(1 - alphas).view(shape)
