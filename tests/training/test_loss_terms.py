"""Each term of the loss equals its formula in NumPy, under all weights of times and places; gradcheck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from actionpairs.configs import ActionLossConfig, EditorConfig, IdentityConfig, RegularizationConfig, TimesConfig
from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.noise import Diffusion, FlowMatching, NoiseProcess
from actionpairs.training.diffusion_batches import DiffusionBatch
from actionpairs.training.loss_terms import LossTerms, LossWeights, Term

ROWS, NEGATIVES, SHAPE = 4, 2, (2, 3, 3)
COUNTED = torch.tensor([[True, True, False, True], [True, False, False, True]])
IDENTITY = torch.tensor([False, False, True, False])
DROPPED = torch.tensor([False, True, False, False])
REPLAYED_ROWS = torch.tensor([0, 2])
ALPHAS = torch.linspace(0.95, 0.02, 8)
PROCESSES: dict[str, NoiseProcess] = {
    "epsilon": Diffusion(ALPHAS, "epsilon"),
    "v": Diffusion(ALPHAS, "v_prediction"),
    "flow": FlowMatching(TimesConfig(), shift=lambda tokens: 0.0),
}
EDITOR = {"task": "editor", "model": {"tiny": True}}
SCHEMES = ("none", "min_snr", "debiased")
Terms = Callable[..., tuple[LossTerms, DiffusionBatch, dict[str, list[Tensor]], dict[str, list[Tensor]]]]


def draw(generator: torch.Generator, rows: int = ROWS) -> Tensor:
    return torch.randn((rows, *SHAPE), generator=generator, dtype=torch.float64)


@pytest.fixture
def make() -> Terms:
    def make(
        weights: LossWeights, kind: str = "v"
    ) -> tuple[LossTerms, DiffusionBatch, dict[str, list[Tensor]], dict[str, list[Tensor]]]:
        generator, text = torch.Generator().manual_seed(0), Conditioning(torch.zeros(ROWS, 1, 1))
        clean, noise = draw(generator), draw(generator)
        original = clean.clone()
        original[:, :, 0] += 2  # a third of the places changes
        original[IDENTITY] = clean[IDENTITY]
        times = torch.tensor([0.1, 0.4, 0.6, 0.9]) if kind == "flow" else torch.tensor([0, 3, 5, 7])
        batch = DiffusionBatch(
            noisy=clean,
            reference=clean,
            times=times,
            right=text,
            wrong=(text,) * NEGATIVES,
            counted=COUNTED,
            clean=clean,
            noise=noise,
            original=original,
            identity=IDENTITY,
            picture_dropped=DROPPED,
            replayed=(Conditioning(torch.zeros(2, 1, 1)), REPLAYED_ROWS),
        )

        def predictions() -> dict[str, list[Tensor]]:
            return {
                "right": [draw(generator).requires_grad_()],
                "wrong": [draw(generator).requires_grad_() for _ in range(NEGATIVES)],
                "replayed": [draw(generator, len(REPLAYED_ROWS)).requires_grad_()],
            }

        model, frozen = predictions(), predictions()
        return LossTerms(batch, PROCESSES[kind], model, frozen, weights), batch, model, frozen

    return make


def weights_of(
    action: dict[str, Any] | None = None, regularization: dict[str, Any] | None = None, **all_terms: Any
) -> LossWeights:
    return LossWeights(
        ActionLossConfig(**(action or {})), RegularizationConfig(**(regularization or {})), **all_terms
    )


def target(kind: str, batch: DiffusionBatch) -> np.ndarray:
    clean, noise, times = batch.clean.numpy(), batch.noise.numpy(), batch.times.numpy()
    if kind != "v":
        return noise if kind == "epsilon" else noise - clean
    alphas = ALPHAS.numpy()[times].reshape(-1, 1, 1, 1)
    return np.sqrt(alphas) * noise - np.sqrt(1 - alphas) * clean


def time_weights(kind: str, scheme: str, times: np.ndarray, gamma: float = 5.0) -> np.ndarray:
    """Those of the error of the clean latents, min(SNR, γ) or √SNR, over how much larger the target's error is."""
    if scheme == "none":
        return np.ones(len(times))
    snr = (1 - times) ** 2 / times**2 if kind == "flow" else ALPHAS.numpy()[times] / (1 - ALPHAS.numpy()[times])
    of_clean = np.minimum(snr, gamma) if scheme == "min_snr" else np.sqrt(snr)
    larger = {"epsilon": snr, "v": snr + 1, "flow": 1 / times**2 if kind == "flow" else 0}[kind]
    return np.asarray(of_clean / larger)


def place_weights(batch: DiffusionBatch, change: float) -> np.ndarray:
    changed = ((batch.clean - batch.original).numpy() ** 2).mean(1, keepdims=True) > 0.25
    weights = 1 + change * changed
    return np.asarray(weights / weights.mean((1, 2, 3), keepdims=True))


def only_unchanged(batch: DiffusionBatch) -> np.ndarray:
    same = ((batch.clean - batch.original).numpy() ** 2).mean(1, keepdims=True) <= 0.25
    return np.asarray(same / same.mean((1, 2, 3), keepdims=True))


def distance(one: Tensor, other: Any, places: np.ndarray | float) -> np.ndarray:
    difference = one.detach().numpy() - (other.detach().numpy() if isinstance(other, Tensor) else other)
    return np.asarray((places * difference**2).mean((1, 2, 3)))


@pytest.mark.parametrize(("kind", "scheme", "change"), list(product(PROCESSES, SCHEMES, (0.0, 10.0))))
def test_one_scheme_weighs_all_terms_by_time_and_place(make: Terms, kind: str, scheme: str, change: float) -> None:
    terms, batch, model, frozen = make(weights_of(time_weights=scheme, change_weight=change), kind)
    y, w = target(kind, batch), time_weights(kind, scheme, batch.times.numpy())
    places = place_weights(batch, change)
    right = distance(model["right"][0], y, places)
    wrong = np.stack([distance(each, y, places) for each in model["wrong"]])
    apart = np.log1p(np.exp(-1000 * np.abs(right - wrong))) / 1000 + np.maximum(right - wrong, 0)  # softplus
    counted = COUNTED.numpy()
    action = np.where(counted, apart, 0).sum(0) / np.maximum(counted.sum(0), 1)
    regularization = np.where(IDENTITY.numpy(), 0, distance(model["right"][0], frozen["right"][0], places))
    for term, expected in (
        (terms.static(), right),
        (terms.action(), action),
        (terms.regularization(), regularization),
    ):
        assert term.values.detach().numpy() == pytest.approx(w * expected, rel=1e-5)


def test_a_term_may_override_the_scheme(make: Terms) -> None:
    own = {"time_weights": "none", "change_weight": 0}
    plain = make(weights_of())[0]
    overridden = make(weights_of(own, own, time_weights="min_snr", change_weight=10.0))[0]
    assert torch.equal(overridden.action().values, plain.action().values)
    assert torch.equal(overridden.regularization().values, plain.regularization().values)
    assert not torch.allclose(overridden.static().values, plain.static().values)


@pytest.mark.parametrize(
    ("on", "where", "scheme"), list(product(("right", "wrong", "null", "replay"), ("all", "unchanged"), SCHEMES))
)
def test_regularization_compares_under_the_instruction_and_at_the_places_that_it_names(
    make: Terms, on: str, where: str, scheme: str
) -> None:
    keys = {"on": on, "where": where, "time_weights": scheme, "texts": ["x"] if on == "replay" else []}
    terms, batch, model, frozen = make(weights_of(regularization=keys))
    places = only_unchanged(batch) if where == "unchanged" else place_weights(batch, 0)
    w, expected, counted = time_weights("v", scheme, batch.times.numpy()), np.zeros(ROWS), np.zeros(ROWS, bool)
    if on in ("right", "wrong"):
        counted = ~IDENTITY.numpy() if on == "right" else COUNTED[0].numpy()
        expected = distance(model[on][0], frozen[on][0], places)
    else:
        rows = REPLAYED_ROWS.numpy()
        counted[rows] = True
        expected[rows] = distance(model["replayed"][0], frozen["replayed"][0], places[rows])
        if on == "null":
            counted &= ~IDENTITY.numpy()
    if where == "unchanged":
        counted = counted & ~DROPPED.numpy()
    expected = np.where(counted, expected, 0)
    term = terms.regularization()
    assert term.values.detach().numpy() == pytest.approx(w * expected, rel=1e-5)
    assert term.counted is not None
    assert term.counted.tolist() == counted.tolist()


@pytest.mark.parametrize("form", ["logistic", "dpo"])
@pytest.mark.parametrize("change", [0.0, 10.0])
def test_the_action_loss_is_the_negative_logarithm_of_the_preference(
    make: Terms, form: str, change: float
) -> None:
    terms = make(weights_of({"form": form, "beta": 2.0}, change_weight=change))[0]
    preference = terms.preference()
    assert preference is not None
    each = np.where(COUNTED, -np.log(preference.values.detach().numpy().reshape(NEGATIVES, ROWS)) / 2.0, 0)
    expected = each.sum(0) / np.maximum(COUNTED.numpy().sum(0), 1)
    assert terms.action().values.detach().numpy() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", ["hinge", "negated", "nft"])
def test_other_forms_have_no_preference(make: Terms, form: str) -> None:
    assert make(weights_of({"form": form}))[0].preference() is None


def test_the_margin_has_no_weights_of_times_and_places(make: Terms) -> None:
    terms, batch, model, _ = make(weights_of(time_weights="debiased", change_weight=10.0))
    right, *wrong = (distance(each, target("v", batch), 1.0) for each in (*model["right"], *model["wrong"]))
    margin = terms.margin()
    assert margin.values.detach().numpy() == pytest.approx((np.stack(wrong) - right).ravel(), rel=1e-6)
    assert margin.counted is not None
    assert margin.counted.tolist() == COUNTED.flatten().tolist()


def test_a_part_of_a_batch_without_replayed_rows_has_no_regularization(make: Terms) -> None:
    terms, batch, _, _ = make(weights_of(regularization={"on": "null", "share": 0.25}))
    terms._batch = replace(batch, replayed=None)
    term = terms.regularization()
    assert term.values.tolist() == [0.0] * ROWS
    assert term.counted is not None
    assert not term.counted.any()


def test_at_unchanged_places_nothing_is_left_of_a_pair_that_changes_everywhere(make: Terms) -> None:
    terms, batch, _, _ = make(weights_of(regularization={"where": "unchanged"}))
    moved = replace(batch, original=batch.clean + 2)
    terms._batch = moved
    assert terms.regularization().values.tolist() == [0] * ROWS


def test_rows_of_the_identity_term_have_a_weight_of_their_own(make: Terms) -> None:
    plain, weighed = (make(weights_of(identity=weight))[0].static().values for weight in (1.0, 0.25))
    assert weighed.tolist() == torch.where(IDENTITY, 0.25 * plain, plain).tolist()


@pytest.mark.parametrize("form", ["logistic", "dpo", "nft", "hinge", "negated"])
@pytest.mark.parametrize("on", ["right", "wrong", "replay"])
def test_gradients_are_those_of_the_values(make: Terms, form: str, on: str) -> None:
    """Gradcheck of the whole loss, weighed by time and place, in every prediction of the trained model."""
    regularization = {"on": on, "where": "unchanged", "texts": ["x"] if on == "replay" else []}
    weights = weights_of(
        {"form": form, "beta": 2.0}, regularization, time_weights="debiased", change_weight=10.0, identity=0.5
    )
    _, batch, model, frozen = make(weights)
    frozen = {text: [each.detach() for each in some] for text, some in frozen.items()}

    def values(right: Tensor, first: Tensor, second: Tensor, replayed: Tensor) -> Tensor:
        predictions = {"right": [right], "wrong": [first, second], "replayed": [replayed]}
        terms = LossTerms(batch, PROCESSES["v"], predictions, frozen, weights)
        every: list[Term] = [terms.static(), terms.action(), terms.regularization()]
        return torch.stack([term.values for term in every])

    inputs = (model["right"][0], *model["wrong"], model["replayed"][0])
    if form == "hinge":  # its margin is detached, so that finite differences see another slope
        inputs = (inputs[0].detach(), *inputs[1:])
    assert torch.autograd.gradcheck(values, inputs)


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        (RegularizationConfig, {"on": "replay"}),
        (RegularizationConfig, {"texts": ["x"]}),
        (RegularizationConfig, {"share": 0.5}),
        (RegularizationConfig, {"where": "unchanged", "change_weight": 10}),
        (IdentityConfig, {"weight": 0.5}),
        (EditorConfig, {**EDITOR, "identity": {"dropped": True}, "conditioning_dropout": 0}),
        (EditorConfig, {**EDITOR, "batch_size": 4, "regularization": {"on": "null", "share": 0.2}}),
        (IdentityConfig, {"texts": ["do nothing"]}),
        (IdentityConfig, {"share": 0.1}),
        (EditorConfig, {**EDITOR, "min_snr_gamma": 5}),
    ],
)
def test_keys_without_an_effect_are_refused(config: Any, keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"go together|set both|set one of them|does not go with"):
        config(**keys)
