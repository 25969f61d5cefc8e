"""The terms of a step equal the formulas on what the U-Net predicts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from actionpairs.configs import ActionLossConfig, IdentityConfig, RegularizationConfig
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.editors import freezing
from actionpairs.editors.editor import Editor
from actionpairs.training import devices
from actionpairs.training.conditionings import cached_conditionings
from actionpairs.training.diffusion_batches import DiffusionBatches
from actionpairs.training.editor_task import EditorTask
from actionpairs.training.latents import cached_latents
from actionpairs.training.loss_terms import LossWeights
from actionpairs.training.task import Losses
from tests.training.squares import SIDE

NONE = RegularizationConfig(weight=0)
CPU, ROWS = torch.device("cpu"), 8
ALL = slice(ROWS)
STATIC = LossWeights(ActionLossConfig(weight=0), NONE)
ACTION = LossWeights(ActionLossConfig(weight=0.1, negatives=2), NONE)
MakeBatches = Callable[..., DiffusionBatches]


@pytest.fixture
def accelerator() -> Accelerator:
    return devices.create_accelerator("cpu")


@pytest.fixture(scope="module")
def make_batches(
    loaded_editor: Editor, pairs: tuple[Example, ...], tmp_path_factory: pytest.TempPathFactory
) -> MakeBatches:
    folder = tmp_path_factory.mktemp("cache")

    def make(
        *, count: int | None = None, dropout: float = 0.05, negatives: int = 2, **keys: Any
    ) -> DiffusionBatches:
        some = pairs[:count]
        augmentation = Augmentation(
            flip=0.5, conditioning_dropout=dropout, negatives=negatives, drawn_from="all", **keys
        )
        sampler = BatchSampler(some, augmentation, seed=0, batch_size=ROWS)
        shapes = [(SIDE, SIDE)] * len(some)
        return DiffusionBatches(
            sampler,
            cached_latents(loaded_editor, some, folder, shapes=shapes, mirrored=True, device=CPU),
            cached_conditionings(loaded_editor, sampler, folder, steps=1, device=CPU),
            loaded_editor,
            loaded_editor.noise_process(),
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
    freezing.freeze(small_editor.denoiser, ["attn2"])
    task = EditorTask(
        small_editor,
        make_batches(negatives=negatives),
        LossWeights(ActionLossConfig(weight=0.1 if negatives else 0), RegularizationConfig(weight=0.1)),
        accelerator=accelerator,
        reference=freezing.frozen_copy(small_editor.denoiser),
    )
    for step in range(3):
        total, count = task.losses(small_editor.denoiser.train(), step, ALL).terms["regularization"]
        assert count == ROWS
        assert total == 0 if negatives == 0 else total < 1e-10


def test_the_total_is_the_weighted_sum_of_the_terms(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    weights = LossWeights(ActionLossConfig(weight=0.3), RegularizationConfig(weight=0.2))
    reference = freezing.frozen_copy(small_editor.denoiser)
    with torch.no_grad():
        small_editor.denoiser.conv_out.weight.mul_(1.5)
    task = EditorTask(small_editor, batches, weights, accelerator=accelerator, reference=reference)
    losses = task.losses(small_editor.denoiser, 0, ALL)
    terms = {name: float(term[0]) / ROWS for name, term in losses.terms.items()}
    assert terms["regularization"] > 0
    expected = terms["static"] + 0.3 * terms["action"] + 0.2 * terms["regularization"]
    assert losses.total.item() == pytest.approx(expected, rel=1e-6)
    assert terms["loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("form", "regularization"), [("logistic", 0.1), ("dpo", 0.0), ("nft", 0.0)])
def test_a_term_without_the_reference_it_needs_is_refused(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator, form: str, regularization: float
) -> None:
    weights = LossWeights(ActionLossConfig(form=form), RegularizationConfig(weight=regularization))
    with pytest.raises(ValueError, match="needs the model that"):
        EditorTask(small_editor, batches, weights, accelerator=accelerator)


def test_terms_with_weight_zero_are_not_computed(
    small_editor: Editor, make_batches: MakeBatches, accelerator: Accelerator
) -> None:
    calls = []
    small_editor.denoiser.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    task = EditorTask(small_editor, make_batches(negatives=0), STATIC, accelerator=accelerator)
    losses = task.losses(small_editor.denoiser, 0, ALL)
    assert set(losses.terms) == {"loss", "static"}
    assert calls == [ROWS]


def test_rows_whose_text_was_dropped_take_no_part_in_the_action_loss(
    small_editor: Editor, make_batches: MakeBatches, accelerator: Accelerator
) -> None:
    batches = make_batches(dropout=0.3)
    weights = LossWeights(ActionLossConfig(weight=1.0), NONE)
    task = EditorTask(small_editor, batches, weights, accelerator=accelerator)
    rows = batches.sampler.rows(0, ALL)
    with_text = sum(bool(row.text) for row in rows)
    assert 0 < with_text < ROWS
    terms = task.losses(small_editor.denoiser, 0, ALL).terms
    assert terms["action"][1] == with_text
    assert terms["discrimination"][1] == 2 * with_text
    assert terms["static"][1] == ROWS
    index = [bool(row.text) for row in rows].index(False)
    dropped = task.losses(small_editor.denoiser, 0, slice(index, index + 1))
    assert dropped.terms["action"].tolist() == [0, 0]
    assert dropped.total == dropped.terms["static"][0]


@pytest.mark.parametrize("margin", [0.0, 100.0])
def test_a_hinge_that_every_row_keeps_needs_no_backward_pass_of_the_negative_texts(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator, margin: float
) -> None:
    """The hook makes all rows keep a margin of 0; none of them can keep one of 100."""
    unet, passes, backward = small_editor.denoiser, [], []

    def worsen_negatives(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        passes.append(len(inputs[0]))
        if len(passes) == 2:
            output.sample.add_(5.0)  # type: ignore[attr-defined]
        output.sample.register_hook(lambda gradient: backward.append(len(gradient)))  # type: ignore[attr-defined]

    hook = unet.register_forward_hook(worsen_negatives)
    weights = LossWeights(ActionLossConfig(form="hinge", margin=margin, weight=1.0), NONE)
    losses = EditorTask(small_editor, batches, weights, accelerator=accelerator).losses(unet, 0, ALL)
    losses.total.backward()
    hook.remove()
    assert passes == [ROWS, 2 * ROWS]
    if margin == 0:
        assert losses.terms["action"][0] == 0
        assert backward == [ROWS]
    else:
        assert losses.terms["action"][0] > 0
        assert sorted(backward) == [ROWS, 2 * ROWS]


def test_two_passes_predict_what_one_pass_does(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    task, batch = EditorTask(small_editor, batches, ACTION, accelerator=accelerator), batches.draw(0, ALL)
    one_pass, two_passes = (task._predict(small_editor.denoiser, batch, two_passes=each) for each in (False, True))
    assert {kind: len(each) for kind, each in one_pass.items()} == {"right": 1, "wrong": 2}
    for kind, predictions in one_pass.items():
        for one, other in zip(predictions, two_passes[kind], strict=True):
            assert torch.allclose(one, other, atol=1e-5)


def test_channels_last_gives_the_same_loss(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    task = EditorTask(small_editor, batches, ACTION, accelerator=accelerator)
    before = task.losses(small_editor.denoiser, 0, ALL).total
    small_editor.denoiser.to(memory_format=torch.channels_last)
    assert task.losses(small_editor.denoiser, 0, ALL).total.item() == pytest.approx(before.item(), rel=1e-5)


def test_parts_of_a_batch_add_up_to_the_whole(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    reference = freezing.frozen_copy(small_editor.denoiser)
    task = EditorTask(
        small_editor,
        batches,
        replace(ACTION, regularization=RegularizationConfig(weight=0.1)),
        accelerator=accelerator,
        reference=reference,
    )
    whole = task.losses(small_editor.denoiser, 4, ALL).terms
    parts = [task.losses(small_editor.denoiser, 4, slice(start, start + 2)).terms for start in (0, 2, 4, 6)]
    for name, term in whole.items():
        assert torch.allclose(sum(part[name] for part in parts), term, rtol=1e-4, atol=1e-6)


def test_a_perfect_velocity_has_no_static_loss(
    small_editor: Editor, make_batches: MakeBatches, accelerator: Accelerator
) -> None:
    """The U-Net is replaced by one that returns the true v = √ᾱ·ε − √(1−ᾱ)·x."""
    batches = make_batches(negatives=0)
    process = batches.process = replace(small_editor.noise_process(), prediction_type="v_prediction")
    task = EditorTask(small_editor, batches, replace(STATIC, time_weights="min_snr"), accelerator=accelerator)
    batch = batches.draw(0, ALL)
    alphas = process.alphas[batch.times].view(-1, 1, 1, 1)
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
    weights = LossWeights(ActionLossConfig(weight=weight, beta=10.0), NONE)
    task = EditorTask(
        small_editor, make_batches(count=2, dropout=0, negatives=1), weights, accelerator=accelerator
    )
    optimizer = torch.optim.AdamW(small_editor.denoiser.parameters(), lr=5e-3)
    discrimination = []
    for step in range(60):
        losses = task.losses(small_editor.denoiser, step, ALL)
        optimizer.zero_grad()
        (losses.total / weight).backward()
        torch.nn.utils.clip_grad_norm_(small_editor.denoiser.parameters(), 1.0)
        optimizer.step()
        discrimination.append(mean(losses.terms["discrimination"]))
    assert sum(discrimination[-15:]) / 15 > sum(discrimination[:5]) / 5 + 0.15


def test_the_change_weight_is_of_all_terms_that_have_none_of_their_own(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    def losses(change_weight: float, own: float | None = None) -> Losses:
        action = ACTION.action.model_copy(update={"change_weight": own})
        weights = replace(ACTION, action=action, change_weight=change_weight)
        return EditorTask(small_editor, batches, weights, accelerator=accelerator).losses(
            small_editor.denoiser, 0, ALL
        )

    plain, weighted, static_alone = losses(0.0).terms, losses(10.0).terms, losses(10.0, own=0.0).terms
    assert torch.equal(plain["action"], static_alone["action"])
    assert not torch.equal(plain["action"], weighted["action"])
    assert torch.equal(weighted["static"], static_alone["static"])
    assert not torch.equal(plain["static"], weighted["static"])


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_regularization_on_the_null_text_sees_a_share_of_the_rows(
    small_editor: Editor, make_batches: MakeBatches, accelerator: Accelerator, share: float
) -> None:
    """Its rows go through both models under the null text; before training they do not differ."""
    batches = make_batches(negatives=0, replayed_texts=("",), replayed_share=share)
    rows = []
    reference = freezing.frozen_copy(small_editor.denoiser)
    reference.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    weights = replace(STATIC, regularization=RegularizationConfig(weight=1.0, on="null", share=share))
    task = EditorTask(small_editor, batches, weights, accelerator=accelerator, reference=reference)
    term = task.losses(small_editor.denoiser, 0, ALL).terms["regularization"]
    assert rows == [ROWS * share]
    assert term[1] == ROWS * share
    assert term[0] < 1e-10
    with torch.no_grad():
        small_editor.denoiser.conv_out.weight.mul_(1.5)
    assert task.losses(small_editor.denoiser, 0, ALL).terms["regularization"][0] > 1e-6


def test_a_model_that_copies_has_no_loss_where_the_text_was_dropped(
    small_editor: Editor, make_batches: MakeBatches, accelerator: Accelerator
) -> None:
    """The U-Net is replaced by one whose prediction leads back to the input picture."""
    batches = make_batches(negatives=0, dropout=0.3, identity=IdentityConfig(dropped=True))
    batch, rows = batches.draw(0, ALL), batches.sampler.rows(0, ALL)
    expected = [row.text == "" and not row.picture_dropped for row in rows]
    assert batch.identity.tolist() == expected
    assert 0 < sum(expected) < ROWS
    signal, spread = (each.view(-1, 1, 1, 1) for each in batches.process.mixture(batch.times))
    noise = (batch.noisy - signal * batch.original) / spread
    copied = batches.process.target(batch.original, noise, batch.times)
    task = EditorTask(small_editor, batches, STATIC, accelerator=accelerator)

    class Copier(torch.nn.Module):
        def forward(self, inputs: torch.Tensor, times: torch.Tensor, texts: torch.Tensor) -> object:
            return type("Output", (), {"sample": copied[index : index + 1]})

    for index in range(ROWS):
        loss = task.losses(Copier(), 0, slice(index, index + 1)).total
        assert (loss < 1e-6) == expected[index]


def test_a_prefetched_batch_equals_one_that_is_drawn_late(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator
) -> None:
    def loss(*prepared: tuple[int, slice]) -> float:
        task = EditorTask(small_editor, batches, ACTION, accelerator=accelerator)
        for step, part in prepared:
            task.prepare(step, part)
        return task.losses(small_editor.denoiser, 3, slice(0, 2)).total.item()

    assert loss((3, slice(0, 2))) == loss((2, slice(0, 2))) == loss((3, slice(2, 4))) == loss()


@pytest.mark.parametrize(("form", "beta"), [("dpo", 1000.0), ("nft", 1.0)])
def test_before_training_the_forms_with_a_reference_are_what_their_formulas_begin_with(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator, form: str, beta: float
) -> None:
    """dpo: softplus(0)/β in every row, whatever the base tells apart. nft: (d⁺ + λ·d⁻)/β."""
    weights = LossWeights(ActionLossConfig(weight=1.0, negatives=2, form=form, wrong_weight=0.5), NONE)
    reference = freezing.frozen_copy(small_editor.denoiser)
    task = EditorTask(small_editor, batches, weights, accelerator=accelerator, reference=reference)
    terms, batch = task.losses(small_editor.denoiser, 0, ALL).terms, batches.draw(0, ALL)
    target = batches.process.target(batch.clean, batch.noise, batch.times)
    with torch.no_grad():
        predicted = task._predict(small_editor.denoiser, batch)
    right, *wrong = (
        ((each - target) ** 2).flatten(1).mean(1) for each in (*predicted["right"], *predicted["wrong"])
    )
    counts = batch.counted.any(0)
    each_row = math.log(2) / beta if form == "dpo" else right + 0.5 * torch.stack(wrong).mean(0)
    expected = each_row * counts
    assert min((right - each).abs()[counts].max() for each in wrong) > 1e-4
    assert terms["action"].tolist() == pytest.approx([float(expected.sum()), float(counts.sum())], rel=1e-5)


@pytest.mark.parametrize("form", ["dpo", "nft"])
def test_one_frozen_pass_serves_all_terms_and_gets_no_gradient(
    small_editor: Editor, batches: DiffusionBatches, accelerator: Accelerator, form: str
) -> None:
    reference, calls = freezing.frozen_copy(small_editor.denoiser), []
    reference.register_forward_hook(lambda _, inputs, output: calls.append((len(inputs[0]), output.sample)))
    weights = LossWeights(ActionLossConfig(form=form), RegularizationConfig(weight=0.1))
    task = EditorTask(small_editor, batches, weights, accelerator=accelerator, reference=reference)
    task.losses(small_editor.denoiser, 0, ALL).total.backward()
    assert [(count, output.requires_grad) for count, output in calls] == [(3 * ROWS, False)]
