"""dpo and nft equal their formulas, and the whole loss of flow matching passes gradcheck."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from actionpairs.configs import TimesConfig
from actionpairs.editors.noise import FlowMatching, noised
from actionpairs.training import losses

BETA, WRONG_WEIGHT, ROWS, WRONG = 0.7, 0.6, 5, 2
SHAPE = ROWS, 2, 2, 3
COUNTED = torch.tensor([[True, True, False, True, False], [True, False, False, True, True]])


@dataclass(frozen=True)
class Predictions:
    """Under the right instruction and the wrong ones, of the model and of the frozen one; and the target."""

    model: list[Tensor]
    frozen: list[Tensor]
    target: Tensor


@pytest.fixture
def predictions() -> Predictions:
    generator = torch.Generator().manual_seed(4)
    drawn = torch.randn(2 * (1 + WRONG) + 1, *SHAPE, generator=generator, dtype=torch.float64).unbind(0)
    return Predictions(list(drawn[: 1 + WRONG]), list(drawn[1 + WRONG : -1]), drawn[-1])


def distance(predicted: np.ndarray, target: np.ndarray) -> float:
    """The mean squared error of one sample."""
    return float(((predicted - target) ** 2).mean())


def arrays(each: Predictions) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """The same as NumPy's."""
    return [one.numpy() for one in each.model], [one.numpy() for one in each.frozen], each.target.numpy()


def dpo(each: Predictions) -> np.ndarray:
    """softplus(βΔ)/β with Δ = (d⁺ − d₀⁺) − (d⁻ − d₀⁻), written out one number at a time."""
    (v, v0, target), result = arrays(each), np.zeros(ROWS)
    for row in range(ROWS):
        kept = []
        for k in range(1, 1 + WRONG):
            if COUNTED[k - 1, row]:
                right = distance(v[0][row], target[row]) - distance(v0[0][row], target[row])
                wrong = distance(v[k][row], target[row]) - distance(v0[k][row], target[row])
                kept.append(math.log1p(math.exp(BETA * (right - wrong))) / BETA)
        result[row] = np.mean(kept) if kept else 0.0
    return result


def nft(each: Predictions) -> np.ndarray:
    """[‖(1−β)v₀⁺ + βv⁺ − v*‖² + λ‖(1+β)v₀⁻ − βv⁻ − v*‖²]/β, written out one number at a time."""
    (v, v0, target), result = arrays(each), np.zeros(ROWS)
    for row in range(ROWS):
        kept = []
        for k in range(1, 1 + WRONG):
            if COUNTED[k - 1, row]:
                right = distance((1 - BETA) * v0[0][row] + BETA * v[0][row], target[row])
                wrong = distance((1 + BETA) * v0[k][row] - BETA * v[k][row], target[row])
                kept.append((right + WRONG_WEIGHT * wrong) / BETA)
        result[row] = np.mean(kept) if kept else 0.0
    return result


def action_loss(form: str, model: list[Tensor], frozen: list[Tensor], target: Tensor) -> Tensor:
    """As EditorTask computes it: B."""
    if form == "nft":
        return losses.nft_losses(model, frozen, target, COUNTED, beta=BETA, wrong_weight=WRONG_WEIGHT)
    errors = [losses.squared_errors(one, target) for one in model]
    if form == "dpo":
        errors = [error - losses.squared_errors(one, target) for error, one in zip(errors, frozen, strict=True)]
    return losses.action_losses(errors[0], torch.stack(errors[1:]), COUNTED, form=form, beta=BETA, margin=0.0)


@pytest.mark.parametrize(("form", "reference"), [("dpo", dpo), ("nft", nft)])
def test_forms_with_a_frozen_model_equal_their_formulas(
    form: str, reference: object, predictions: Predictions
) -> None:
    computed = action_loss(form, predictions.model, predictions.frozen, predictions.target)
    expected = reference(predictions)  # type: ignore[operator]
    assert np.abs(computed.numpy() - expected).max() < 1e-12
    assert expected[2] == 0.0  # no negative of this row counts
    assert (expected[[0, 1, 3, 4]] > 0).all()


@pytest.mark.parametrize("form", ["dpo", "nft"])
def test_forms_with_a_frozen_model_pass_gradcheck(form: str, predictions: Predictions) -> None:
    model = [one.requires_grad_() for one in predictions.model]
    assert torch.autograd.gradcheck(
        lambda *each: action_loss(form, list(each), predictions.frozen, predictions.target), model
    )


def test_dpo_gives_equal_losses_before_training_whatever_the_base_tells_apart(predictions: Predictions) -> None:
    base, target = predictions.frozen, predictions.target
    right, wrong = (losses.squared_errors(one, target) for one in base[:2])
    assert (right - wrong).abs().min() > 0.01
    before = action_loss("dpo", base, base, target)
    assert torch.equal(before, torch.tensor([1, 1, 0, 1, 1]) * before[0])
    assert before[0].item() == pytest.approx(math.log(2) / BETA, rel=1e-12)
    plain = action_loss("logistic", base, base, target)
    assert plain[[0, 1, 3, 4]].std() > 0.01


def test_the_first_push_of_dpo_is_that_of_the_error_gap_alone(predictions: Predictions) -> None:
    """Before training, its gradient is half that of d⁺ − d⁻ in every row that counts."""
    base, target = predictions.frozen, predictions.target
    model = [one.clone().requires_grad_() for one in base]
    action_loss("dpo", model, base, target)[0].backward()
    right = torch.autograd.grad(losses.squared_errors(model[0], target)[0], model[0])[0]
    assert torch.allclose(model[0].grad, right / 2)


@pytest.mark.parametrize("beta", [0.3, 1.0, 2.0])
def test_the_second_term_of_nft_is_least_at_a_finite_prediction(beta: float, predictions: Predictions) -> None:
    """At v⁻ = v₀⁻ + (v₀⁻ − v*)/β, beyond the base and away from the target; there it is 0, and nowhere less."""
    frozen, target = predictions.frozen[:2], predictions.target
    right = target / beta - (1 - beta) / beta * frozen[0]  # makes the first term 0
    counted = torch.ones(1, ROWS, dtype=torch.bool)

    def second_term(prediction: Tensor) -> Tensor:
        return losses.nft_losses([right, prediction], frozen, target, counted, beta=beta, wrong_weight=1.0)

    least = (frozen[1] + (frozen[1] - target) / beta).requires_grad_()
    value = second_term(least)
    assert value.abs().max() < 1e-12
    assert torch.autograd.grad(value.sum(), least)[0].abs().max() < 1e-12
    for size in (0.01, 1.0, 100.0):
        off = size * torch.randn(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
        expected = beta * losses.squared_errors(off, torch.zeros_like(off))
        assert torch.allclose(second_term(least.detach() + off), expected)


def test_nft_before_training_is_both_errors_of_the_base(predictions: Predictions) -> None:
    base, target = predictions.frozen[:2], predictions.target
    counted = torch.ones(1, ROWS, dtype=torch.bool)
    right, wrong = (losses.squared_errors(one, target) for one in base)
    computed = losses.nft_losses(base, base, target, counted, beta=BETA, wrong_weight=WRONG_WEIGHT)
    assert torch.allclose(computed, (right + WRONG_WEIGHT * wrong) / BETA)


@pytest.mark.parametrize("form", ["logistic", "hinge", "negated", "dpo", "nft"])
@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_the_whole_loss_of_flow_matching_passes_gradcheck(form: str, unit: float) -> None:
    """Of the weights of a small denoiser that sees z, σ and the instruction, with all terms and weights."""
    generator = torch.Generator().manual_seed(6)
    clean, noise, original = torch.randn(3, *SHAPE, generator=generator, dtype=torch.float64).unbind(0)
    times = unit * torch.rand(ROWS, generator=generator, dtype=torch.float64)
    texts = torch.randn(1 + WRONG, 1, 2, 1, 1, generator=generator, dtype=torch.float64)
    weights, base = torch.randn(2, 2, 2, generator=generator, dtype=torch.float64).unbind(0)
    process = FlowMatching(TimesConfig(), lambda tokens: 0.0, unit)
    noisy, target = noised(process, clean, noise, times), process.target(clean, noise, times)
    sigmas = (times / unit).view(-1, 1, 1, 1)

    def predict(matrix: Tensor) -> list[Tensor]:
        return [torch.tanh(torch.einsum("ij,bjhw->bihw", matrix, noisy * text + sigmas)) for text in texts]

    def whole(matrix: Tensor) -> Tensor:
        model, frozen = predict(matrix), predict(base)
        changed = losses.change_weights(original, clean, weight=10.0)
        static = (changed * (model[0] - target).square()).flatten(1).mean(1)
        static = static * process.min_snr_weights(times, gamma=5.0)
        regularization = losses.squared_errors(model[0], frozen[0])
        return static + 0.3 * action_loss(form, model, frozen, target) + 0.2 * regularization

    assert torch.autograd.gradcheck(whole, weights.requires_grad_())
