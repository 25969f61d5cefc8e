"""The losses equal the formulas, and so do their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from actionpairs.training import losses

BETA, MARGIN = 3.0, 0.1


def reference(form: str, right: np.ndarray, wrong: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """L_action written out in float64, one number at a time."""
    result = np.zeros(len(right))
    for sample in range(len(right)):
        kept = [wrong[k, sample] for k in range(len(wrong)) if counted[k, sample]]
        each = {
            "logistic": [np.log1p(np.exp(BETA * (right[sample] - d))) / BETA for d in kept],
            "dpo": [np.log1p(np.exp(BETA * (right[sample] - d))) / BETA for d in kept],
            "hinge": [max(0.0, right[sample] - d + MARGIN * right[sample]) for d in kept],
            "negated": [-d for d in kept],
        }[form]
        result[sample] = np.mean(each) if each else 0.0
    return result


@pytest.fixture
def errors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    right = torch.rand(6, generator=generator, dtype=torch.float64)
    wrong = torch.rand(2, 6, generator=generator, dtype=torch.float64)
    counted = torch.tensor([[True, True, False, True, False, True], [True, False, False, True, True, True]])
    return right, wrong, counted


@pytest.mark.parametrize("form", ["logistic", "hinge", "negated", "dpo"])
def test_action_loss_equals_the_formula(form: str, errors: tuple[torch.Tensor, ...]) -> None:
    right, wrong, counted = errors
    computed = losses.action_losses(right, wrong, counted, form=form, beta=BETA, margin=MARGIN)
    expected = reference(form, right.numpy(), wrong.numpy(), counted.numpy())
    assert np.abs(computed.numpy() - expected).max() < 1e-12
    single = losses.action_losses(right.float(), wrong.float(), counted, form=form, beta=BETA, margin=MARGIN)
    assert np.abs(single.numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("form", ["logistic", "hinge", "negated", "dpo"])
def test_action_loss_passes_gradcheck(form: str, errors: tuple[torch.Tensor, ...]) -> None:
    """The margin is 0: the margin itself gets no gradient (see the next test)."""
    right, wrong, counted = errors
    assert torch.autograd.gradcheck(
        lambda r, w: losses.action_losses(r, w, counted, form=form, beta=BETA, margin=0.0),
        (right.requires_grad_(), wrong.requires_grad_()),
    )


def test_hinge_pushes_only_where_the_margin_is_not_kept() -> None:
    right = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
    wrong = torch.tensor([[0.9, 0.51]], dtype=torch.float64, requires_grad=True)
    counted = torch.ones(1, 2, dtype=torch.bool)
    losses.action_losses(right, wrong, counted, form="hinge", beta=BETA, margin=MARGIN).sum().backward()
    assert right.grad.tolist() == [0.0, 1.0]  # the margin itself gets no gradient
    assert wrong.grad.tolist() == [[0.0, -1.0]]


def test_samples_without_a_negative_text_have_no_action_loss_and_no_gradient() -> None:
    right = torch.rand(3, requires_grad=True)
    wrong = torch.rand(1, 3, requires_grad=True)
    counted = torch.tensor([[True, False, True]])
    action = losses.action_losses(right, wrong, counted, form="logistic", beta=1000.0, margin=0.1)
    action.sum().backward()
    assert action[1] == 0
    assert right.grad[1] == 0
    assert wrong.grad[0, 1] == 0


def test_logistic_stays_finite_at_any_difference() -> None:
    right, wrong = torch.tensor([1e4, 0.0]), torch.tensor([[0.0, 1e4]])
    counted = torch.ones(1, 2, dtype=torch.bool)
    action = losses.action_losses(right, wrong, counted, form="logistic", beta=1000.0, margin=0.1)
    assert action.tolist() == pytest.approx([1e4, 0.0], abs=1e-15)


def test_squared_errors_are_means_per_sample_and_pass_gradcheck() -> None:
    prediction = torch.randn(3, 4, 2, 2, dtype=torch.float64, requires_grad=True)
    target = torch.randn(3, 4, 2, 2, dtype=torch.float64)
    expected = ((prediction.detach().numpy() - target.numpy()) ** 2).reshape(3, -1).mean(1)
    errors = losses.squared_errors(prediction, target)
    assert np.abs(errors.detach().numpy() - expected).max() < 1e-12
    assert torch.autograd.gradcheck(lambda p: losses.squared_errors(p, target), prediction)


def test_unknown_forms_are_refused() -> None:
    one = torch.ones(1)
    with pytest.raises(ValueError, match="no action loss is called 'square'"):
        losses.action_losses(one, one[None], one[None].bool(), form="square", beta=1.0, margin=0.0)


def test_changed_positions_weigh_more_and_all_samples_the_same() -> None:
    original = torch.zeros(2, 4, 4, 4)
    clean = original.clone()
    clean[0, :, 1, 2] = 2.0  # one position of sixteen changes in the first sample, none in the second
    weights = losses.change_weights(original, clean, weight=10.0)
    assert weights.shape == (2, 1, 4, 4)
    assert torch.allclose(weights.mean((1, 2, 3)), torch.ones(2))
    assert float(weights[0, 0, 1, 2] / weights[0, 0, 0, 0]) == pytest.approx(11.0)
    assert torch.equal(weights[1], torch.ones(1, 4, 4))


@pytest.mark.parametrize("form", ["logistic", "dpo"])
def test_a_pair_that_is_told_apart_leaves_no_denormal_gradients(form: str) -> None:
    """A CPU computes several times slower with them. Where it matters, the gradient is sigmoid(βΔ)."""
    differences = torch.tensor([0.0, -0.01, -0.025, -0.05, -0.09, -0.1, -1.0])
    wrong = torch.ones(1, len(differences), requires_grad=True)
    counted = torch.ones_like(wrong, dtype=torch.bool)
    losses.action_losses(1 + differences, wrong, counted, form=form, beta=1000.0, margin=0.1).sum().backward()
    assert wrong.grad is not None
    slopes = -wrong.grad[0].numpy()
    exact = np.exp(-np.logaddexp(0, -1000 * ((1 + differences) - 1).double().numpy()))
    assert np.allclose(slopes, exact, rtol=1e-5, atol=1e-13)
    assert set(slopes[slopes < 1e-13]) == {0.0}
