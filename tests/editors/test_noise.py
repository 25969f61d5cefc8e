"""Noise, targets and weights are those of the papers and of diffusers, and times are drawn as the recipe says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, FlowMatchEulerDiscreteScheduler
from scipy.stats import kstest, norm

from actionpairs.configs import TimesConfig
from actionpairs.editors.noise import Diffusion, FlowMatching, NoiseProcess, noised
from actionpairs.training import losses

TOKENS = 1024
ALPHAS = torch.tensor([0.999, 0.9, 0.5, 0.01], dtype=torch.float64)
SIGMAS = torch.tensor([0.0, 0.02, 0.3, 0.5, 0.8, 1.0], dtype=torch.float64)


def shift_of(tokens: int) -> float:
    """A μ that depends on the number of tokens."""
    return 0.5 + tokens / 4096


def flow(unit: float = 1.0, **times: object) -> FlowMatching:
    return FlowMatching(TimesConfig(**times), shift_of, unit)


def draws(process: NoiseProcess, *, count: int = 4000, tokens: int = TOKENS) -> np.ndarray:
    generator = np.random.default_rng(0)
    return np.array([process.draw(generator, tokens=tokens) for _ in range(count)])


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_targets_and_noise_agree_with_diffusers(prediction_type: str) -> None:
    scheduler = DDPMScheduler(beta_schedule="scaled_linear", prediction_type=prediction_type)
    clean, noise = torch.randn(2, 5, 4, 3, 3).unbind(0)
    times = torch.tensor([0, 10, 500, 900, 999])
    process = Diffusion.of(scheduler)
    assert torch.allclose(noised(process, clean, noise, times), scheduler.add_noise(clean, noise, times))
    expected = noise if prediction_type == "epsilon" else scheduler.get_velocity(clean, noise, times)
    assert torch.allclose(process.target(clean, noise, times), expected)


def test_min_snr_weights_agree_with_the_paper() -> None:
    ratio = ALPHAS.numpy() / (1 - ALPHAS.numpy())
    noise, velocity = (
        Diffusion(ALPHAS, kind).min_snr_weights(torch.arange(4), gamma=5.0).numpy()
        for kind in ("epsilon", "v_prediction")
    )
    assert np.allclose(noise, np.minimum(ratio, 5.0) / ratio)
    assert np.allclose(velocity, np.minimum(ratio, 5.0) / (ratio + 1))
    assert noise[-1] == 1.0


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_every_weight_is_finite_where_a_schedule_ends_in_noise_alone(prediction_type: str) -> None:
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear", rescale_betas_zero_snr=True, prediction_type=prediction_type
    )
    process, last = Diffusion.of(scheduler), torch.tensor([0, 998, 999])
    assert process.alphas[-1] == 0
    assert process.min_snr_weights(last, gamma=5.0).isfinite().all()
    assert process.debiased_weights(last).isfinite().all()
    clean, noise = torch.randn(2, 3, 4, 3, 3).unbind(0)
    expected = noise if prediction_type == "epsilon" else scheduler.get_velocity(clean, noise, last)
    assert torch.allclose(process.target(clean, noise, last), expected)


def test_an_unknown_prediction_is_refused() -> None:
    one = torch.ones(1)
    with pytest.raises(ValueError, match="no prediction is called 'sample'"):
        Diffusion(ALPHAS, "sample").target(one, one, torch.tensor([0]))


def test_every_timestep_of_diffusion_is_equally_likely_and_shares_cover_the_schedule() -> None:
    process = Diffusion(torch.linspace(1, 0, 10), "epsilon")
    counts = np.bincount(draws(process), minlength=10)
    assert len(counts) == 10
    assert np.abs(counts - 400).max() < 5 * math.sqrt(400 * 0.9)
    assert [process.at(share) for share in (0.0, 0.09, 0.1, 0.55, 0.999)] == [0, 0, 1, 5, 9]


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_flow_matching_mixes_and_aims_as_diffusers_does(unit: float) -> None:
    """diffusers' scale_noise has the mixture; its training scripts' target is noise − latents."""
    clean, noise = torch.randn(2, 6, 4, 3, 3, dtype=torch.float64).unbind(0)
    process, factors = flow(unit), SIGMAS.numpy().reshape(-1, 1, 1, 1)
    mixed = noised(process, clean, noise, SIGMAS * unit)
    assert np.allclose(mixed, (1 - factors) * clean.numpy() + factors * noise.numpy(), atol=1e-12)
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000)
    times = scheduler.timesteps[[0, 250, 700, 990]]
    theirs = scheduler.scale_noise(clean[:4].float(), times, noise[:4].float())
    ours = noised(process, clean[:4].float(), noise[:4].float(), process.time_of(times))
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert torch.equal(process.target(clean, noise, SIGMAS), noise - clean)


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_the_true_velocity_leads_from_any_time_to_the_clean_latents(unit: float) -> None:
    clean, noise = torch.randn(2, 6, 4, 3, 3, dtype=torch.float64).unbind(0)
    process = flow(unit)
    mixed, velocity = noised(process, clean, noise, SIGMAS * unit), process.target(clean, noise, SIGMAS * unit)
    assert torch.allclose(mixed - SIGMAS.view(-1, 1, 1, 1) * velocity, clean, atol=1e-12)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_schedule_that_ends_in_noise_alone_has_finite_weights(kind: str) -> None:
    """Trainers that divide by an SNR of 0 lose the model to NaN (SimpleTuner 187, sd-scripts 934)."""
    process = Diffusion(torch.tensor([1.0, 0.5, 0.0]), kind)
    weights = process.min_snr_weights(torch.arange(3), gamma=5.0)
    assert weights.tolist() == ([0.0, 1.0, 1.0] if kind == "epsilon" else [0.0, 0.5, 0.0])
    if kind == "v_prediction":  # for ε, 1/√SNR has no limit there
        assert process.debiased_weights(torch.arange(3)).tolist() == [0.0, 0.5, 0.0]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_debiased_weights_are_those_of_the_paper(kind: str) -> None:
    """1/√SNR for ε (arXiv 2310.08442); for v the same loss: ‖v̂ − v‖² = ‖ε̂ − ε‖²·(SNR + 1)/SNR."""
    snr = (ALPHAS / (1 - ALPHAS)).numpy()
    expected = 1 / np.sqrt(snr) * (1 if kind == "epsilon" else snr / (snr + 1))
    assert Diffusion(ALPHAS, kind).debiased_weights(torch.arange(len(ALPHAS))).numpy() == pytest.approx(expected)


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_debiased_weights_of_flow_matching_are_those_of_its_clean_latents(unit: float) -> None:
    snr = ((1 - SIGMAS[1:]) / SIGMAS[1:]).square()
    expected = snr.sqrt() * SIGMAS[1:].square()
    assert torch.allclose(flow(unit).debiased_weights(SIGMAS[1:] * unit), expected, atol=1e-6)
    assert flow(unit).debiased_weights(torch.zeros(1)).tolist() == [0.0]


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_min_snr_weights_of_flow_matching_are_min_snr_gamma_times_sigma_squared(unit: float) -> None:
    sigmas, gamma = SIGMAS.numpy()[1:], 5.0
    expected = np.minimum((1 - sigmas) ** 2 / sigmas**2, gamma) * sigmas**2
    weights = flow(unit).min_snr_weights(SIGMAS[1:] * unit, gamma=gamma)
    assert np.allclose(weights, expected, atol=1e-12)
    assert flow(unit).min_snr_weights(torch.zeros(1), gamma=gamma).tolist() == [0.0]  # no 0/0 without noise


def test_weights_on_v_are_weights_on_the_clean_latents() -> None:
    """x̂ = z − σ·v̂, so an error of v̂ is σ times as large in x̂; Min-SNR weighs x̂'s by min(SNR, γ)."""
    clean, noise, off = torch.randn(3, 6, 4, 3, 3, dtype=torch.float64).unbind(0)
    process, sigmas = flow(), SIGMAS[1:]
    clean, noise, off = clean[1:], noise[1:], off[1:]
    predicted = process.target(clean, noise, sigmas) + off
    guessed = noised(process, clean, noise, sigmas) - sigmas.view(-1, 1, 1, 1) * predicted
    ratio = ((1 - sigmas) / sigmas).square().clamp(max=5.0)
    weighed = process.min_snr_weights(sigmas, gamma=5.0) * losses.squared_errors(predicted, noise - clean)
    assert torch.allclose(weighed, ratio * losses.squared_errors(guessed, clean))


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.5, 0.7)])
def test_logit_normal_times_have_the_quantiles_of_their_distribution(mean: float, deviation: float) -> None:
    times = draws(flow(mean=mean, deviation=deviation))
    assert kstest(np.log(times / (1 - times)), norm(mean, deviation).cdf).pvalue > 0.01
    assert kstest(times, norm(mean + 0.2, deviation).cdf).pvalue < 1e-6  # the test would notice
    for quantile in (0.1, 0.5, 0.9):
        expected = 1 / (1 + math.exp(-norm(mean, deviation).ppf(quantile)))
        assert np.quantile(times, quantile) == pytest.approx(expected, abs=0.02)


def test_uniform_times_are_uniform() -> None:
    times = draws(flow(draw="uniform"))
    assert kstest(times, "uniform").pvalue > 0.01
    assert 0 <= times.min() < 0.01
    assert 0.99 < times.max() < 1


@pytest.mark.parametrize("tokens", [256, 1024, 4096])
@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_the_shift_by_resolution_is_that_of_diffusers(tokens: int, unit: float) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    plain, shifted = draws(flow(), count=50), draws(flow(unit, shift="resolution"), count=50, tokens=tokens)
    expected = scheduler.time_shift(shift_of(tokens), 1.0, torch.from_numpy(plain)).numpy()
    assert np.allclose(shifted / unit, expected, atol=1e-6)
    assert (shifted / unit > plain).all()


def test_a_fixed_shift_is_that_of_diffusers() -> None:
    plain, shifted = draws(flow(), count=50), draws(flow(shift=3.0), count=50)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(sigmas=plain)
    assert np.allclose(shifted, scheduler.sigmas[:-1], atol=1e-6)


def test_shares_are_shares_of_sigma_and_timesteps_of_diffusers_are_a_thousand_sigma() -> None:
    for unit in (1.0, 1000.0):
        assert [flow(unit).at(share) for share in (0.0, 0.25, 0.5)] == [0.0, 0.25 * unit, 0.5 * unit]
        assert flow(unit).time_of(torch.tensor(250.0)) == 0.25 * unit
