"""A leaderboard makes one row of one model, tests on the same samples, and refuses what was not scored alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from actionpairs.errors import ScoreError
from actionpairs.evaluation import leaderboard, significance
from actionpairs.evaluation.comparability import ScoredReport
from actionpairs.evaluation.leaderboard import Leaderboard
from actionpairs.evaluation.records import COPY, TRUTH, PictureShapes, ReportRow, ReportSample
from tests.evaluation.boards import SETTINGS, drawn, row, scored, with_input


def names(board: Leaderboard) -> list[str]:
    return [row.name for row in board.rows]


def refused(*reports: ScoredReport) -> ScoreError:
    with pytest.raises(ScoreError) as caught:
        leaderboard.build(reports)
    return caught.value


def test_a_model_on_several_splits_is_one_row_with_a_group_of_columns_for_each() -> None:
    lc = scored("a", drawn("ours", 0.7), drawn("base", 0.4, seed=1))
    hc = scored("b", drawn("ours", 0.5, count=30), split="HCtest", dataset="HC")
    board = leaderboard.build([lc, hc])
    assert names(board) == ["ours", "base", COPY, TRUTH]
    assert [split.split for split in board.splits] == ["LCtest", "HCtest"]
    assert [one.name for one in board.splits[1].rows] == ["ours", COPY, TRUTH]
    assert [len(split.samples) for split in board.splits] == [40, 30]


def test_models_of_several_reports_of_one_split_meet_on_its_samples() -> None:
    board = leaderboard.build([scored("a", drawn("ours", 0.7)), scored("b", drawn("base", 0.4, seed=1))])
    [split] = board.splits
    assert [one.name for one in split.rows] == ["ours", "base", COPY, TRUTH]
    pairs = {(test.difference.row, test.difference.other) for test in board.tests}
    assert pairs == {("ours", "base"), ("ours", COPY), ("base", COPY)}


def test_the_order_of_reports_does_not_change_rows_scores_or_tests() -> None:
    reports = [scored("a", drawn("low", 0.2)), scored("b", drawn("high", 0.9)), scored("c", drawn("middle", 0.5))]
    boards = [leaderboard.build(order) for order in (reports, reports[::-1])]
    assert names(boards[0]) == ["high", "middle", "low", COPY, TRUTH]
    assert boards[0].rows == boards[1].rows
    assert boards[0].tests == boards[1].tests


def test_equal_names_of_other_weights_are_two_rows_that_the_digest_tells_apart() -> None:
    one, other = scored("a", drawn("model", 0.7)), scored("b", drawn("model", 0.4, seed=1))
    board = leaderboard.build([one, with_input(other, model_model="0123456789abcdef")])
    assert names(board)[:2] == ["model (ledom)", "model (01234567)"]
    assert [row.digest for row in board.rows[:2]] == ["ledom", "0123456789abcdef"]


def test_equal_weights_under_two_names_are_one_row_and_it_is_said() -> None:
    one, other = scored("a", drawn("model", 0.7)), scored("b", drawn("run-model", 0.7), split="HCtest")
    board = leaderboard.build([one, with_input(other, **{"model_run-model": "ledom"})])
    assert names(board) == ["model", COPY, TRUTH]
    assert any("model (also run-model)" in note for note in board.notes)


def folder(source: str, digest: str, *, split: str = "LCtest", level: float = 0.5) -> ScoredReport:
    one = with_input(scored(source, drawn("theirs", level), split=split), model_theirs=digest)
    return replace(one, own_models=frozenset())


def test_folders_of_edits_are_one_row_by_their_name_and_it_is_said() -> None:
    board = leaderboard.build([folder("a", "11"), folder("b", "22", split="HCtest")])
    assert names(board) == ["theirs", COPY, TRUTH]
    assert board.rows[0].is_folder
    assert any("Only the name says" in note for note in board.notes)


def test_two_folders_of_one_name_on_one_split_are_told_apart() -> None:
    board = leaderboard.build([folder("a", "11"), folder("b", "22", level=0.3)])
    assert names(board)[:2] == ["theirs (11)", "theirs (22)"]


def test_a_row_that_two_reports_have_is_one_with_the_scores_of_both() -> None:
    ours = drawn("ours", 0.7)
    fewer = replace(
        ours,
        scores=ours.scores[1:],
        edits=tuple(replace(e, values=dict(list(e.values.items())[1:])) for e in ours.edits),
    )
    board = leaderboard.build([scored("a", fewer), scored("b", ours, drawn("base", 0.4, seed=1))])
    assert [score.name for score in board.splits[0].rows[0].scores] == ["SSIM", "shift drift", "Acc top-1"]
    assert set(board.splits[0].rows[0].edits[0].values) == {"Acc top-1", "SSIM", "shift drift"}


def test_a_row_that_scores_otherwise_in_two_reports_is_refused() -> None:
    error = refused(scored("a", drawn("ours", 0.7)), scored("b", drawn("ours", 0.6), drawn("base", 0.4, seed=1)))
    assert "ours: Acc top-1 is" in error.message
    assert "in a and" in error.message
    assert "--predictions NAME=REPORT/predictions/NAME" in error.cure


def test_a_copy_of_the_input_that_scores_otherwise_betrays_another_measure() -> None:
    one, other = scored("a", drawn("ours", 0.7)), scored("b", drawn("base", 0.4, seed=1))
    copy = other.report.rows[1]
    changed = replace(
        copy, scores=tuple(replace(s, value=s.value + 0.1) if s.name == "SSIM" else s for s in copy.scores)
    )
    rows = other.report.rows[0], changed, other.report.rows[2]
    assert (
        "copy of the input: SSIM is 0.97"
        in refused(one, replace(other, report=replace(other.report, rows=rows))).message
    )


def test_rounding_of_another_machine_is_no_difference() -> None:
    one, other = scored("a", drawn("ours", 0.7)), scored("b", drawn("base", 0.4, seed=1))
    copy = other.report.rows[1]
    near = replace(copy, scores=tuple(replace(s, value=s.value * (1 + 1e-5)) for s in copy.scores))
    rows = other.report.rows[0], near, other.report.rows[2]
    leaderboard.build([one, replace(other, report=replace(other.report, rows=rows))])


OURS, BASE = scored("a", drawn("ours", 0.7)), scored("b", drawn("base", 0.4, seed=1))
ELSEWHERE = scored("b", drawn("base", 0.4, seed=1), split="HCtest")
OTHER_SAMPLES = tuple(replace(each, instruction="close it") for each in BASE.report.samples)
SQUARES = PictureShapes(64, True, ())


@pytest.mark.parametrize(
    ("other", "words", "cure"),
    [
        (replace(BASE, version="0.2.0 (schema 1)"), "version of actionpairs is 0.3.0", "one version"),
        (replace(BASE, settings={**SETTINGS, "steps": 50}), "`eval.steps` is 20 in a; 50 in b", "one recipe"),
        (
            replace(BASE, settings={**SETTINGS, "text_guidance": 7.5}),
            "`eval.text_guidance` is each model's own in a; 7.5 in b",
            "one recipe",
        ),
        (replace(ELSEWHERE, settings={**SETTINGS, "seed": 1}), "`eval.seed` is 0 in a; 1 in b", "one recipe"),
        (
            with_input(BASE, features_clip="0ther"),
            "the digest of features clip is c11b in a; 0ther in b",
            "--features",
        ),
        (with_input(ELSEWHERE, features_clip="0ther"), "digest of features clip is c11b in a", "--features"),
        (
            with_input(BASE, recognizer="0ther"),
            "LC · LCtest: the digest of recognizer is 4ec0 in a",
            "--recognizer",
        ),
        (
            with_input(BASE, shards="0ther"),
            "LC · LCtest: the digest of shards is 5ba2d5 in a; 0ther in b",
            "one shards",
        ),
        (with_input(BASE, limit="20"), "--limit is none in a; 20 in b", "--limit"),
        (
            replace(BASE, report=replace(BASE.report, samples=OTHER_SAMPLES)),
            "the list of samples is 40 (digest",
            "one shards folder",
        ),
        (
            replace(BASE, report=replace(BASE.report, pictures=SQUARES)),
            "squares of 64 pixels in b",
            "`eval.resolution`",
        ),
    ],
)
def test_what_was_not_scored_alike_is_refused_and_the_difference_is_named(
    other: ScoredReport, words: str, cure: str
) -> None:
    error = refused(OURS, other)
    assert words in error.message
    assert cure in error.cure


def test_every_difference_is_named_at_once_and_every_report() -> None:
    other = replace(with_input(BASE, shards="x", features_clip="y"), settings={**SETTINGS, "steps": 50})
    third = scored("c", drawn("third", 0.3))
    error = refused(OURS, other, third)
    for words in (
        "`eval.steps` is 20 in a, c; 50 in b",
        "features clip is c11b in a, c",
        "shards is 5ba2d5 in a, c",
    ):
        assert words in error.message
    assert error.cure.count("Run `actionpairs eval` again") == 3


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, settings={**SETTINGS, "gallery": 5, "batch_size": 1, "resolution": 64}),
        replace(BASE, inputs={k: v for k, v in BASE.inputs.items() if k not in {"features clip", "recognizer"}}),
        with_input(ELSEWHERE, shards="of HC", recognizer="of HC"),
    ],
    ids=["pages and batches", "weights that one was not given", "another data set"],
)
def test_what_changes_no_score_is_no_difference(other: ScoredReport) -> None:
    assert {"ours", "base"} <= set(names(leaderboard.build([OURS, other])))


def test_a_report_that_is_given_twice_is_refused() -> None:
    assert "the same report as a" in refused(OURS, replace(OURS, source="again/a")).message


def test_a_row_that_the_manifest_does_not_know_is_refused() -> None:
    assert "does not say what the row 'ours'" in refused(replace(OURS, inputs={"shards": "x"})).message


# --- tests between rows


def values(row: ReportRow, score: str) -> np.ndarray:
    return np.array([edit.values[score] for edit in row.edits])


def test_p_is_that_of_scipys_paired_t_and_of_the_binomial_test() -> None:
    ours, base = drawn("ours", 0.52), drawn("base", 0.5, seed=1)
    board = leaderboard.build([scored("a", ours, base)])
    p_of = {(t.difference.row, t.difference.other, t.difference.score): t.p for t in board.tests}
    first, second = names(board)[:2]
    for score in ("SSIM", "shift drift"):
        expected = scipy.stats.ttest_rel(values(ours, score), values(base, score)).pvalue
        assert p_of[first, second, score] == pytest.approx(expected, rel=1e-6)
    wins = [(a > b).sum() for a, b in [(values(ours, "Acc top-1"), values(base, "Acc top-1"))] * 1]
    losses = (values(ours, "Acc top-1") < values(base, "Acc top-1")).sum()
    expected = scipy.stats.binomtest(int(wins[0]), int(wins[0] + losses)).pvalue
    assert p_of[first, second, "Acc top-1"] == pytest.approx(expected)


def test_holm_is_that_of_r() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") → 0.03 0.06 0.06 0.02
    assert significance.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert significance.holm([0.5, 0.003, 0.32, 0.054, 0.0003]) == pytest.approx(
        [0.64, 0.012, 0.64, 0.162, 0.0015]
    )
    assert significance.holm([0.9, 0.9]) == [1, 1]
    assert significance.holm([]) == []


def test_all_p_of_the_page_are_corrected_together() -> None:
    lc = scored("a", drawn("ours", 0.55), drawn("base", 0.5, seed=1))
    board = leaderboard.build([lc, scored("b", drawn("ours", 0.55, seed=2), split="HCtest", dataset="HC")])
    tests = [test for test in board.tests if test.p is not None]
    assert len({test.split for test in tests}) == 2
    expected = significance.holm([test.p for test in tests if test.p is not None])
    assert [test.corrected_p for test in tests] == expected
    assert f"All {len(tests)} p are corrected" in board.notes[0]


def test_equal_models_are_rarely_told_apart_however_many_there_are() -> None:
    """Ten models that are one: 45 pairs and three scores. Uncorrected, one in twenty would be called real."""
    told_apart, uncorrected = 0, 0
    for trial in range(20):
        equal = [drawn(f"m{i}", 0.5, seed=1000 * trial + i) for i in range(10)]
        board = leaderboard.build([scored("a", *equal)])
        between = [test for test in board.tests if test.difference.other != COPY]
        told_apart += any(test.tells_apart for test in between)
        uncorrected += sum(test.p is not None and test.p < 0.05 for test in between)
    assert uncorrected > 50
    assert told_apart <= 4  # 1 is expected; 5 or more have a chance of 0.3 %


def test_one_difference_for_every_sample_has_no_p_and_none_at_all_has_one() -> None:
    same = row("ours", "model", {"SSIM": [0.5] * 8}), row("base", "model", {"SSIM": [0.5] * 8})
    shifted = row("high", "model", {"SSIM": [0.75] * 8})
    board = leaderboard.build([scored("a", *same, shifted)])
    p_of = {(t.difference.row, t.difference.other): (t.p, t.corrected_p) for t in board.tests}
    assert p_of["base", "ours"][0] == 1
    assert p_of["high", "base"] == (None, None)


def test_the_best_and_those_that_no_test_tells_from_it() -> None:
    near = [drawn("first", 0.8), drawn("second", 0.8, seed=3), drawn("last", 0.1, seed=4)]
    board = leaderboard.build([scored("a", *near)])
    [split] = board.splits
    assert leaderboard.best(split, "SSIM") in {"first", "second"}
    assert leaderboard.as_good_as_best(board, split, "SSIM") == {"first", "second"} - {
        leaderboard.best(split, "SSIM")
    }
    assert leaderboard.best(split, "FID") is None


def test_a_score_at_which_a_copy_beats_every_model_is_known() -> None:
    [split] = leaderboard.build([scored("a", drawn("ours", 0.7, fid=8.0))]).splits
    assert {
        name for name in ("Acc top-1", "SSIM", "shift drift", "FID") if leaderboard.is_beaten_by_copy(split, name)
    } == {
        "SSIM",
        "shift drift",
        "FID",
    }


def test_a_row_that_lacks_samples_is_compared_on_those_that_it_has() -> None:
    whole, short = drawn("whole", 0.7), drawn("short", 0.4, count=30)
    board = leaderboard.build([scored("a", whole, short)])
    [test] = [
        t
        for t in board.tests
        if {t.difference.row, t.difference.other} == {"whole", "short"} and t.difference.score == "SSIM"
    ]
    assert test.difference.count == 30
    expected = values(whole, "SSIM")[:30].mean() - values(short, "SSIM").mean()
    assert test.difference.value == pytest.approx(expected)


def test_samples_of_one_key_and_another_text_are_other_samples() -> None:
    assert ReportSample("s000", "open the door 0", "open door") == OURS.report.samples[0]
