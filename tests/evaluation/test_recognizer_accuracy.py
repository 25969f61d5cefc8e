"""Action accuracy against what its recognizer can see: shares of the hits on real last frames, and confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from actionpairs.evaluation import recognizer_accuracy
from actionpairs.evaluation.records import COPY, TRUTH, EditScores, Kind, Report, ReportRow, ReportSample
from actionpairs.evaluation.scorecard import score_row, to_score
from actionpairs.metrics.action_accuracy import TOP_1, ActionAccuracy
from actionpairs.metrics.hit_ratio import hit_ratio
from actionpairs.metrics.intervals import SHARE, summarize
from actionpairs.metrics.metric import EditBatch
from actionpairs.recognition.calibration import Calibration
from actionpairs.report import files, schema, tables, terminal
from tests.evaluation.conftest import MOVES, make_recognizer, moved

COUNT = 100


def hits(share: int) -> np.ndarray:
    """So many hits, the first ones."""
    return np.arange(COUNT) < share


def resampled(ones: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """A paired bootstrap that draws samples one by one."""
    draw = np.random.default_rng(5)
    ratios = []
    for _ in range(4000):
        chosen = draw.integers(0, len(ones), len(ones))
        ratios.append(ones[chosen].sum() / others[chosen].sum())
    return tuple(np.percentile(ratios, [2.5, 97.5]))  # type: ignore[return-value]


@pytest.mark.parametrize("overlap", [55, 40])
def test_the_ratio_is_that_of_both_shares_with_a_paired_bootstrap(overlap: int) -> None:
    truth, model = hits(78), np.roll(hits(55), 55 - overlap + 23 if overlap < 55 else 0)
    estimate = hit_ratio(model, truth)
    assert estimate.value == pytest.approx(55 / 78)
    assert (estimate.low, estimate.high) == pytest.approx(resampled(model, truth), abs=0.015)
    assert hit_ratio(model, truth) == estimate  # no chance in it


def test_the_ratio_of_a_row_with_itself_is_one_and_of_nothing_is_none() -> None:
    same = hit_ratio(hits(60), hits(60))
    assert (same.value, same.low, same.high) == (1, 1, 1)
    assert math.isnan(hit_ratio(hits(60), hits(0)).value)
    few = hit_ratio(hits(1), hits(1))
    assert (few.value, few.low, few.high) == (1, None, None)


def row(name: str, kind: Kind, values: Sequence[float]) -> ReportRow:
    edits = tuple(EditScores(f"s{n:03d}", {TOP_1.name: value}, {}) for n, value in enumerate(values))
    estimate = summarize(np.array(values), SHARE.name)
    return ReportRow(name, kind, (to_score(TOP_1, estimate),), edits)


class Answers(ActionAccuracy):
    """An accuracy whose answers stand here: always 90 % sure, or 78 % where a temperature applies."""

    def __init__(self) -> None:
        self._recognizer = replace(make_recognizer(), calibration=Calibration(2.0, 40, 1.0, 0.9, 0.2, 0.1))
        truth = {f"s{n:03d}": (0.9, 0.78, bool(hit)) for n, hit in enumerate(hits(78))}
        self._answers = {TRUTH: truth}


def report() -> Report:
    rows = (
        row("ours", "model", 100.0 * hits(55)),
        row(COPY, "copy", 100.0 * hits(10)),
        row(TRUTH, "truth", 100.0 * hits(78)),
    )
    samples = tuple(ReportSample(f"s{n:03d}", "open", "open") for n in range(COUNT))
    return Report("HC", "HCtest", samples, rows, (), (), ("A note.",), "abc")


def test_a_report_says_of_what_share_its_accuracy_is_a_share() -> None:
    """71 % of 78 % is not 71 %."""
    made = recognizer_accuracy.added(report(), [Answers()])
    assert made.recognition is not None
    assert made.recognition.top_1.value == 78
    ours, copy = made.recognition.shares
    assert (ours.row, copy.row, ours.count) == ("ours", COPY, COUNT)
    assert (ours.value, copy.value) == pytest.approx((100 * 55 / 78, 100 * 10 / 78))
    first, second, third = made.notes
    assert "names 78.0 % (68.9 to 85.0) of 100 real last frames right" in first
    assert "Of the 78.0 % that the recognizer gets right on real last frames: ours 71 % (" in first
    assert f"{COPY} 13 % (" in first
    assert "off by 12.0 points as it comes and by 0.0 with its temperature of 2.00" in second
    assert "fitted on 40 pairs of the training split" in second
    assert third == "A note."


def test_every_form_of_a_report_has_it() -> None:
    made = recognizer_accuracy.added(report(), [Answers()])
    console = Console(record=True, width=200, force_terminal=False)
    terminal.print_table(made, console)
    assert "Of the 78.0 % that the recognizer gets right" in " ".join(console.export_text().split())
    [table] = tables.comparisons(made)
    assert table[0] == "Action accuracy against real last frames"
    assert table[2][0][:3] == ("ours", TOP_1.name, "70.5")
    assert "## Action accuracy against real last frames" in files.to_markdown(made)
    assert schema.REPORT.validate_json(files.to_json(made), strict=True) == made


def test_without_a_recognizer_there_is_nothing_to_say() -> None:
    assert recognizer_accuracy.added(report(), []) == report()


def test_samples_that_a_row_lacks_do_not_count_against_it() -> None:
    full = report()
    ours = replace(full.rows[0], edits=full.rows[0].edits[:50])
    made = recognizer_accuracy.recognition((ours, *full.rows[1:]), [Answers()])
    assert made is not None
    assert (made.shares[0].value, made.shares[0].count) == (100, 50)


def test_the_confidence_is_that_of_the_first_answers_on_one_row() -> None:
    """By hand, from the logits of each pair; batches of any size make the same."""
    originals, truths = (np.stack(pictures) for pictures in zip(*map(moved, MOVES), strict=True))
    whole = EditBatch(tuple(MOVES), tuple(MOVES), tuple(MOVES), originals, truths, truths, row=TRUTH)
    recognizer = replace(make_recognizer(), calibration=Calibration(3.0, 40, 1.0, 0.9, 0.2, 0.1))
    accuracy = ActionAccuracy(recognizer, digest="abc")
    score_row(TRUTH, "truth", [whole], [accuracy])
    logits = recognizer.predict(originals, truths)
    sure = recognizer.probabilities(logits).max(axis=1)
    right = logits.argmax(axis=1) == np.arange(4)
    bins = np.ceil(sure * 15)
    expected = sum(abs((right[bins == b] - sure[bins == b]).sum()) for b in set(bins)) / 4
    confidence = accuracy.confidence(TRUTH)
    assert confidence is not None
    assert confidence.error == pytest.approx(expected)
    assert (confidence.samples, confidence.temperature, confidence.fitted_on) == (4, 3.0, 40)
    assert accuracy.confidence("another row") is None
