"""Rows are compared on the same samples, and on seen and unseen verbs apart."""

from __future__ import annotations

import pytest

from actionpairs.evaluation import comparisons
from actionpairs.evaluation.records import EditScores, ReportRow, ReportSample, Score

TOP_1, SSIM = "Acc top-1", "SSIM"
SAMPLES = tuple(ReportSample(f"s{i}", "x", "open door") for i in range(4))


def row(name: str, kind: str, hits: list[float], similarity: list[float]) -> ReportRow:
    scores = (
        Score(TOP_1, 0.0, None, None, 4, "higher", "action", "%", "share"),
        Score(SSIM, 0.0, None, None, 4, "higher", "picture"),
    )
    edits = tuple(
        EditScores(f"s{i}", {TOP_1: hit, SSIM: alike}, {})
        for i, (hit, alike) in enumerate(zip(hits, similarity, strict=True))
    )
    return ReportRow(name, kind, scores, edits)


ROWS = (
    row("ours", "model", [100, 100, 0, 100], [0.9, 0.8, 0.7, 0.6]),
    row("base", "model", [0, 100, 0, 0], [0.5, 0.5, 0.5, 0.5]),
    row("copy", "copy", [0, 0, 0, 0], [0.9, 0.9, 0.9, 0.9]),
    row("truth", "truth", [100, 100, 100, 100], [1, 1, 1, 1]),
)


def test_the_difference_of_means_is_the_mean_of_differences() -> None:
    differences = {(d.row, d.other, d.score): d for d in comparisons.differences(ROWS)}
    assert differences["ours", "base", TOP_1].value == 50
    assert differences["ours", "base", SSIM].value == pytest.approx(0.25)
    assert len(differences) == 3 * 2


def test_only_hits_have_a_mcnemar_p() -> None:
    p_of = {(d.row, d.other, d.score): d.p for d in comparisons.differences(ROWS)}
    assert p_of["ours", "base", TOP_1] == pytest.approx(0.5)  # 2 disagreements, both won
    assert p_of["ours", "base", SSIM] is None


def test_unseen_verbs_are_scored_apart() -> None:
    seen, unseen = comparisons.by_verb(ROWS, SAMPLES, unseen={"s2", "s3"})
    assert (seen.count, unseen.count) == (2, 2)
    assert seen.scores["ours"][0].value == 100
    assert unseen.scores["ours"][0].value == 50
    assert unseen.scores["ours"][0].count == 2


@pytest.mark.parametrize("unseen", [set(), {"s0", "s1", "s2", "s3"}])
def test_a_split_of_one_kind_is_not_taken_apart(unseen: set[str]) -> None:
    assert comparisons.by_verb(ROWS, SAMPLES, unseen=unseen) == ()
