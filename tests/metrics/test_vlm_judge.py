"""The judge keeps the contract of a metric, asks both ways round, and has gaps with reasons instead of zeros."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from actionpairs.errors import LanguageModelError
from actionpairs.language_models import Failure, Gap, Question
from actionpairs.metrics import available, judge_rubrics
from actionpairs.metrics.judge_records import to_table
from actionpairs.metrics.metric import BatchScores, EditBatch, Metric, MetricInputs, SetMetric
from actionpairs.metrics.vlm_judge import VlmJudge
from tests.metrics.conftest import EditOf, copy, noise, truth
from tests.metrics.judges import NO, YES, Model, edits, judging, listed, oracle_of, pictures_of, text_of

DOCS = Path(__file__).parents[2] / "docs/judge.md"
ACTION, SURROUNDINGS, OBJECTS = (
    "action done (judge)",
    "surroundings kept (judge)",
    "objects keep their looks (judge)",
)
DISAGREEMENT, ANSWERED = "order disagreement (paper)", "answered by the judge (paper)"
Batches = Callable[..., list[EditBatch]]


@pytest.fixture
def metric(batches: Batches, tmp_path: Path) -> Iterator[VlmJudge]:
    """A judge that knows all answers."""
    with judging(tmp_path, oracle_of(batches(truth))) as made:
        yield made


def scores(metric: VlmJudge, batches: Batches, edit_of: EditOf, size: int = 8) -> BatchScores:
    parts = [metric.score(batch) for batch in batches(edit_of, size)]
    return BatchScores(
        {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
        {name: sum((part.texts[name] for part in parts), ()) for name in parts[0].texts},
    )


# The contract of every metric.


def test_it_is_a_metric_of_edits_and_is_loaded_where_there_is_one(metric: VlmJudge) -> None:
    assert isinstance(metric, Metric)
    assert not isinstance(metric, SetMetric)
    assert metric in available.load_all(MetricInputs({}, vlm_judge=metric))
    assert not any(isinstance(each, VlmJudge) for each in available.load_all(MetricInputs({})))


def test_the_columns_that_are_declared_come_back(metric: VlmJudge, batches: Batches) -> None:
    [batch] = batches(noise)
    result = metric.score(batch)
    assert list(result.values) == [column.name for column in metric.columns]
    assert set(result.texts) == {column.name for column in metric.columns if column.text}
    assert not result.gaps
    assert all((values.shape, values.dtype) == ((8,), np.float64) for values in result.values.values())
    assert all(len(texts) == 8 for texts in result.texts.values())
    assert metric.note.endswith(".")
    assert re.search(r"arXiv \d{4}\.\d{5}", metric.citation)


def test_every_column_of_every_rubric_has_a_row_in_the_docs(tmp_path: Path) -> None:
    table = "\n".join(line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("|"))
    with judging(tmp_path, lambda _: YES, *judge_rubrics.builtin_names()) as made:
        names = [column.name for column in made.columns]
    assert len(set(names)) == len(names)
    patterns = {re.sub(r"(disagreement|judge) \(\w+\)", r"\1 (RUBRIC)", name) for name in names}
    assert [name for name in sorted(patterns) if name not in table] == []


def test_the_truth_is_right_the_copy_does_nothing_and_noise_keeps_nothing(
    metric: VlmJudge, batches: Batches
) -> None:
    real, still, wild = (scores(metric, batches, each).values for each in (truth, copy, noise))
    assert set(real[ACTION]) == {100.0}
    assert set(real[SURROUNDINGS]) == {100.0}
    assert set(still[ACTION]) == {0.0}
    assert set(still[SURROUNDINGS]) == {100.0}
    assert set(wild[ACTION]) == set(wild[SURROUNDINGS]) == {0.0}
    assert set(real[DISAGREEMENT]) == {0.0}
    assert set(real[ANSWERED]) == {100.0}


def test_batches_of_any_size_score_the_same(metric: VlmJudge, batches: Batches) -> None:
    whole, parts = scores(metric, batches, truth), scores(metric, batches, truth, 3)
    for name, values in whole.values.items():
        assert values.tolist() == parts.values[name].tolist()
    assert whole.texts == parts.texts


def test_the_digest_names_model_settings_and_rubrics(tmp_path: Path) -> None:
    variants = ({}, {"seed": 1}, {"temperature": 0.5}, {"pictures": "jpeg"}, {"asks": 1})
    digests = []
    for options in variants:
        with judging(tmp_path, lambda _: YES, **options) as made:
            digests.append(made.digest)
    with judging(tmp_path, lambda _: YES, "gedit") as other, judging(tmp_path / "b", lambda _: YES) as again:
        digests.append(other.digest)
        assert again.digest == digests[0]
    assert len(set(digests)) == len(digests)


# Both ways round.


def test_every_question_of_two_pictures_is_asked_both_ways_and_of_one_picture_once(tmp_path: Path) -> None:
    model = Model(lambda question: listed(5, 5))
    [edit] = edits()
    with judging(tmp_path, model, "gedit") as made:
        [rubric] = made.rubrics
        made.ask([edit], rubric, rubric.calls)
    assert len(model.questions) == 3
    pairs = [pictures_of(question) for question in model.questions if len(question.parts) == 3]
    for (one, other), text in zip(pairs, map(text_of, model.questions), strict=False):
        is_first = np.array_equal(one, edit.original)
        assert np.array_equal(one if is_first else other, edit.original)
        assert np.array_equal(other if is_first else one, edit.edit)
        assert f"The {'first' if is_first else 'second'} being the original" in text
    assert len({np.array_equal(one, edit.original) for one, _ in pairs}) == 2
    [alone] = [pictures_of(question) for question in model.questions if len(question.parts) == 2]
    assert np.array_equal(alone[0], edit.edit)


def score_of(metric: VlmJudge, count: int = 1) -> BatchScores:
    some = edits(count)
    pictures = (np.stack([getattr(edit, name) for edit in some]) for name in ("original", "edit", "truth"))
    keys, texts = tuple(edit.key for edit in some), tuple(edit.instruction for edit in some)
    return metric.score(EditBatch(keys, texts, texts, *pictures, row="theirs"))


def test_a_judge_that_goes_by_the_place_of_a_picture_disagrees_with_itself(tmp_path: Path) -> None:
    with judging(tmp_path, lambda q: YES if "The first picture is the input" in text_of(q) else NO) as made:
        values = score_of(made).values
    assert values[DISAGREEMENT].tolist() == [100]
    assert values[ACTION].tolist() == [50]


def test_disagreement_is_a_share_of_the_scale_and_the_benchmarks_value_is_that_of_its_own_order(
    tmp_path: Path,
) -> None:
    def answer(question: Question) -> str:
        return listed(9, 6) if "The second being the original" in text_of(question) else listed(4, 8)

    with judging(tmp_path, answer, "gedit") as made:
        values = score_of(made).values
    assert values["order disagreement (gedit)"].tolist() == [(50 + 20) / 2]
    assert values["SC (GEdit)"].tolist() == [4]
    assert values["overall (GEdit)"].tolist() == [4]


# Gaps.


def test_a_question_without_an_answer_is_a_gap_with_its_reason_and_never_0(tmp_path: Path) -> None:
    def answer(question: Question) -> str | Gap:
        is_asked = "surroundings kept" in text_of(question) and "drawer 1" in text_of(question)
        return Gap(Failure.TIMED_OUT, "no whole reply in 20 s", 6) if is_asked else YES

    with judging(tmp_path, answer) as made:
        result = score_of(made, 3)
    assert np.isnan(result.values[SURROUNDINGS]).tolist() == [False, True, False]
    assert result.gaps[SURROUNDINGS] == ("", "timed out: no whole reply in 20 s", "")
    assert result.values[ACTION].tolist() == [100, 100, 100]
    assert ACTION not in result.gaps
    assert result.values[ANSWERED].tolist() == [100, pytest.approx(100 * 4 / 6), 100]
    assert np.isnan(result.values[DISAGREEMENT]).tolist() == [False, True, False]


def test_an_answer_of_the_wrong_form_is_asked_again_with_another_seed_and_a_timeout_is_not(tmp_path: Path) -> None:
    model = Model(lambda question: '{"verdict": "yes"}' if question.seed < 2 else YES)
    with judging(tmp_path, model) as made:
        assert score_of(made).values[ACTION].tolist() == [100]
    assert [sum(question.seed == seed for question in model.questions) for seed in range(3)] == [6, 6, 6]
    model = Model(lambda question: Gap(Failure.SERVER_ERROR, "HTTP 500", 6))
    with judging(tmp_path / "b", model) as made:
        assert np.isnan(score_of(made).values[ACTION]).all()
    assert len(model.questions) == 6


def test_what_is_never_answered_rightly_is_a_gap_after_all_asks(tmp_path: Path) -> None:
    model = Model(lambda question: listed(11, 12))
    with judging(tmp_path, model, "gedit") as made:
        result = score_of(made)
    assert np.isnan(result.values["SC (GEdit)"]).all()
    assert "success is 11, not of 0 to 10" in result.gaps["SC (GEdit)"][0]
    assert len(model.questions) == 3 * 3


def test_a_model_that_never_answers_is_not_asked_for_ever(tmp_path: Path) -> None:
    model = Model(lambda question: "I cannot say.")
    with judging(tmp_path, model) as made, pytest.raises(LanguageModelError, match="50 questions in a row"):
        score_of(made, 500)
    assert len(model.questions) < 400


# What is kept.


def test_a_second_run_asks_nothing_and_takes_the_same_answers_whatever_seed_they_had(tmp_path: Path) -> None:
    with judging(tmp_path, lambda question: "?" if question.seed < 1 else NO) as made:
        first = score_of(made)
    model = Model(lambda question: YES)
    with judging(tmp_path, model) as made:
        again = score_of(made)
    assert not model.questions
    assert again.values[ACTION].tolist() == first.values[ACTION].tolist() == [0]


def test_every_question_and_answer_is_recorded_with_model_seed_pictures_and_scores(tmp_path: Path) -> None:
    def answer(question: Question) -> str | Gap:
        if "surroundings kept" in text_of(question):
            return Gap(Failure.RATE_LIMITED, "HTTP 429 Slow down", 6)
        return '{"answer": "perhaps"}' if question.seed == 0 else YES

    with judging(tmp_path, answer) as made:
        score_of(made)
        lines = to_table(made.asking.records).to_pylist()
    assert len(lines) == 2 * 2 + 2 + 2 * 2  # action and objects twice, each in two orders
    counted = [line for line in lines if line["counts"]]
    assert [(line["seed"], line["scores"], line["model"]) for line in counted] == [
        (1, '{"answer": 1.0}', "tester-2026-01-01")
    ] * 4
    assert {line["asked"] for line in lines} == {"org/tester"}
    assert {line["order"] for line in lines} == {"original, edit", "edit, original"}
    assert all(len(line["pictures"]) == 2 and "open the drawer 0" in line["prompt"] for line in lines)
    [gap, _] = [line for line in lines if line["call"] == "surroundings"]
    assert (gap["failure"], gap["detail"], gap["answer"]) == ("rate limited", "HTTP 429 Slow down", None)
    wrong = [line for line in lines if line["failure"] == "answer against the rules"]
    assert len(wrong) == 4
    assert all("perhaps" in line["detail"] for line in wrong)


def test_a_model_that_changes_under_its_name_is_told(tmp_path: Path) -> None:
    # Step1X-Edit issue 74: GPT-4.1 of April and of June gave the same pictures other scores.
    with judging(tmp_path, lambda question: YES) as made:
        score_of(made)
        assert "tester-2026-01-01 (6 answers). Rubrics" in made.note
        record = made.asking.records[0]
        newer = type(record.reply)("", "tester-2026-06-01", 1)  # type: ignore[call-arg]
        made.asking.records.append(type(record)(record.place, 0, "", (), "", newer, (), None))
        assert "different versions: do not compare" in made.note


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8")])
def test_pictures_are_sent_as_the_recipe_says(tmp_path: Path, kind: str, start: bytes) -> None:
    model = Model(lambda question: YES)
    with judging(tmp_path, model, pictures=kind) as made:
        score_of(made)
    for question in model.questions:
        assert all(part.data.startswith(start) for part in question.parts if not isinstance(part, str))
        assert all(part.kind == kind for part in question.parts if not isinstance(part, str))
