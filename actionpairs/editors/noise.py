"""How latents are noised, and what a denoiser predicts: diffusion with a table of ᾱ, or flow matching."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from actionpairs.configs import TimesConfig

Shift = Callable[[int], float]  # tokens of a picture → μ; the shift of its times is exp(μ)


class NoiseProcess(Protocol):
    """Times are in the unit that the denoiser takes: 0 … 999, or 0 … 1 where σ is meant."""

    def draw(self, generator: np.random.Generator, *, tokens: int) -> float:
        """The time of a training row. tokens: how many the denoiser sees of one picture."""

    def at(self, share: float) -> float:
        """The time below which `share` of all times lie, in [0, 1)."""

    def mixture(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """The factors of clean latents and of noise at these times: B each, float32."""

    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """What the denoiser should predict: shaped as the latents, B C h w."""

    def min_snr_weights(self, times: Tensor, *, gamma: float) -> Tensor:
        """The weights of Min-SNR (arXiv 2303.09556) at these times: B."""

    def debiased_weights(self, times: Tensor) -> Tensor:
        """The weights of debiased training (arXiv 2310.08442) at these times: B."""

    def time_of(self, timestep: Tensor) -> Tensor:
        """A timestep of diffusers' scheduler, 0 … 1000, in the denoiser's unit."""


def noised(process: NoiseProcess, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """Clean latents with noise mixed in, at each row's time. All B C h w."""
    signal, spread = process.mixture(times)
    return _per_row(signal, clean) * clean + _per_row(spread, clean) * noise


@dataclass(frozen=True, slots=True)
class Diffusion:
    """√ᾱ·x + √(1−ᾱ)·ε (DDPM). alphas: ᾱ of every timestep, T, float32, on the CPU.

    prediction_type: "epsilon", the noise ε, or "v_prediction", √ᾱ·ε − √(1−ᾱ)·x (arXiv 2202.00512).
    """

    alphas: Tensor
    prediction_type: str

    @classmethod
    def of(cls, scheduler: Any) -> Diffusion:
        """That of a diffusers scheduler with `alphas_cumprod`."""
        return cls(scheduler.alphas_cumprod.float().cpu(), scheduler.config.prediction_type)

    def draw(self, generator: np.random.Generator, *, tokens: int) -> int:
        """Every timestep is equally likely."""
        return int(generator.integers(len(self.alphas)))

    def at(self, share: float) -> int:
        """The timestep at this share of the schedule."""
        return int(share * len(self.alphas))

    def mixture(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """√ᾱ and √(1−ᾱ)."""
        alphas = self._alphas(times)
        return alphas.sqrt(), torch.sqrt(1 - alphas)

    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """ε or v."""
        if self.prediction_type == "epsilon":
            return noise
        if self.prediction_type == "v_prediction":
            signal, spread = self.mixture(times)
            return _per_row(signal, clean) * noise - _per_row(spread, clean) * clean
        raise ValueError(f"no prediction is called {self.prediction_type!r}")

    def min_snr_weights(self, times: Tensor, *, gamma: float) -> Tensor:
        """min(SNR, γ)/SNR for ε and min(SNR, γ)/(SNR + 1) for v, with SNR = ᾱ/(1−ᾱ).

        Where the schedule ends in noise alone, SNR is 0, and the first is its limit, 1.
        """
        alphas = self._alphas(times)
        ratio = alphas / (1 - alphas)
        if self.prediction_type == "epsilon":
            return torch.where(ratio > 0, ratio.clamp(max=gamma) / ratio, 1.0)
        return ratio.clamp(max=gamma) / (ratio + 1)

    def debiased_weights(self, times: Tensor) -> Tensor:
        """1/√SNR for ε; √SNR/(SNR + 1) = √(ᾱ·(1−ᾱ)) for v, which is the same loss.

        Where ᾱ is 0, and 1/√SNR has no value, ᾱ is 2⁻²⁴, as in diffusers' Euler schedulers.
        """
        alphas = self._alphas(times)
        if self.prediction_type == "epsilon":
            alphas = alphas.clamp(min=2**-24)
            return ((1 - alphas) / alphas).sqrt()
        return (alphas * (1 - alphas)).sqrt()

    def time_of(self, timestep: Tensor) -> Tensor:
        """The timestep itself."""
        return timestep

    def _alphas(self, times: Tensor) -> Tensor:
        return self.alphas.to(times.device)[times]


@dataclass(frozen=True, slots=True)
class FlowMatching:
    """(1−σ)·x + σ·ε; the denoiser predicts v = ε − x (arXiv 2210.02747, 2403.03206).

    times: how σ is drawn in training. shift: μ for a number of tokens, where σ is shifted by resolution. unit: of
    the denoiser's time; 1 if it takes σ itself.
    """

    times: TimesConfig
    shift: Shift
    unit: float = 1.0

    def draw(self, generator: np.random.Generator, *, tokens: int) -> float:
        """σ is uniform, or the logistic function of a normal draw; then it is shifted: s·σ/(1 + (s−1)·σ)."""
        if self.times.draw == "uniform":
            sigma = generator.random()
        else:
            sigma = 1 / (1 + math.exp(-(self.times.mean + self.times.deviation * generator.standard_normal())))
        factor = math.exp(self.shift(tokens)) if self.times.shift == "resolution" else float(self.times.shift)
        return float(np.float32(self.unit * factor * sigma / (1 + (factor - 1) * sigma)))

    def at(self, share: float) -> float:
        """σ at this share of [0, 1)."""
        return float(np.float32(self.unit * share))

    def mixture(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """1 − σ and σ."""
        sigmas = times / self.unit
        return 1 - sigmas, sigmas

    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """v = ε − x."""
        return noise - clean

    def min_snr_weights(self, times: Tensor, *, gamma: float) -> Tensor:
        """min(SNR, γ)·σ², with SNR = (1−σ)²/σ²: the error of the clean latents, x̂ = z − σ·v̂, clamped."""
        signal, sigmas = self.mixture(times)
        return torch.minimum(signal.square(), gamma * sigmas.square())

    def debiased_weights(self, times: Tensor) -> Tensor:
        """√SNR·σ² = (1−σ)·σ."""
        signal, sigmas = self.mixture(times)
        return signal * sigmas

    def time_of(self, timestep: Tensor) -> Tensor:
        """diffusers' timesteps are 1000·σ."""
        return timestep if self.unit == 1000 else timestep / 1000 * self.unit


def _per_row(factors: Tensor, like: Tensor) -> Tensor:
    """B, shaped to scale B C h w."""
    return factors.view(-1, *(1,) * (like.dim() - 1))
