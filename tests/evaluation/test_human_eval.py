"""Answers are counted once, kappa agrees with Fleiss' own example, and files that do not fit are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from actionpairs.errors import ScoreError
from actionpairs.evaluation import human_eval
from actionpairs.report import rater_page
from tests.report.test_files import example, pictures

FLEISS_1971 = [  # 10 subjects × 5 categories, 14 raters
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
REPORT = human_eval.report_id(example())


def answers(path: Path, *, rater: str = "Ann", keys: tuple[str, ...] = ("s0", "s1"), **changes: object) -> str:
    items = [human_eval.item_id(REPORT, key, "ours") for key in keys]
    answered = [
        {"item": item, "action": True, "environment": number == 0, "objects": False}
        for number, item in enumerate(items)
    ]
    path.write_text(json.dumps({"report": REPORT, "rater": rater, "answers": answered, **changes}))
    return str(path)


def test_kappa_of_fleiss_own_example_is_his() -> None:
    assert human_eval.fleiss_kappa(np.array(FLEISS_1971)) == pytest.approx(0.210, abs=5e-4)


def test_kappa_is_one_where_all_agree_and_nan_where_there_is_one_category() -> None:
    assert human_eval.fleiss_kappa(np.array([[3, 0], [0, 3]])) == 1
    assert np.isnan(human_eval.fleiss_kappa(np.array([[3, 0], [3, 0]])))


def test_shares_are_over_items_and_kappa_over_those_that_all_answered(tmp_path: Path) -> None:
    files = [answers(tmp_path / "a.json"), answers(tmp_path / "b.json", rater="Bo", keys=("s0", "s1", "s2"))]
    ratings = {(o.row, o.question): o for o in human_eval.with_answers(example(), files).human_ratings}
    assert set(ratings) == {("ours", question) for question in human_eval.QUESTIONS}
    kept = ratings["ours", "environment"]
    assert (kept.items, kept.answers, kept.value) == (3, 5, pytest.approx(100 / 3))
    assert kept.kappa == 1
    assert ratings["ours", "action"].kappa is None


def test_answers_do_not_change_the_id_of_the_report(tmp_path: Path) -> None:
    once = human_eval.with_answers(example(), [answers(tmp_path / "a.json")])
    assert human_eval.report_id(once) == REPORT
    assert human_eval.with_answers(once, [answers(tmp_path / "a.json")]) == once


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"report": "another"}, "answers to report another"),
        ({"answers": [{"item": "x", "action": "yes", "environment": True, "objects": True}]}, "answers.0.action"),
        ({"rater": ""}, "rater"),
        ({"keys": ("s0", "s0")}, "1 edits are answered twice"),
        ({"keys": ("s9",)}, "1 are none of this"),
    ],
)
def test_answers_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(ScoreError, match=words):
        human_eval.with_answers(example(), [answers(tmp_path / "a.json", **changes)])  # type: ignore[arg-type]


def test_a_rater_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"answered twice \(Ann\)"):
        human_eval.with_answers(example(), [answers(tmp_path / "a.json"), answers(tmp_path / "b.json")])


def test_the_page_is_blind_and_shuffled() -> None:
    page = rater_page.render(example(), pictures())
    assert "ours" not in page.partition("const PICTURES")[2]
    places = [
        page.index(human_eval.item_id(REPORT, key, row.name)) for key in ("s0", "s1") for row in example().rows
    ]
    assert places != sorted(places)
    assert "<script>alert" not in page
