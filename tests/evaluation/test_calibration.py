"""A judge is asked what is known: a good one is right about each kind, a yes-sayer and a guesser are found out."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.evaluation import calibration, samples
from actionpairs.evaluation.calibration import (
    EXPECTED,
    ROW,
    Calibration,
    KnownKind,
    KnownSample,
    calibrate,
    of_split,
    reliable,
    shift_background,
)
from actionpairs.language_models import Failure, Gap, Question
from actionpairs.metrics import judge_rubrics
from actionpairs.metrics.background import unchanged
from actionpairs.metrics.drift import drift
from actionpairs.metrics.intervals import Estimate
from actionpairs.storage import Folder
from tests.evaluation.conftest import MOVES, SPLIT, make_shards, moved
from tests.metrics.judges import NO, YES, Oracle, judging, original_and_edit, text_of

SIDE = 96
REAL, COPY, OTHER, REVERSED, STILL, SHIFTED = EXPECTED


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, ...]:
    folder = make_shards(tmp_path_factory.mktemp("split") / "shards", count=16, side=SIDE)
    return samples.select(Folder(folder), SPLIT)


@pytest.fixture(scope="module")
def oracle(split: tuple[Example, ...]) -> Oracle:
    pairs = ((each.entry.instruction, *examples.load_pair(each, SIDE)) for each in split)
    return Oracle([(text, before, after) for text, before, after in pairs])


def ask(folder: Path, split: tuple[Example, ...], answer: object, *rubrics: str, count: int = 16) -> Calibration:
    shape_of = {sample.name: (SIDE, SIDE) for sample in split}
    with judging(folder, answer, *rubrics) as made:  # type: ignore[arg-type]
        return calibrate(made, tuple(of_split(split, shape_of)), count=count)


def notes_of(made: Calibration) -> list[str]:
    return list(calibration.notes(made, judge_rubrics.load(["paper"])))


def test_a_judge_that_knows_is_right_about_every_kind_and_the_notes_say_so(
    tmp_path: Path, split: tuple[Example, ...], oracle: Oracle
) -> None:
    made = ask(tmp_path, split, oracle)
    assert {each.kind: each.hits.value for each in made.kinds} == dict.fromkeys(EXPECTED, 1)
    assert {
        each.kind: each.hits.count for each in made.kinds if each.column.startswith("action")
    } == dict.fromkeys((REAL, COPY, OTHER, REVERSED), 16)
    assert all(each.is_told_apart for each in made.kinds if not each.expects_yes)
    action, surroundings = notes_of(made)
    assert "a copy of the input (no): 100 % (81 to 100 %, n = 16)" in action
    assert "the background shifted (no): 100 %" in surroundings
    assert action.endswith("better than chance (McNemar, p < 0.05).")
    assert not made.gaps


@pytest.mark.parametrize("answer", [YES, NO])
def test_a_judge_that_always_says_the_same_is_not_better_than_chance(
    tmp_path: Path, split: tuple[Example, ...], answer: str
) -> None:
    made = ask(tmp_path, split, lambda _: answer)
    assert {each.hits.value for each in made.kinds} == {0, 1}
    for note in notes_of(made):
        assert "WARNING: this judge is not better than chance" in note
        assert "Do not rely on" in note


def test_a_judge_that_throws_a_coin_is_not_better_than_chance(tmp_path: Path, split: tuple[Example, ...]) -> None:
    def coin(question: Question) -> str:
        return YES if hashlib.sha256(repr(question.content()).encode()).digest()[0] % 2 else NO

    assert all("WARNING" in note for note in notes_of(ask(tmp_path, split, coin)))


def test_a_judge_that_goes_by_the_place_of_a_picture_is_right_about_nothing(
    tmp_path: Path, split: tuple[Example, ...]
) -> None:
    made = ask(tmp_path, split, lambda q: YES if "The first picture is the input" in text_of(q) else NO)
    assert {each.hits.value for each in made.kinds} == {0}


def test_a_judge_that_sees_change_but_not_its_direction_is_told_by_the_reversed_pairs(
    tmp_path: Path, split: tuple[Example, ...]
) -> None:
    def change(question: Question) -> str:
        before, after = original_and_edit(question)
        return YES if not np.array_equal(before, after) else NO

    made = ask(tmp_path, split, change)
    hits = {each.kind: each.hits.value for each in made.kinds if each.column.startswith("action")}
    assert hits == {REAL: 1, COPY: 1, OTHER: 0, REVERSED: 0}
    [action, _] = notes_of(made)
    assert "the action reversed (p = 1)" in action
    assert "a copy of the input (p" not in action


def test_pairs_without_an_answer_are_gaps_and_leave_the_rate(tmp_path: Path, split: tuple[Example, ...]) -> None:
    def half(question: Question) -> str | Gap:
        return Gap(Failure.REFUSED, "No.", 1) if "move left" in text_of(question) else YES

    made = ask(tmp_path, split, half)
    real = next(each for each in made.kinds if each.kind == REAL)
    assert (real.hits.value, real.hits.count) == (1, 13)  # of 16; one of the four has another instruction
    assert {gap.count for gap in made.gaps} >= {3}
    assert all(gap.row.startswith(ROW) for gap in made.gaps)


def test_graded_rubrics_are_checked_by_the_middle_of_their_scale(
    tmp_path: Path, split: tuple[Example, ...], oracle: Oracle
) -> None:
    def grades(question: Question) -> str:
        text = text_of(question)
        is_first = "The first being the original" in text
        one, other = original_and_edit(question)
        before, after = (other, one) if is_first else (one, other)  # of another wording than the paper's
        instruction = text.split("Editing instruction: ")[1].strip()
        done = (before.tobytes(), after.tobytes()) in oracle.pairs[instruction]
        return '{"score": [8, 7]}' if done else '{"score": [3, 9]}'

    made = ask(tmp_path, split, grades, "gedit")
    assert {each.kind: each.hits.value for each in made.kinds} == dict.fromkeys((REAL, COPY, OTHER, REVERSED), 1)


def test_a_column_is_reliable_if_it_tells_every_wrong_action_and_not_by_the_surroundings() -> None:
    hits = Estimate(1.0, 0.8, 1.0, 20)

    def made(p_reversed: float) -> Calibration:
        kinds = [(REAL, "action", None), (COPY, "action", 0.001), (REVERSED, "action", p_reversed)]
        kinds += [(SHIFTED, "surroundings", 0.001)]
        return Calibration(tuple(KnownKind(kind, column, kind == REAL, hits, p) for kind, column, p in kinds), ())

    assert reliable(made(0.01)) == ("action",)
    assert reliable(made(0.2)) == ()


def test_only_the_calls_that_are_checked_are_asked(tmp_path: Path, split: tuple[Example, ...]) -> None:
    shape_of = {sample.name: (SIDE, SIDE) for sample in split}
    with judging(tmp_path, lambda _: YES) as made:
        calibrate(made, tuple(of_split(split, shape_of)), count=3)
        calls = [record.place for record in made.asking.records]
    assert {place.call for place in calls} == {"action", "surroundings"}
    assert len(calls) == 6 * 3 * 2
    assert {place.row for place in calls} == {ROW + kind for kind in EXPECTED}


def test_a_split_of_one_action_has_no_pair_of_another(tmp_path: Path, split: tuple[Example, ...]) -> None:
    same = tuple(sample for sample in split if sample.entry.action == "move left")
    made = ask(tmp_path, same, lambda _: YES)
    assert OTHER not in {each.kind for each in made.kinds}


def test_without_real_last_frames_only_copies_are_asked_about_and_the_note_warns(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    some = tuple(KnownSample(f"k{n}", "open it", f"a{n}", partial(np.copy, pictures[n]), None) for n in range(4))
    with judging(tmp_path, lambda _: NO) as made:
        result = calibrate(made, some, count=3)
    assert [(each.kind, each.hits.value, each.hits.count) for each in result.kinds] == [(COPY, 1, 3)]
    [note] = notes_of(result)
    assert "a copy of the input (no): 100 %" in note
    assert "WARNING: no sample has a real last frame" in note


def test_a_shifted_background_is_shifted_by_an_eighth_and_the_changed_part_stays() -> None:
    for number, action in enumerate(MOVES):
        before, after = moved(action, side=128, seed=number)
        mask = unchanged(before, after)
        picture = shift_background(after, mask)
        shift, _, _ = drift(before, picture, after)
        assert shift > 5
        inside = cv2.erode((~mask).astype(np.uint8), np.ones((15, 15))) > 0
        assert np.abs(picture[inside].astype(int) - after[inside]).max() <= 2
