"""The terms of a step equal the formulas on what the U-Net predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator

from actionpairs.configs import ActionLossConfig
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.editors import instruct_pix2pix
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import devices, latents
from actionpairs.training.diffusion_batches import DiffusionBatches, NoiseSchedule
from actionpairs.training.editor_task import EditorTask, LossWeights, _predict
from actionpairs.training.task import Losses
from tests.training.squares import SIDE

ROWS = 8
ALL = slice(ROWS)
STATIC = LossWeights(ActionLossConfig(weight=0), regularization=0)
ACTION = LossWeights(ActionLossConfig(weight=0.1, negatives=2), regularization=0)
MakeBatches = Callable[..., DiffusionBatches]


@pytest.fixture
def accelerator() -> Accelerator:
    return devices.create_accelerator("cpu")


@pytest.fixture(scope="module")
def make_batches(
    loaded_editor: Editor, pairs: tuple[Example, ...], tmp_path_factory: pytest.TempPathFactory
) -> MakeBatches:
    folder = tmp_path_factory.mktemp("cache")

    def make(*, count: int | None = None, dropout: float = 0.05, negatives: int = 2) -> DiffusionBatches:
        some = pairs[:count]
        augmentation = Augmentation(flip=0.5, conditioning_dropout=dropout, negatives=negatives, drawn_from="all")
        sampler = BatchSampler(some, augmentation, seed=0, batch_size=ROWS)
        return DiffusionBatches(
            sampler,
            latents.cached_latents(loaded_editor, some, folder, size=SIDE, mirrored=True),
            latents.cached_texts(loaded_editor, sampler.texts(), folder),
            NoiseSchedule.of(loaded_editor),
        )

    return make


@pytest.fixture(scope="module")
def batches(make_batches: MakeBatches) -> DiffusionBatches:
    return make_batches()


def mean(term: torch.Tensor) -> float:
    return float(term[0] / term[1].clamp(min=1))


@pytest.mark.parametrize("negatives", [0, 2])
def test_regularization_is_zero_before_the_first_step(
    small_editor: Editor, make_batches: MakeBatches, accelerator: Accelerator, negatives: int
) -> None:
    """To the bit if both models get the same rows; a batch that also has negative texts rounds differently."""
    instruct_pix2pix.freeze(small_editor.unet, ["attn2"])
    task = EditorTask(
        make_batches(negatives=negatives),
        LossWeights(ActionLossConfig(weight=0.1 if negatives else 0), regularization=0.1),
        accelerator=accelerator,
        reference=instruct_pix2pix.frozen_copy(small_editor.unet),
    )
    for step in range(3):
        total, count = task.losses(small_editor.unet.train(), step, ALL).terms["regularization"]
        assert count == ROWS
        assert total == 0 if negatives == 0 else total < 1e-10


def test_the_total_is_the_weighted_sum_of_the_terms(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    weights = LossWeights(ActionLossConfig(weight=0.3), regularization=0.2)
    reference = instruct_pix2pix.frozen_copy(small_editor.unet)
    with torch.no_grad():
        small_editor.unet.conv_out.weight.mul_(1.5)
    task = EditorTask(batches, weights, accelerator=accelerator, reference=reference)
    losses = task.losses(small_editor.unet, 0, ALL)
    terms = {name: float(term[0]) / ROWS for name, term in losses.terms.items()}
    assert terms["regularization"] > 0
    expected = terms["static"] + 0.3 * terms["action"] + 0.2 * terms["regularization"]
    assert losses.total.item() == pytest.approx(expected, rel=1e-6)
    assert terms["loss"] == pytest.approx(expected, rel=1e-6)


def test_regularization_without_a_reference_is_refused(
    batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    with pytest.raises(ValueError, match="L_reg needs the model"):
        EditorTask(batches, LossWeights(ActionLossConfig(), regularization=0.1), accelerator=accelerator)


def test_terms_with_weight_zero_are_not_computed(
    small_editor: Editor, make_batches: MakeBatches, accelerator: Accelerator
) -> None:
    calls = []
    small_editor.unet.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    task = EditorTask(make_batches(negatives=0), STATIC, accelerator=accelerator)
    losses = task.losses(small_editor.unet, 0, ALL)
    assert set(losses.terms) == {"loss", "static"}
    assert calls == [ROWS]


def test_rows_whose_text_was_dropped_take_no_part_in_the_action_loss(
    small_editor: Editor, make_batches: MakeBatches, accelerator: Accelerator
) -> None:
    batches = make_batches(dropout=0.3)
    weights = LossWeights(ActionLossConfig(weight=1.0), regularization=0)
    task = EditorTask(batches, weights, accelerator=accelerator)
    rows = batches.sampler.rows(0, ALL)
    with_text = sum(bool(row.text) for row in rows)
    assert 0 < with_text < ROWS
    terms = task.losses(small_editor.unet, 0, ALL).terms
    assert terms["action"][1] == with_text
    assert terms["discrimination"][1] == 2 * with_text
    assert terms["static"][1] == ROWS
    index = next(number for number, row in enumerate(rows) if not row.text)
    dropped = task.losses(small_editor.unet, 0, slice(index, index + 1))
    assert dropped.terms["action"].tolist() == [0, 0]
    assert dropped.total == dropped.terms["static"][0]


@pytest.mark.parametrize("margin", [0.0, 100.0])
def test_a_hinge_that_every_row_keeps_needs_no_backward_pass_of_the_negative_texts(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator, margin: float
) -> None:
    """The hook makes all rows keep a margin of 0; none of them can keep one of 100."""
    unet, passes, backward = small_editor.unet, [], []

    def worsen_negatives(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        passes.append(len(inputs[0]))
        if len(passes) == 2:
            output.sample.add_(5.0)  # type: ignore[attr-defined]
        output.sample.register_hook(lambda gradient: backward.append(len(gradient)))  # type: ignore[attr-defined]

    hook = unet.register_forward_hook(worsen_negatives)
    weights = LossWeights(ActionLossConfig(form="hinge", margin=margin, weight=1.0), 0.0)
    losses = EditorTask(batches, weights, accelerator=accelerator).losses(unet, 0, ALL)
    losses.total.backward()
    hook.remove()
    assert passes == [ROWS, 2 * ROWS]
    if margin == 0:
        assert losses.terms["action"][0] == 0
        assert backward == [ROWS]
    else:
        assert losses.terms["action"][0] > 0
        assert sorted(backward) == [ROWS, 2 * ROWS]


def test_two_passes_predict_what_one_pass_does(small_editor: Editor, batches: DiffusionBatches) -> None:
    batch = batches.draw(0, ALL)
    one_pass, two_passes = (_predict(small_editor.unet, batch, two_passes=each) for each in (False, True))
    assert len(one_pass) == len(two_passes) == 3
    for one, other in zip(one_pass, two_passes, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_channels_last_gives_the_same_loss(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    task = EditorTask(batches, ACTION, accelerator=accelerator)
    before = task.losses(small_editor.unet, 0, ALL).total
    small_editor.unet.to(memory_format=torch.channels_last)
    assert task.losses(small_editor.unet, 0, ALL).total.item() == pytest.approx(before.item(), rel=1e-5)


def test_parts_of_a_batch_add_up_to_the_whole(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    reference = instruct_pix2pix.frozen_copy(small_editor.unet)
    task = EditorTask(batches, replace(ACTION, regularization=0.1), accelerator=accelerator, reference=reference)
    whole = task.losses(small_editor.unet, 4, ALL).terms
    parts = [task.losses(small_editor.unet, 4, slice(start, start + 2)).terms for start in (0, 2, 4, 6)]
    for name, term in whole.items():
        assert torch.allclose(sum(part[name] for part in parts), term, rtol=1e-4, atol=1e-6)


def test_a_perfect_velocity_has_no_static_loss(make_batches: MakeBatches, accelerator: Accelerator) -> None:
    """The U-Net is replaced by one that returns the true v = √ᾱ·ε − √(1−ᾱ)·x."""
    batches = make_batches(negatives=0)
    batches.schedule = replace(batches.schedule, prediction_type="v_prediction")
    task = EditorTask(batches, replace(STATIC, min_snr_gamma=5.0), accelerator=accelerator)
    batch = batches.draw(0, ALL)
    alphas = batch.alphas.view(-1, 1, 1, 1)
    velocity = alphas.sqrt() * batch.noise - (1 - alphas).sqrt() * batch.clean

    class Oracle(torch.nn.Module):
        def forward(self, inputs: torch.Tensor, times: torch.Tensor, texts: torch.Tensor) -> object:
            return type("Output", (), {"sample": velocity})

    assert task.losses(Oracle(), 0, ALL).total < 1e-10


@pytest.mark.slow
def test_the_action_loss_alone_teaches_which_instruction_is_right(
    small_editor: Editor, make_batches: MakeBatches, accelerator: Accelerator
) -> None:
    """On two pairs that come again and again; next to this weight L_static does not matter."""
    weight = 1e4
    weights = LossWeights(ActionLossConfig(weight=weight, beta=10.0), regularization=0)
    task = EditorTask(make_batches(count=2, dropout=0, negatives=1), weights, accelerator=accelerator)
    optimizer = torch.optim.AdamW(small_editor.unet.parameters(), lr=5e-3)
    discrimination = []
    for step in range(60):
        losses = task.losses(small_editor.unet, step, ALL)
        optimizer.zero_grad()
        (losses.total / weight).backward()
        torch.nn.utils.clip_grad_norm_(small_editor.unet.parameters(), 1.0)
        optimizer.step()
        discrimination.append(mean(losses.terms["discrimination"]))
    assert sum(discrimination[-15:]) / 15 > sum(discrimination[:5]) / 5 + 0.15


def test_the_change_weight_leaves_the_action_loss_as_it_is(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    def losses(change_weight: float) -> Losses:
        weights = replace(ACTION, change_weight=change_weight)
        return EditorTask(batches, weights, accelerator=accelerator).losses(small_editor.unet, 0, ALL)

    plain, weighted = losses(0.0).terms, losses(10.0).terms
    assert torch.equal(plain["action"], weighted["action"])
    assert not torch.equal(plain["static"], weighted["static"])


def test_a_prefetched_batch_equals_one_that_is_drawn_late(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    def loss(*prepared: tuple[int, slice]) -> float:
        task = EditorTask(batches, ACTION, accelerator=accelerator)
        for step, part in prepared:
            task.prepare(step, part)
        return task.losses(small_editor.unet, 3, slice(0, 2)).total.item()

    assert loss((3, slice(0, 2))) == loss((2, slice(0, 2))) == loss((3, slice(2, 4))) == loss()
