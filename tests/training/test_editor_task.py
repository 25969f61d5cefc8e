"""A step's terms are what the formulas say of what the U-Net answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from actionpairs.configs import ActionLossConfig
from actionpairs.data.batches import Augmentation, Batches
from actionpairs.data.examples import Example
from actionpairs.editors import instruct_pix2pix
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import devices, latents
from actionpairs.training.editor_task import Diffusion, EditorTask, Material, Objective, _answers
from tests.training.squares import SIDE

ROWS = 8
BOTH = Objective(ActionLossConfig(weight=0.1, negatives=2), regularization=0.1)


@pytest.fixture
def accelerator() -> Accelerator:
    return devices.begin("cpu")


@pytest.fixture
def material(small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path) -> Material:
    return material_of(small_editor, pairs, tmp_path, dropout=0.05)


def material_of(
    made: Editor, pairs: tuple[Example, ...], folder: Path, *, dropout: float, negatives: int = 2
) -> Material:
    show = Augmentation(flip=0.5, conditioning_dropout=dropout, wrong_texts=negatives, drawn_from="all")
    batches = Batches(pairs, show, seed=0, batch_size=ROWS)
    return Material(
        batches,
        latents.cached_latents(made, pairs, folder, size=SIDE, mirrored=True),
        latents.cached_texts(made, batches.texts(), folder),
    )


def mean(term: torch.Tensor) -> float:
    return float(term[0] / term[1].clamp(min=1))


@pytest.mark.parametrize("action_weight", [0.0, 0.1])
def test_regularization_is_zero_before_the_first_step(
    small_editor: Editor, material: Material, accelerator: Accelerator, action_weight: float
) -> None:
    """To the bit where both models see the same rows; the batch that also holds wrong texts rounds otherwise."""
    instruct_pix2pix.freeze(small_editor.unet, ["attn2"])
    task = EditorTask(
        material,
        Objective(ActionLossConfig(weight=action_weight, negatives=2), regularization=0.1),
        Diffusion.of(small_editor),
        accelerator=accelerator,
        reference=instruct_pix2pix.frozen_copy(small_editor.unet),
    )
    for step in range(3):
        total, count = task.losses(small_editor.unet.train(), step, slice(ROWS)).terms["regularization"]
        assert count == ROWS
        assert total == 0 if action_weight == 0 else total < 1e-10


def test_the_total_is_the_weighted_sum_of_the_terms(
    small_editor: Editor, material: Material, accelerator: Accelerator
) -> None:
    objective = Objective(ActionLossConfig(weight=0.3, negatives=2), regularization=0.2)
    reference = instruct_pix2pix.frozen_copy(small_editor.unet)
    with torch.no_grad():
        small_editor.unet.conv_out.weight.mul_(1.5)
    task = EditorTask(
        material, objective, Diffusion.of(small_editor), accelerator=accelerator, reference=reference
    )
    losses = task.losses(small_editor.unet, 0, slice(ROWS))
    terms = {name: float(term[0]) / ROWS for name, term in losses.terms.items()}
    assert terms["regularization"] > 0
    wanted = terms["static"] + 0.3 * terms["action"] + 0.2 * terms["regularization"]
    assert losses.total.item() == pytest.approx(wanted, rel=1e-6)
    assert terms["loss"] == pytest.approx(wanted, rel=1e-6)


def test_terms_that_weigh_nothing_are_not_computed(
    small_editor: Editor, material: Material, accelerator: Accelerator
) -> None:
    calls = []
    small_editor.unet.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    objective = Objective(ActionLossConfig(weight=0), regularization=0)
    task = EditorTask(material, objective, Diffusion.of(small_editor), accelerator=accelerator)
    losses = task.losses(small_editor.unet, 0, slice(ROWS))
    assert set(losses.terms) == {"loss", "static"}
    assert calls == [ROWS]


def test_rows_whose_text_was_dropped_take_no_part_in_the_action_loss(
    small_editor: Editor, pairs: tuple[Example, ...], accelerator: Accelerator, tmp_path: Path
) -> None:
    material = material_of(small_editor, pairs, tmp_path, dropout=0.3)
    alone = Objective(ActionLossConfig(weight=1.0, negatives=2), regularization=0)
    task = EditorTask(material, alone, Diffusion.of(small_editor), accelerator=accelerator)
    rows = material.batches.rows(0, slice(ROWS))
    told = sum(bool(row.text) for row in rows)
    assert 0 < told < ROWS
    terms = task.losses(small_editor.unet, 0, slice(ROWS)).terms
    assert terms["action"][1] == told
    assert terms["discrimination"][1] == 2 * told
    assert terms["static"][1] == ROWS
    place = next(number for number, row in enumerate(rows) if not row.text)
    dropped = task.losses(small_editor.unet, 0, slice(place, place + 1))
    assert dropped.terms["action"].tolist() == [0, 0]
    assert dropped.total == dropped.terms["static"][0]


@pytest.mark.parametrize("margin", [0.0, 100.0])
def test_a_hinge_that_every_row_keeps_costs_no_backward_pass_of_the_wrong_texts(
    small_editor: Editor, material: Material, accelerator: Accelerator, margin: float
) -> None:
    """Rows are made to keep the margin, or none of them can; the gradient is that of L_static where they do."""
    unet, passes, backward = small_editor.unet, [], []

    def understand(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], reply: object) -> None:
        passes.append(len(inputs[0]))
        if len(passes) == 2:
            reply.sample.add_(5.0)  # type: ignore[attr-defined]
        reply.sample.register_hook(lambda gradient: backward.append(len(gradient)))  # type: ignore[attr-defined]

    hook = unet.register_forward_hook(understand)
    objective = Objective(ActionLossConfig(form="hinge", margin=margin, negatives=2, weight=1.0), 0.0)
    task = EditorTask(material, objective, Diffusion.of(small_editor), accelerator=accelerator)
    losses = task.losses(unet, 0, slice(ROWS))
    losses.total.backward()
    hook.remove()
    assert passes == [ROWS, 2 * ROWS]
    if margin == 0:
        assert losses.terms["action"][0] == 0
        assert backward == [ROWS]
    else:
        assert losses.terms["action"][0] > 0
        assert sorted(backward) == [ROWS, 2 * ROWS]


def test_asked_apart_the_answers_are_those_of_one_pass(
    small_editor: Editor, material: Material, accelerator: Accelerator
) -> None:
    task = EditorTask(material, BOTH, Diffusion.of(small_editor), accelerator=accelerator)
    question = task._question(0, slice(ROWS))
    together, apart = (_answers(small_editor.unet, question, apart=each) for each in (False, True))
    assert len(together) == len(apart) == 3
    for one, other in zip(together, apart, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_rows_in_channels_last_learn_the_same(
    small_editor: Editor, material: Material, accelerator: Accelerator
) -> None:
    objective = Objective(ActionLossConfig(weight=0.1, negatives=2), regularization=0)
    task = EditorTask(material, objective, Diffusion.of(small_editor), accelerator=accelerator)
    before = task.losses(small_editor.unet, 0, slice(ROWS)).total
    small_editor.unet.to(memory_format=torch.channels_last)
    assert task.losses(small_editor.unet, 0, slice(ROWS)).total.item() == pytest.approx(before.item(), rel=1e-5)


def test_parts_of_a_batch_add_up_to_the_whole(
    small_editor: Editor, material: Material, accelerator: Accelerator
) -> None:
    reference = instruct_pix2pix.frozen_copy(small_editor.unet)
    task = EditorTask(material, BOTH, Diffusion.of(small_editor), accelerator=accelerator, reference=reference)
    whole = task.losses(small_editor.unet, 4, slice(ROWS)).terms
    parts = [task.losses(small_editor.unet, 4, slice(start, start + 2)).terms for start in (0, 2, 4, 6)]
    for name, term in whole.items():
        assert torch.allclose(sum(part[name] for part in parts), term, rtol=1e-4, atol=1e-6)


def test_a_perfect_velocity_has_no_static_loss(
    small_editor: Editor, material: Material, accelerator: Accelerator
) -> None:
    """The U-Net is replaced by one that knows the truth, which v = √ᾱ·ε − √(1−ᾱ)·x gives back."""
    diffusion = replace(Diffusion.of(small_editor), prediction_type="v_prediction")
    objective = Objective(ActionLossConfig(weight=0), regularization=0, min_snr_gamma=5.0)
    task = EditorTask(material, objective, diffusion, accelerator=accelerator)
    question = task._question(0, slice(ROWS))
    alphas = diffusion.alphas[question.times].view(-1, 1, 1, 1)
    velocity = alphas.sqrt() * question.noise - (1 - alphas).sqrt() * question.clean

    class Knowing(torch.nn.Module):
        def forward(self, inputs: torch.Tensor, times: torch.Tensor, texts: torch.Tensor) -> object:
            return type("Reply", (), {"sample": velocity})

    assert task.losses(Knowing(), 0, slice(ROWS)).total < 1e-10


@pytest.mark.slow
def test_the_action_loss_alone_teaches_which_instruction_is_right(
    small_editor: Editor, pairs: tuple[Example, ...], accelerator: Accelerator, tmp_path: Path
) -> None:
    """On two pairs that are seen again and again; the weight leaves L_static no say."""
    weight = 1e4
    material = material_of(small_editor, pairs[:2], tmp_path, dropout=0, negatives=1)
    objective = Objective(ActionLossConfig(weight=weight, beta=10.0), regularization=0)
    task = EditorTask(material, objective, Diffusion.of(small_editor), accelerator=accelerator)
    optimizer = torch.optim.AdamW(small_editor.unet.parameters(), lr=5e-3)
    discrimination = []
    for step in range(60):
        losses = task.losses(small_editor.unet, step, slice(ROWS))
        optimizer.zero_grad()
        (losses.total / weight).backward()
        torch.nn.utils.clip_grad_norm_(small_editor.unet.parameters(), 1.0)
        optimizer.step()
        discrimination.append(mean(losses.terms["discrimination"]))
    assert sum(discrimination[-15:]) / 15 > sum(discrimination[:5]) / 5 + 0.15


def test_weighing_changed_places_leaves_the_action_loss_as_it_is(
    small_editor: Editor, material: Material, accelerator: Accelerator
) -> None:
    plain, weighed = (
        EditorTask(
            material,
            Objective(ActionLossConfig(), 0.0, change_weight=weight),
            Diffusion.of(small_editor),
            accelerator=accelerator,
        )
        .losses(small_editor.unet, 0, slice(ROWS))
        .terms
        for weight in (0.0, 10.0)
    )
    assert torch.equal(plain["action"], weighed["action"])
    assert not torch.equal(plain["static"], weighed["static"])


def test_what_was_drawn_ahead_is_what_would_have_been_drawn(
    small_editor: Editor, material: Material, accelerator: Accelerator
) -> None:
    def loss(*prepared: tuple[int, slice]) -> float:
        goal = Objective(ActionLossConfig(), 0.0)
        task = EditorTask(material, goal, Diffusion.of(small_editor), accelerator=accelerator)
        for step, part in prepared:
            task.prepare(step, part)
        return float(task.losses(small_editor.unet, 3, slice(0, 2)).total)

    assert loss((3, slice(0, 2))) == loss((2, slice(0, 2))) == loss((3, slice(2, 4))) == loss()
