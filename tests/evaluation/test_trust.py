"""A score is trusted as far as it follows raters: ρ is SciPy's, and so is what a report advises to read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from actionpairs.evaluation import human_eval, trust
from actionpairs.evaluation.records import EditScores, Report, ReportRow, ReportSample, Score, ScoreTrust
from actionpairs.report import files, report_page, schema, tables
from actionpairs.storage import Folder

ROWS, SAMPLES = 6, 12


def made_report() -> Report:
    """Scores that follow what raters will say: `good` with little noise, `poor` with much, `bad` upside down."""
    draw = np.random.default_rng(0)
    skill = np.linspace(0, 1, ROWS)[:, None]
    noise = draw.normal(size=(3, ROWS, SAMPLES))
    values = {"good": skill + 0.1 * noise[0], "poor": skill + 2 * noise[1], "bad": -skill + 0.1 * noise[2]}

    def row(number: int) -> ReportRow:
        edits = tuple(
            EditScores(f"s{i:02d}", {name: float(of[number, i]) for name, of in values.items()}, {})
            for i in range(SAMPLES)
        )
        scores = [
            Score(
                name,
                float(of[number].mean()),
                None,
                None,
                SAMPLES,
                "lower" if name == "bad" else "higher",
                "action",
            )
            for name, of in values.items()
        ]
        scores.append(Score("FID", 50.0 - number, None, None, SAMPLES, "lower", "picture", "", "distance"))
        return ReportRow(f"m{number}", "model", tuple(scores), edits)

    samples = tuple(ReportSample(f"s{i:02d}", "open it", "open door") for i in range(SAMPLES))
    return Report("LC", "LCtest500", samples, tuple(map(row, range(ROWS))), (), (), (), "abc")


def rated(folder: Path, report: Report, *, keep: float = 1.0) -> Report:
    """One rater who says that the better half of the rows does the action."""
    own = human_eval.report_id(report)
    answers = [
        {
            "item": human_eval.item_id(own, sample.key, row.name),
            "action": number >= ROWS // 2,
            "environment": number % 2 == 0,
            "objects": number % 2 == 0,
        }
        for number, row in enumerate(report.rows)
        for sample in report.samples[: round(keep * SAMPLES)]
    ]
    path = folder / "answers.json"
    path.write_text(json.dumps({"report": own, "rater": "Ann", "answers": answers}))
    return human_eval.with_answers(report, [str(path)])


def test_rho_is_scipys_with_ties_and_nan_without_spread() -> None:
    draw = np.random.default_rng(1)
    values, truth = draw.normal(size=40), draw.integers(0, 3, 40).astype(float)
    assert trust.spearman(values, truth) == pytest.approx(spearmanr(values, truth).statistic, abs=1e-12)
    assert np.isnan(trust.spearman(values, np.ones(40)))


def test_rho_over_edits_leaves_out_gaps_and_its_interval_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(2)
    inside = 0
    for _ in range(40):
        truth = draw.normal(size=(2, 60))
        values = truth + draw.normal(size=(2, 60))  # ρ of a normal pair with r = 0.7071 is 0.690
        values[0, :5] = np.nan
        made = trust.over_edits(values, truth)
        assert made is not None
        assert made.low is not None
        assert made.high is not None
        assert made.count == 115
        kept = ~np.isnan(values)
        assert made.value == pytest.approx(spearmanr(values[kept], truth[kept]).statistic)
        inside += made.low <= 0.690 <= made.high
    assert inside >= 33  # of 40; 95 % are 38


def test_samples_and_not_edits_are_drawn() -> None:
    """Rows that all made the same edits tell no more than one of them."""
    draw = np.random.default_rng(3)
    truth = draw.normal(size=(1, 30))
    values = truth + draw.normal(size=(1, 30))
    one, five = (trust.over_edits(*(np.repeat(each, n, axis=0) for each in (values, truth))) for n in (1, 5))
    assert one is not None
    assert five is not None
    assert (five.low, five.high) == pytest.approx((one.low, one.high))


def test_rho_over_rows_is_that_of_their_means_and_takes_five_rows() -> None:
    truth = np.arange(6.0)[:, None] + np.zeros((6, 8))
    values = truth + np.random.default_rng(4).normal(scale=0.1, size=truth.shape)
    made = trust.over_rows(values, truth)
    assert made is not None
    assert (made.value, made.low, made.high, made.count) == (1, 1, 1, 6)
    whole = trust.over_rows(-np.arange(6.0), truth)
    assert whole is not None
    assert whole.value == -1
    assert trust.over_rows(values[:4], truth[:4]) is None


def test_a_report_with_answers_names_the_score_that_follows_them_best(tmp_path: Path) -> None:
    report = rated(tmp_path, made_report())
    rho = {(each.score, each.about): each.edits_rho for each in report.trust}
    assert rho["good", "action"] == pytest.approx(rho["bad", "action"], abs=0.05)  # the sign is turned
    assert rho["good", "action"] > 0.8 > abs(rho["poor", "action"])  # type: ignore[operator,arg-type]
    assert abs(rho["good", "rest"]) < 0.5  # type: ignore[arg-type]
    [fid] = [each for each in report.trust if (each.score, each.about) == ("FID", "action")]
    assert fid.edits_rho is None
    assert fid.rows_rho == pytest.approx(0.878, abs=1e-3)  # 0 … 5 against three 0 and three 1
    assert report.first_to_read.startswith(("Read good first", "Read bad first"))
    assert "1 rater says of the action (ρ = 0.8" in report.first_to_read


def test_where_no_score_follows_the_raters_the_report_says_so(tmp_path: Path) -> None:
    report = made_report()
    noise = np.random.default_rng(5).normal(size=(ROWS, SAMPLES))
    rows = tuple(
        replace(
            row,
            scores=row.scores[:1],
            edits=tuple(EditScores(e.key, {"good": float(noise[r, i])}, {}) for i, e in enumerate(row.edits)),
        )
        for r, row in enumerate(report.rows)
    )
    made = rated(tmp_path, replace(report, rows=rows))
    assert made.first_to_read.startswith("No score follows what 1 rater says of the action (good: ρ = ")


def test_few_samples_have_no_interval_however_many_rows_edited_them(tmp_path: Path) -> None:
    """A bootstrap of one sample draws the same one each time."""
    values = np.arange(12.0)[:, None] + np.zeros((12, 4))
    for made in (trust.over_edits(values, values), trust.over_rows(values, values)):
        assert made is not None
        assert (made.value, made.low, made.high) == (1, None, None)
    few = rated(tmp_path, made_report(), keep=2 / SAMPLES)
    assert few.trust
    assert "What 1 rater says of the action is too little, or too much alike" in few.first_to_read
    assert rated(tmp_path, made_report(), keep=1 / SAMPLES).first_to_read == few.first_to_read  # 6 edits: no ρ
    assert "Nobody" not in few.first_to_read


def test_answers_that_decide_nothing_leave_a_calibrated_judge_first(tmp_path: Path) -> None:
    report = replace(made_report(), calibrated=("good",))
    made = rated(tmp_path, report, keep=2 / SAMPLES)
    assert made.first_to_read.startswith("Read good first: about pairs with a known")
    assert human_eval.report_id(report) != human_eval.report_id(made_report())


def test_the_best_of_many_scores_must_follow_more_clearly_than_one_alone() -> None:
    one = ScoreTrust("lucky", "action", 0.3, 0.03, 0.5, 90, None, None, None, 0)
    others = [replace(one, score=f"s{n}", edits_rho=0.0, edits_low=-0.3) for n in range(11)]
    report = replace(made_report(), raters=1)
    assert trust.first_to_read(replace(report, trust=(one,))).startswith("Read lucky first")
    of_many = trust.first_to_read(replace(report, trust=(one, *others)))
    assert of_many.startswith("No score follows what 1 rater says of the action (lucky: ")
    assert "the best of 12" in of_many


def test_without_raters_a_calibrated_judge_comes_first_then_motion_and_the_report_says_that_it_is_not_proved() -> (
    None
):
    report = made_report()
    assert trust.first_to_read(replace(report, calibrated=("good",))).startswith(
        "Read good first: about pairs with a known"
    )
    assert "Nobody has rated" in trust.first_to_read(report)
    row = report.rows[0]
    moving = replace(row, scores=(replace(row.scores[0], name="motion alignment"),))
    assert trust.first_to_read(replace(report, rows=(moving,))).startswith("Read motion alignment first")
    assert trust.first_to_read(replace(report, rows=())) == ""


def test_answers_of_before_still_fit_and_every_file_has_the_sentence_and_the_table(tmp_path: Path) -> None:
    plain = made_report()
    report = rated(tmp_path, plain)
    assert human_eval.report_id(report) == human_eval.report_id(plain)
    files.write(Folder(tmp_path), report, [])
    assert files.load(Folder(tmp_path)) == report
    schema.REPORT.validate_json((tmp_path / "report.json").read_bytes(), strict=True)
    markdown = (tmp_path / "report.md").read_text()
    assert report.first_to_read in markdown.splitlines()
    assert "| good | the action | 0.8" in markdown
    assert "How far each score follows the raters" in report_page.render(report, [])
    assert len(next(body for heading, _, body in tables.comparisons(report) if "follows" in heading)) == 8
