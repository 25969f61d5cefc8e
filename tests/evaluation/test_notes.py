"""A report warns where a score stands on too few samples, each kind at its own count."""

from __future__ import annotations

import pytest

from actionpairs.evaluation import notes
from actionpairs.evaluation.records import ReportRow, Score
from actionpairs.evaluation.scorers import Scorers
from actionpairs.metrics import formulas


class Network:
    """A feature network that is never asked."""

    name, digest, similarity, direction = "a network", "abc", None, None

    def __init__(self) -> None:
        self.distances = {"FID": formulas.frechet, "KID": formulas.kernel_distance}


PANEL = Scorers(None, (Network(),), None, (), "cpu")  # type: ignore[arg-type]


def rows(count: int) -> list[ReportRow]:
    scores = [
        Score("Acc top-1", 50.0, None, None, count, "higher", "action", "%"),
        Score("SSIM", 0.5, None, None, count, "higher", "picture", ""),
        Score("FID", 50.0, None, None, count, "lower", "picture", ""),
        Score("KID", 5.0, None, None, count, "lower", "picture", ""),
    ]
    return [ReportRow("ours", "model", tuple(scores), ())]


@pytest.mark.parametrize(
    ("count", "warned"),
    [
        (29, ["SSIM at 29 (< 30)", "Acc top-1 at 29 (< 100)", "FID at 29 (< 2000)", "KID at 29 (< 200)"]),
        (30, ["Acc top-1 at 30 (< 100)", "FID at 30 (< 2000)", "KID at 30 (< 200)"]),
        (100, ["FID at 100 (< 2000)", "KID at 100 (< 200)"]),
        (500, ["FID at 500 (< 2000)"]),
        (2000, []),
    ],
)
def test_few_samples_are_said_for_each_kind_of_score(count: int, warned: list[str]) -> None:
    found = list(notes.few(rows(count), PANEL))
    assert [line.removeprefix("Few samples: ").partition(":")[0] for line in found] == warned


def test_rows_of_different_counts_are_said_in_one_line() -> None:
    short, long = rows(20)[0], rows(25)[0]
    other = ReportRow(
        "base", "model", (*long.scores[:1], Score("PSNR", 9, None, None, 25, "higher", "picture")), ()
    )
    assert "Few samples: SSIM, PSNR at 20 to 25 (< 30)" in next(iter(notes.few([short, other], PANEL)))
