"""Many reports as one table: a row for each model, a group of columns for each split, and tests between rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from actionpairs.errors import ScoreError
from actionpairs.evaluation import comparability, comparisons, notes, row_identity, significance
from actionpairs.evaluation.comparability import ScoredReport
from actionpairs.evaluation.records import EditScores, Kind, Report, ReportRow, Score
from actionpairs.evaluation.row_identity import LeaderboardRow, Place
from actionpairs.evaluation.significance import MCNEMAR, PAIRED_T, PairedTest
from actionpairs.metrics.intervals import SHARE

_TOLERANCE = 1e-3  # relative, of one number that was measured twice: other machines round otherwise


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Reports side by side. splits: a report for each, with the rows that stand in it, in the order of `rows`.

    tests: every two models, and each model and the copy, score by score, on the same samples of one split.
    """

    rows: tuple[LeaderboardRow, ...]
    splits: tuple[Report, ...]
    tests: tuple[PairedTest, ...]
    notes: tuple[str, ...]


def build(reports: Sequence[ScoredReport]) -> Leaderboard:
    """Put reports side by side; raises ScoreError where they do not compare (`comparability.check`).

    Which rows are one says `row_identity.identify`. A row that stands in several reports of one split must have
    the same scores in them.
    """
    comparability.check(reports)
    row_of = row_identity.identify(reports)
    groups = [
        [each for each in reports if each.benchmark == benchmark]
        for benchmark in dict.fromkeys(each.benchmark for each in reports)
    ]
    merged = [_merge(group, row_of) for group in groups]
    order = _order(list(dict.fromkeys(row_of.values())), merged)
    place = {row.name: number for number, row in enumerate(order)}
    splits = tuple(_sorted(split, place) for split in merged)
    tests = _tests(splits)
    return Leaderboard(tuple(order), splits, tests, _notes(order, tests))


def best(split: Report, score: str) -> str | None:
    """The model with the best value of a score; None where no model has it."""
    values = _values(split, score, "model")
    return max(values, key=lambda name: values[name]) if values else None


def is_beaten_by_copy(split: Report, score: str) -> bool:
    """Whether the copy of the input scores better than every model."""
    models, copies = (_values(split, score, kind).values() for kind in ("model", "copy"))
    return bool(models and copies) and max(copies) > max(models)


def as_good_as_best(board: Leaderboard, split: Report, score: str) -> set[str]:
    """The models, without the best, that no test of this score tells apart from the best."""
    leader, models = best(split, score), _values(split, score, "model").keys()
    tied = set[str]()
    for test in board.tests:
        pair = {test.difference.row, test.difference.other}
        is_same = (test.dataset, test.split, test.difference.score) == (split.dataset, split.split, score)
        if is_same and leader in pair and test.corrected_p is not None and not test.tells_apart:
            tied |= (pair & models) - {leader}
    return tied


def _values(split: Report, score: str, kind: Kind) -> dict[str, float]:
    """Row → its value of a score, larger where it is better."""
    return {
        row.name: _larger_is_better(one)
        for row in split.rows
        if row.kind == kind
        for one in row.scores
        if one.name == score
    }


_TWICE = (
    "Edits that are made twice may differ, as on two kinds of GPU. Score one set of them in both reports, with "
    "--predictions NAME=REPORT/predictions/NAME, or leave the row out of one report."
)


def _merge(group: Sequence[ScoredReport], row_of: Mapping[Place, LeaderboardRow]) -> Report:
    """The reports of one split as one, whose rows have the leaderboard's names."""
    same: dict[LeaderboardRow, list[tuple[str, ReportRow]]] = {}
    for one in group:
        for row in one.report.rows:
            same.setdefault(row_of[one.source, row.name], []).append((one.source, row))
    rows = tuple(_merge_row(name.name, stands) for name, stands in same.items())
    first = group[0].report
    return Report(
        dataset=first.dataset,
        split=first.split,
        samples=first.samples,
        rows=rows,
        differences=(),
        parts=(),
        notes=tuple(_split_notes(group, row_of)),
        recipe_digest=first.recipe_digest,
        pictures=first.pictures,
    )


def _sorted(split: Report, place: Mapping[str, int]) -> Report:
    """With its rows in order, and the differences of each to those below it."""
    rows = tuple(sorted(split.rows, key=lambda row: place[row.name]))
    return replace(split, rows=rows, differences=comparisons.differences(rows))


def _merge_row(name: str, stands: Sequence[tuple[str, ReportRow]]) -> ReportRow:
    """A row that stands in these reports, with all of its scores. Raises ScoreError where two do not agree."""
    scores: dict[str, tuple[str, Score]] = {}
    edits: dict[str, EditScores] = {}
    for source, row in stands:
        for score in row.scores:
            earlier, first = scores.setdefault(score.name, (source, score))
            if not _agree(first, score):
                raise ScoreError(
                    f"{name}: {score.name} is {first.value:g} ({first.count} samples) in {earlier} and "
                    f"{score.value:g} ({score.count} samples) in {source}, with the same digests.",
                    cure=_TWICE,
                )
        for edit in row.edits:
            before = edits.get(edit.key, edit)
            edits[edit.key] = EditScores(
                edit.key, {**edit.values, **before.values}, {**edit.texts, **before.texts}
            )
    kinds = stands[0][1].kind
    return ReportRow(
        name, kinds, tuple(score for _, score in scores.values()), tuple(edits[key] for key in sorted(edits))
    )


def _agree(one: Score, other: Score) -> bool:
    """Whether two numbers are one number, measured twice."""
    alike = replace(other, value=one.value, low=one.low, high=one.high) == one
    return alike and math.isclose(one.value, other.value, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE / 10)


def _split_notes(group: Sequence[ScoredReport], row_of: Mapping[Place, LeaderboardRow]) -> Iterator[str]:
    """Every note of these reports once; one that is not of all of them with the models that it is of."""
    sources: dict[str, list[ScoredReport]] = {}
    for one in group:
        for note in one.report.notes:
            if note != notes.DIFFERENCES:
                sources.setdefault(note, []).append(one)
    for note, those in sources.items():
        names = dict.fromkeys(
            row_of[one.source, row.name].name for one in those for row in one.report.rows if row.kind == "model"
        )
        yield note if len(those) == len(group) else f"{note} (In the report of {', '.join(names)}.)"


def _order(rows: Sequence[LeaderboardRow], splits: Sequence[Report]) -> list[LeaderboardRow]:
    """Models by the first score of the first split in which they stand, then the copy, then the truth."""
    scores_of = [{row.name: {one.name: one for one in row.scores} for row in split.rows} for split in splits]
    leading = [_first_score(split) for split in splits]

    def rank(row: LeaderboardRow) -> tuple[tuple[int, float], ...]:
        of_splits = (scores.get(row.name, {}).get(name) for scores, name in zip(scores_of, leading, strict=True))
        return tuple((1, 0.0) if score is None else (0, -_larger_is_better(score)) for score in of_splits)

    return sorted(rows, key=lambda row: (("model", "copy", "truth").index(row.kind), rank(row), row.name))


def _first_score(split: Report) -> str:
    """The name of the first score in the table that a model has; empty if there is none."""
    scores = [score for row in split.rows if row.kind == "model" for score in row.scores]
    return next((score.name for score in sorted(scores, key=lambda one: one.about != "action")), "")


def _larger_is_better(score: Score) -> float:
    return score.value if score.better == "higher" else -score.value


def _tests(splits: Sequence[Report]) -> tuple[PairedTest, ...]:
    """All differences, with p corrected for all of them together."""
    statistics = {score.name: score.statistic for split in splits for row in split.rows for score in row.scores}
    made = [
        PairedTest(
            split.dataset,
            split.split,
            difference,
            MCNEMAR if statistics[difference.score] == SHARE.name else PAIRED_T,
            significance.p_value(difference),
        )
        for split in splits
        for difference in split.differences
    ]
    corrected = iter(significance.holm([test.p for test in made if test.p is not None]))
    return tuple(test if test.p is None else replace(test, corrected_p=next(corrected)) for test in made)


def _notes(rows: Sequence[LeaderboardRow], tests: Sequence[PairedTest]) -> tuple[str, ...]:
    count = sum(test.p is not None for test in tests)
    lines = [
        "Tests: Student's paired t on the same samples, McNemar's exact test for hits. "
        f"All {count} p are corrected together (Holm 1979): the chance that even one pair of equals is told apart "
        f"is at most {100 * significance.LEVEL:g} %. Distances between sets have no test, for one edit has none.",
        "All numbers side by side were made by one version, with the same sampling, samples and weights of "
        "metrics: reports for which that is not so are refused.",
    ]
    folders = [row.name for row in rows if row.is_folder]
    if folders:
        lines.append(
            f"Edits from folders: {', '.join(folders)}. Only"
            " the name says that one model made those of all splits."
        )
    renamed = [f"{row.name} (also {', '.join(row.other_names)})" for row in rows if row.other_names]
    if renamed:
        lines.append(f"The same weights under several names are one row: {'; '.join(renamed)}.")
    return tuple(lines)
