"""Diagnostics are what NumPy and an own backward pass give, and they change no weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from pydantic import ValidationError
from torch import Tensor, nn

from actionpairs.configs import (
    ActionLossConfig,
    DiagnosticsConfig,
    EditorConfig,
    RegularizationConfig,
    TimesConfig,
)
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.editors import freezing
from actionpairs.editors.editor import Editor
from actionpairs.editors.noise import Diffusion, FlowMatching
from actionpairs.errors import ModelError
from actionpairs.training import devices, diagnostics
from actionpairs.training.conditionings import cached_conditionings
from actionpairs.training.diagnostics import Diagnostics, gradient_parameters, thirds_of_noise
from actionpairs.training.diffusion_batches import DiffusionBatches
from actionpairs.training.editor_task import EditorTask
from actionpairs.training.latents import cached_latents
from actionpairs.training.loss_terms import LossWeights, Term
from tests.training.squares import SIDE

CPU, ROWS, ALL = torch.device("cpu"), 8, slice(8)
LAYERS = ["conv_in", "mid_block"]
Measure = Callable[..., dict[str, Tensor]]


@pytest.fixture(scope="module")
def batches(
    loaded_editor: Editor, pairs: tuple[Example, ...], tmp_path_factory: pytest.TempPathFactory
) -> DiffusionBatches:
    folder, shapes = tmp_path_factory.mktemp("cache"), [(SIDE, SIDE)] * len(pairs)
    augmentation = Augmentation(flip=0.5, conditioning_dropout=0.1, negatives=2, drawn_from="all")
    sampler = BatchSampler(pairs, augmentation, seed=0, batch_size=ROWS)
    return DiffusionBatches(
        sampler,
        cached_latents(loaded_editor, pairs, folder, shapes=shapes, mirrored=True, device=CPU),
        cached_conditionings(loaded_editor, sampler, folder, steps=1, device=CPU),
        loaded_editor,
        loaded_editor.noise_process(),
    )


@pytest.fixture
def accelerator() -> Accelerator:
    return devices.create_accelerator("cpu")


def task_of(
    editor: Editor,
    batches: DiffusionBatches,
    accelerator: Accelerator,
    *,
    action: Mapping[str, Any] | None = None,
    **config: Any,
) -> EditorTask:
    """Of an editor that has moved away from the reference, so that no term is zero."""
    freezing.freeze(editor.denoiser, ["attn2"])
    reference = freezing.frozen_copy(editor.denoiser)
    with torch.no_grad():
        editor.denoiser.conv_out.weight.mul_(1.5)
    keys = {"weight": 0.3, "negatives": 2, "beta": 5.0} | dict(action or {})
    return EditorTask(
        editor,
        batches,
        LossWeights(ActionLossConfig(**keys), RegularizationConfig(weight=0.2)),
        accelerator=accelerator,
        reference=reference,
        diagnostics=Diagnostics.of(DiagnosticsConfig(**config), editor.denoiser, batches.process),
    )


def mean(term: Tensor) -> float:
    return float(term[0] / term[1])


def test_thirds_are_of_the_timesteps_and_of_sigma() -> None:
    diffusion = Diffusion(torch.linspace(0.99, 0.01, 1000), "epsilon")
    times = torch.tensor([0, 332, 333, 665, 666, 999])
    assert thirds_of_noise(diffusion, times).tolist() == [0, 0, 1, 1, 2, 2]
    flow = FlowMatching(TimesConfig(), shift=lambda tokens: 0.0, unit=1000)
    assert thirds_of_noise(flow, torch.tensor([0.0, 333.0, 334.0, 666.0, 667.0, 1000.0])).tolist() == [
        *(0, 0, 1, 1, 2, 2)
    ]


@pytest.mark.parametrize("form", ["logistic", "dpo", "hinge"])
def test_terms_by_thirds_of_noise_are_those_of_their_rows(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator, form: str
) -> None:
    task = task_of(small_editor, batches, accelerator, action={"form": form}, by_noise=True)
    terms, batch = task.losses(small_editor.denoiser, 0, ALL).terms, batches.draw(0, ALL)
    target = batches.process.target(batch.clean, batch.noise, batch.times)

    def errors(denoiser: Any) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            predicted = task._predict(denoiser, batch)
        right, *wrong = (
            ((each - target) ** 2).flatten(1).mean(1).numpy()
            for each in (*predicted["right"], *predicted["wrong"])
        )
        return right, np.stack(wrong)

    right, wrong = errors(small_editor.denoiser)
    compared = wrong - right
    if form == "dpo":
        frozen_right, frozen_wrong = errors(task._reference)
        compared = compared - (frozen_wrong - frozen_right)
    counted, times = batch.counted.numpy(), batch.times.numpy()
    assert not counted.all()
    expected = {"margin": wrong - right}
    if form != "hinge":
        expected["preference"] = 1 / (1 + np.exp(-5.0 * compared))
    every = {"low noise": times < 333, "middle noise": (times >= 333) & (times < 666), "high noise": times >= 666}
    for third, rows in every.items():
        static = terms[f"static ({third})"]
        assert static[1] == rows.sum()
        assert static[0].item() == pytest.approx(right[rows].sum(), rel=1e-4)
        for name, values in expected.items():
            some = counted & rows
            assert terms[f"{name} ({third})"][1] == some.sum()
            assert terms[f"{name} ({third})"][0].item() == pytest.approx(values[some].sum(), rel=1e-3, abs=1e-6)
    for name, values in expected.items():
        assert mean(terms[name]) == pytest.approx(values[counted].mean(), rel=1e-3, abs=1e-6)
    assert ("preference" in terms) == (form != "hinge")
    for name in ("static", "action", "regularization", "discrimination"):
        parts = sum(terms[f"{name} ({third})"] for third in every)
        assert torch.allclose(parts, terms[name], rtol=1e-5)


def gradient(editor: Editor, loss: Tensor) -> np.ndarray:
    """By a plain backward pass, in one vector."""
    editor.denoiser.zero_grad()
    loss.backward(retain_graph=True)
    grads = [
        weight.grad.numpy().ravel()
        for name, weight in editor.denoiser.named_parameters()
        if weight.grad is not None and any(layer in name for layer in LAYERS)
    ]
    return np.concatenate(grads)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradient_norms_and_cosines_are_those_of_each_weighted_term_alone(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator, checkpointing: bool
) -> None:
    if checkpointing:
        small_editor.denoiser.enable_gradient_checkpointing()  # type: ignore[operator]
    small_editor.denoiser.train()
    task = task_of(small_editor, batches, accelerator, gradients_every=1, gradient_layers=LAYERS)
    terms = task.losses(small_editor.denoiser, 0, ALL).terms

    alone = {}
    for name, weights in {"static": (0, 0), "action": (0.3, 0), "regularization": (0, 0.2)}.items():
        task._diagnostics = None
        task._weights = LossWeights(
            ActionLossConfig(weight=weights[0], negatives=2, beta=5.0), RegularizationConfig(weight=weights[1])
        )
        alone[name] = gradient(small_editor, task.losses(small_editor.denoiser, 0, ALL).total)
    for name in ("action", "regularization"):
        alone[name] = alone[name] - alone["static"]
    for name, values in alone.items():
        norm = np.linalg.norm(values)
        assert norm > 0
        assert mean(terms[f"gradient norm ({name})"]) == pytest.approx(norm, rel=1e-3)
        if name != "static":
            cosine = values @ alone["static"] / norm / np.linalg.norm(alone["static"])
            measured = mean(terms[f"gradient cosine with static ({name})"])
            assert measured == pytest.approx(cosine, rel=1e-3, abs=1e-4)
    assert "gradient cosine with static (static)" not in terms


def test_every_second_step_has_gradients_and_all_steps_their_names(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    task = task_of(small_editor, batches, accelerator, gradients_every=2)
    steps = [task.losses(small_editor.denoiser, step, ALL).terms for step in range(4)]
    assert len({tuple(terms) for terms in steps}) == 1
    assert [int(terms["gradient norm (action)"][1]) for terms in steps] == [0, 1, 0, 1]


def test_a_gradient_of_zero_has_no_direction() -> None:
    """Such as that of L_reg before the first step."""
    weight = nn.Parameter(torch.ones(3, 3))
    losses = {"static": Term(1.0, weight.sum(0)), "regularization": Term(0.2, 0 * weight.sum(0))}
    values = diagnostics._gradients(losses, [weight])
    assert values["gradient norm (static)"].tolist() == [1, 1]
    assert values["gradient norm (regularization)"].tolist() == [0, 1]
    assert values["gradient cosine with static (regularization)"].tolist() == [0, 0]


def test_without_layers_gradients_are_of_every_nineteenth_matrix_that_trains() -> None:
    network = nn.Sequential(*(nn.Linear(2, 2) for _ in range(60)))
    network[9].requires_grad_(False)
    trained = [layer.weight for number, layer in enumerate(network) if number != 9]
    assert [id(each) for each in gradient_parameters(network, None)] == [
        id(trained[number]) for number in (9, 28, 47)
    ]
    assert len(gradient_parameters(nn.Linear(2, 2), None)) == 1
    with pytest.raises(ModelError, match="gradient_layers: 9"):
        gradient_parameters(network[:10], ["0.", "9"])


def test_what_is_off_is_not_there(small_editor: Editor, batches: DiffusionBatches) -> None:
    for config in (DiagnosticsConfig(), DiagnosticsConfig(discrimination_pairs=4)):
        assert Diagnostics.of(config, small_editor.denoiser, batches.process) is None


@pytest.mark.parametrize(
    "changes",
    [{"fsdp": True}, {"compile": True}, {"precision": "fp16"}, {"diagnostics": {"gradient_layers": ["a"]}}],
)
def test_gradients_that_cannot_be_measured_are_refused(changes: dict[str, Any]) -> None:
    keys = {"task": "editor", "model": {"tiny": True}, "diagnostics": {"gradients_every": 5}} | changes
    with pytest.raises(ValidationError, match=r"does not go with|set both"):
        EditorConfig(**keys)
