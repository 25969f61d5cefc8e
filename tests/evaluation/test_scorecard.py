"""A row holds what its metrics return: the right scores for its kind, texts, and a number for each edit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from actionpairs.evaluation import scorecard
from actionpairs.evaluation.records import ReportRow
from actionpairs.metrics.action_accuracy import TOP_1, ActionAccuracy
from actionpairs.metrics.drift import Drift
from actionpairs.metrics.intervals import Estimate
from actionpairs.metrics.metric import BatchScores, EditBatch, MetricColumn
from actionpairs.metrics.motion import MotionAlignment
from actionpairs.metrics.pixels import PixelScores
from tests.evaluation.conftest import MOVES, make_recognizer, moved

VERDICT = MetricColumn("verdict", "higher", "action", text="why")
REFERENCE = MetricColumn("distance to a reference", "lower", "picture")


class Verdict:
    """As a vision-language model would: a number and a text for each edit; it skips the second sample."""

    columns, note, citation, digest = (VERDICT,), "x.", "2024", "abc"

    def score(self, batch: EditBatch) -> BatchScores:
        values = np.array([np.nan if key == "s1" else 5.0 for key in batch.keys])
        return BatchScores({"verdict": values}, {"verdict": tuple(f"{text}?" for text in batch.instructions)})


class DistanceToReference:
    """As an FID with a reference from elsewhere would: the truths of the split take no part."""

    columns, note, citation, digest = (REFERENCE,), "x.", "2024", "abc"

    def features(self, pictures: np.ndarray) -> np.ndarray:
        return pictures.reshape(len(pictures), -1).mean(axis=1, keepdims=True).astype(np.float32)

    def compare(self, edits: np.ndarray, truths: np.ndarray) -> Mapping[str, Estimate]:
        return {REFERENCE.name: Estimate(float(edits.mean()), None, None, len(edits))}


def batch(edits: str, *, count: int = 8) -> EditBatch:
    """`count` samples whose edits are the inputs, or the truths."""
    actions = [list(MOVES)[number % 4] for number in range(count)]
    pairs = [moved(action, side=128, seed=number) for number, action in enumerate(actions)]
    originals, truths = (np.stack(pictures) for pictures in zip(*pairs, strict=True))
    made = {"input": originals, "truth": truths}[edits]
    keys = tuple(f"s{i}" for i in range(count))
    return EditBatch(keys, tuple(actions), tuple(actions), originals, made, truths)


def part(whole: EditBatch, rows: slice) -> EditBatch:
    pictures = whole.originals[rows], whole.edits[rows], whole.truths[rows]
    return EditBatch(whole.keys[rows], whole.instructions[rows], whole.actions[rows], *pictures)


@pytest.fixture(scope="module")
def metrics() -> tuple[object, ...]:
    accuracy = ActionAccuracy(make_recognizer(), digest="abc")
    return accuracy, MotionAlignment(), PixelScores(), Verdict(), DistanceToReference()


def row(edits: str, metrics: tuple[object, ...], kind: str = "model", **options: int) -> ReportRow:
    return scorecard.score_row(edits, kind, [batch(edits, **options)], metrics)  # type: ignore[arg-type]


def test_action_scores_come_first_then_pictures_then_sets(metrics: tuple[object, ...]) -> None:
    names = [score.name for score in row("input", metrics).scores]
    assert names == [TOP_1.name, "motion alignment", "verdict", "SSIM", "PSNR", REFERENCE.name]


def test_the_truth_gets_action_scores_only(metrics: tuple[object, ...]) -> None:
    truth = row("truth", metrics, kind="truth")
    assert {score.about for score in truth.scores} == {"action"}
    assert set(truth.edits[0].values) == {TOP_1.name, "motion alignment", "verdict"}


def test_a_score_that_does_not_apply_is_left_out_of_the_edit_and_of_the_mean(metrics: tuple[object, ...]) -> None:
    copy = row("input", metrics)
    assert next(score.count for score in copy.scores if score.name == "verdict") == 7
    assert "verdict" not in copy.edits[1].values
    assert copy.edits[1].texts["verdict"] == "move right?"


def test_a_score_that_applies_to_no_sample_is_no_column(metrics: tuple[object, ...]) -> None:
    alone = scorecard.score_row("x", "model", [part(batch("input"), slice(1, 2))], metrics)  # type: ignore[arg-type]
    assert "verdict" not in {score.name for score in alone.scores}
    assert "verdict" not in alone.edits[0].texts


def test_one_sample_has_no_distance_between_sets(metrics: tuple[object, ...]) -> None:
    assert REFERENCE.name not in {score.name for score in row("input", metrics, count=1).scores}


def test_batches_of_any_size_make_the_same_row(metrics: tuple[object, ...]) -> None:
    whole = batch("input")
    parts = [part(whole, slice(start, start + 3)) for start in (0, 3, 6)]
    one, many = (
        scorecard.score_row("x", "model", batches, metrics)  # type: ignore[arg-type]
        for batches in ([whole], parts)
    )
    assert [edit.key for edit in one.edits] == [edit.key for edit in many.edits]
    for score, other in zip(one.scores, many.scores, strict=True):
        assert score.value == pytest.approx(other.value, rel=1e-5)


def test_a_mean_is_that_of_samples_and_not_of_batches() -> None:
    """By hand: six times 0 and once 15, in batches of 3, 3 and 1: 15/7, and not (0 + 0 + 15)/3 = 5."""

    class Last:
        columns, note, citation, digest = (MetricColumn("last", "higher", "action"),), "x.", "2024", ""

        def score(self, batch: EditBatch) -> BatchScores:
            return BatchScores({"last": np.array([15.0 if key == "s6" else 0.0 for key in batch.keys])})

    whole = batch("input", count=7)
    parts = [part(whole, slice(start, start + 3)) for start in (0, 3, 6)]
    assert [len(each) for each in parts] == [3, 3, 1]
    [score] = scorecard.score_row("x", "model", parts, [Last()]).scores
    assert (score.value, score.count) == (pytest.approx(15 / 7), 7)


def test_the_truth_has_the_scores_that_do_not_compare_with_it() -> None:
    truth = scorecard.score_row("x", "truth", [batch("truth")], [Drift(), PixelScores()])
    assert {score.name for score in truth.scores} == {"shift drift", "zoom drift", "color drift"}
    assert all(0 <= score.value < 1 for score in truth.scores)
