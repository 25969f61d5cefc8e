"""Every family learns actions from rendered pairs and clips, and is calibrated on pairs of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from actionpairs.configs import RecognizerConfig
from actionpairs.data import examples
from actionpairs.data.batches import EpochOrder
from actionpairs.data.examples import Example
from actionpairs.recognition import calibration, families
from actionpairs.recognition.recognizer import Recognizer, Sizes
from actionpairs.storage import Folder
from actionpairs.training import train_recognizer
from actionpairs.training.recognizer_task import (
    ClipAugmentation,
    RecognizerScore,
    RecognizerTask,
    hold_out,
    score_recognizer,
)
from tests.recognition.tiny import FRAMES, as_published, released, save
from tests.stages.training_runs import RECOGNIZER, recipe, run
from tests.training.conftest import without_curves as without_curves
from tests.training.squares import SIDE, WAYS, write_squares

EVERY = pytest.mark.parametrize("family", sorted(families.FAMILIES))
ACTIONS = [f"move {way}" for way in sorted(WAYS)]
STILL = ClipAugmentation(flip=0.0, shift=0.0)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "SQ"
    write_squares(path, 100, tests=20)
    return path


def losses(
    model: torch.nn.Module, task: RecognizerTask, *, steps: int, rate: float = 1e-3, size: int = 16
) -> list[float]:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer, values = torch.optim.AdamW(trained, lr=rate), []
    for step in range(steps):
        loss = task.losses(model, step, slice(size)).total
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in trained)
        optimizer.step()
        values.append(loss.item())
    return values


def task_of(recognizer: Recognizer, pairs: tuple[Example, ...], pictures: np.ndarray) -> RecognizerTask:
    order = EpochOrder(tuple(pair.name for pair in pairs), seed=0, batch_size=16)
    return RecognizerTask(recognizer, pairs, pictures, order=order, augmentation=STILL, balanced=False)


@EVERY
@pytest.mark.parametrize("frames", [2, 4])
def test_every_family_learns_from_pairs_and_from_clips(family: str, frames: int, many: Path) -> None:
    """With four frames, two are between the first and the last, as `clips: segments` has them."""
    pairs = examples.load_train([Folder(many)])
    pictures = np.stack(list(examples.iter_pairs(pairs, SIDE)))
    if frames == 4:
        pictures = np.stack([pictures[:, 0], pictures[:, 0], pictures[:, 1], pictures[:, 1]], axis=1)
    sizes = Sizes(SIDE, frames, 8, 32, 2, 2, input="changes")
    recognizer = families.build(ACTIONS, sizes, seed=0, family=family)
    recognizer.model.train()
    values = losses(recognizer.model, task_of(recognizer, pairs, pictures), steps=80)
    assert np.mean(values[:5]) > 1.2  # ln 4 is 1.39
    assert np.mean(values[-5:]) < 0.8 * np.mean(values[:5])


@EVERY
def test_every_family_is_fine_tuned_from_released_weights(family: str, many: Path, tmp_path: Path) -> None:
    folder = save(released(family), tmp_path, **as_published((0.45,) * 3, (0.225,) * 3))
    started = families.from_pretrained(folder, ACTIONS, resolution=SIDE, frames=FRAMES[family], seed=0)
    pairs = examples.load_train([Folder(many)])[:16]
    pictures = np.stack(list(examples.iter_pairs(pairs, SIDE)))
    values = losses(started.model, task_of(started, pairs, pictures), steps=10)  # the same sixteen pairs each time
    assert values[-1] < values[0] - 0.02


@EVERY
@pytest.mark.usefixtures("without_curves")
def test_a_run_calibrates_on_training_pairs_that_it_is_not_trained_on(
    family: str, many: Path, tmp_path: Path
) -> None:
    path = recipe(tmp_path, RECOGNIZER, family=family, calibration=0.45)
    summary = run(path, many, tmp_path / "model")
    assert summary.counts["calibration"] >= calibration.LEAST_SAMPLES
    assert summary.counts["pairs"] + summary.counts["calibration"] == 80
    assert summary.counts["scored"] == 20
    trained = families.load(str(tmp_path / "model"))
    assert trained.family.model_type == family
    assert trained.calibration is not None
    assert trained.calibration.samples == summary.counts["calibration"]
    assert trained.calibration.nll_after <= trained.calibration.nll_before
    pairs = examples.load_train([Folder(many)])
    _, kept = hold_out(pairs, share=0.45, seed=0, purpose="calibration")
    both = np.stack(list(examples.iter_pairs(kept, SIDE)))
    targets = np.array([trained.actions.index(pair.entry.action) for pair in kept])
    again = calibration.fit(trained.predict(both[:, 0], both[:, 1]), targets)
    assert again.temperature == pytest.approx(trained.calibration.temperature, rel=1e-3)
    card = (tmp_path / "model/README.md").read_text()
    assert f"A {trained.family.name}, trained on 4 actions" in card
    assert f"with the temperature {trained.temperature:.2f}, fitted on {len(kept)} other pairs" in card


@pytest.mark.usefixtures("without_curves")
def test_too_few_pairs_are_all_trained_on_and_the_card_says_so(many: Path, tmp_path: Path) -> None:
    summary = run(recipe(tmp_path, RECOGNIZER, calibration=0.1, steps=1), many, tmp_path / "model")
    assert (summary.counts["pairs"], summary.counts["calibration"]) == (80, 0)
    assert not (tmp_path / "model/calibration.json").exists()
    assert families.load(str(tmp_path / "model")).temperature == 1
    assert "No temperature was fitted: that needs 30 training pairs" in (tmp_path / "model/README.md").read_text()


@pytest.mark.usefixtures("without_curves")
def test_one_that_names_all_held_out_pairs_right_gets_no_temperature(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least would be the most likely, and it would be sure of every error that comes later."""

    def never_wrong(recognizer: Recognizer, *pairs: Any) -> RecognizerScore:
        made = score_recognizer(recognizer, *pairs)
        return replace(made, top_1=made.samples, logits=np.eye(len(recognizer.actions))[made.labels])

    monkeypatch.setattr(train_recognizer, "score_recognizer", never_wrong)
    summary = run(recipe(tmp_path, RECOGNIZER, calibration=0.45, steps=1), many, tmp_path / "model")
    assert summary.counts["calibration"] >= calibration.LEAST_SAMPLES
    assert families.load(str(tmp_path / "model")).calibration is None
    assert "No temperature was fitted" in (tmp_path / "model/README.md").read_text()


def test_the_last_pair_of_an_action_is_trained_on(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = examples.load_train([Folder(many)])
    _, kept = hold_out(pairs, share=0.45, seed=0, purpose="calibration")
    rare = replace(kept[0], entry=replace(kept[0].entry, action="seen once"))
    pairs = tuple(rare if pair.name == rare.name else pair for pair in pairs)
    monkeypatch.setattr(train_recognizer.examples, "load_train", lambda _: pairs)
    config = RecognizerConfig(task="recognizer", steps=1, calibration=0.45)
    parts = train_recognizer._split(SimpleNamespace(shards=[Folder(many)]), config)  # type: ignore[arg-type]
    assert rare in parts.train
    assert len(parts.calibration) == len(kept) - 1
    assert len(parts.train) + len(parts.calibration) == len(pairs)


def test_what_is_held_out_for_two_purposes_is_drawn_independently(many: Path) -> None:
    """Else a smaller share of what another share has left would be empty."""
    pairs = examples.load_train([Folder(many)])
    rest, tests = hold_out(pairs, share=0.3, seed=0)
    rest, kept = hold_out(rest, share=0.3, seed=0, purpose="calibration")
    assert len(kept) > 5
    assert not {pair.name for pair in kept} & {pair.name for pair in (*tests, *rest)}


def test_the_predictor_of_v_jepa_2_does_not_train() -> None:
    model = families.build(ACTIONS, Sizes(SIDE, 4, 8, 24, 1, 2), seed=0, family="vjepa2").model
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name, _ in model.named_parameters() if ".predictor." in name} != set()


def test_a_saved_calibration_holds_what_the_card_says(tmp_path: Path) -> None:
    recognizer = families.build(ACTIONS, Sizes(SIDE, 2, 8, 24, 1, 2), seed=0)
    recognizer.save(tmp_path)
    calibration.fit(np.eye(4), np.arange(4)).save(tmp_path)
    content = json.loads((tmp_path / "calibration.json").read_text())
    assert families.load(str(tmp_path)).temperature == content["temperature"]
