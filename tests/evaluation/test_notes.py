"""A report warns of scores with too few samples, each statistic at its own count, and describes its metrics."""

from __future__ import annotations

import pytest

from actionpairs.evaluation import notes
from actionpairs.evaluation.records import ReportRow, Score
from actionpairs.metrics.action_accuracy import TOP_1
from actionpairs.metrics.distances import FRECHET, KERNEL
from actionpairs.metrics.metric import MetricColumn
from actionpairs.metrics.pixels import PixelScores


class Declared:
    """A metric that has columns and a note, and is never computed."""

    columns = (
        MetricColumn("SSIM", "higher", "picture"),
        TOP_1,
        MetricColumn("FID", "lower", "picture", statistic=FRECHET),
        MetricColumn("KID", "lower", "picture", statistic=KERNEL),
    )
    note, citation, digest = "How it is done.", "", ""


METRICS = (Declared(),)


def rows(count: int) -> list[ReportRow]:
    scores = (
        Score(each.name, 50.0, None, None, count, each.better, each.about, each.unit, each.statistic.name)
        for each in (TOP_1, *Declared.columns[::2], Declared.columns[3])
    )
    return [ReportRow("ours", "model", tuple(scores), ())]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (29, ["SSIM at 29 (< 30)", "Acc top-1 at 29 (< 100)", "FID at 29 (< 2000)", "KID at 29 (< 200)"]),
        (30, ["Acc top-1 at 30 (< 100)", "FID at 30 (< 2000)", "KID at 30 (< 200)"]),
        (100, ["FID at 100 (< 2000)", "KID at 100 (< 200)"]),
        (500, ["FID at 500 (< 2000)"]),
        (2000, []),
    ],
)
def test_few_samples_are_noted_for_each_statistic(count: int, expected: list[str]) -> None:
    lines = list(notes.few_samples(rows(count), METRICS))  # type: ignore[arg-type]
    assert [line.removeprefix("Few samples: ").partition(":")[0] for line in lines] == expected


def test_rows_of_different_counts_are_noted_in_one_line() -> None:
    short, long = rows(20)[0], rows(25)[0]
    other = ReportRow(
        "base", "model", (*long.scores[:1], Score("PSNR", 9, None, None, 25, "higher", "picture")), ()
    )
    line = next(iter(notes.few_samples([short, other], METRICS)))  # type: ignore[arg-type]
    assert "Few samples: SSIM, PSNR at 20 to 25 (< 30)" in line


def test_a_metric_without_a_score_in_the_report_says_that_it_has_none_and_to_what_it_applies() -> None:
    made = notes.metric_notes((Declared(), PixelScores()), rows(2000)[:1])  # type: ignore[arg-type]
    assert "How it is done." in made
    assert PixelScores.note in made  # for SSIM
    [absent] = [note for note in notes.metric_notes((PixelScores(),), ()) if PixelScores.note in note]
    assert absent.startswith("No SSIM, PSNR: no edit here has a value. ")
