"""Whether a judge can be believed: it is asked about pairs of the split whose answer is known before.

The real last frame does the action. A copy of the input, the last frame of a pair of another action, and the
action reversed (last frame → first) do not. Where the camera stands still, the real last frame keeps the
surroundings, and the same picture with the background moved does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from actionpairs.curation import splits
from actionpairs.data import examples
from actionpairs.data.examples import Example, Shape
from actionpairs.evaluation.gaps import ColumnGaps
from actionpairs.language_models import Gap
from actionpairs.metrics import background, intervals
from actionpairs.metrics.drift import can_tell
from actionpairs.metrics.intervals import Estimate
from actionpairs.metrics.judge_rubrics import Rubric, RubricColumn
from actionpairs.metrics.side import side_of
from actionpairs.metrics.vlm_judge import JudgedEdit, VlmJudge, numbers, value_of
from actionpairs.progress import Progress

Aspect = Literal["action", "surroundings"]
REAL: Mapping[Aspect, str] = {
    "action": "the real last frame",
    "surroundings": "the real last frame, the camera still",
}
# Kind of known pair → what is asked about it, and whether yes is right.
EXPECTED: Mapping[str, Mapping[Aspect, bool]] = {
    REAL["action"]: {"action": True},
    "a copy of the input": {"action": False},
    "another action's last frame": {"action": False},
    "the action reversed": {"action": False},
    REAL["surroundings"]: {"surroundings": True},
    "the background shifted": {"surroundings": False},
}
ROW = "known pairs: "  # before a kind, in the table of questions
SHIFT = 1 / 8  # of the side of a square of the picture's area
_LARGEST_P = 0.05


@dataclass(frozen=True, slots=True)
class KnownSample:
    """A sample that known pairs are made of.

    action: another sample of the same one has no wrong answer for this. before, after: the first and the last
    frame at a shape, or at the sample's own: H W 3 uint8. after: None where the sample has no last frame.
    """

    key: str
    instruction: str
    action: str
    before: Callable[[], np.ndarray]
    after: Callable[[Shape | None], np.ndarray] | None


def of_split(samples: Sequence[Example], shape_of: Mapping[str, Shape]) -> Iterator[KnownSample]:
    """The samples of a split of shards."""
    for sample in samples:
        own = shape_of[sample.name]
        yield KnownSample(
            sample.name,
            sample.entry.instruction,
            sample.entry.action,
            lambda sample=sample, own=own: examples.load_pair(sample, own)[0],  # type: ignore[misc]
            lambda shape, sample=sample, own=own: examples.load_pair(sample, shape or own)[1],  # type: ignore[misc]
        )


@dataclass(frozen=True, slots=True)
class KnownKind:
    """How often a judge is right about one kind of known pairs.

    hits: the share, with Wilson's interval. p: of McNemar's test that it says yes as often as of the real last
    frame of the same samples; None for the real last frame itself.
    """

    kind: str
    column: str
    expects_yes: bool
    hits: Estimate
    p: float | None

    @property
    def is_told_apart(self) -> bool:
        """Whether the judge says no here, and yes of the real last frame, more often than chance would."""
        return self.p is not None and self.p < _LARGEST_P


@dataclass(frozen=True, slots=True)
class Calibration:
    """What came of all known pairs, and the questions about them that have no answer."""

    kinds: tuple[KnownKind, ...]
    gaps: tuple[ColumnGaps, ...]


def calibrate(judging: VlmJudge, samples: Sequence[KnownSample], *, count: int) -> Calibration:
    """Ask a judge about `count` pairs of each kind, or as many as there are, the first in hash order."""
    chosen = sorted(samples, key=lambda sample: splits.rank(sample.key, seed=0))
    kinds: list[KnownKind] = []
    gaps: list[ColumnGaps] = []
    pairs_of = {kind: list(_known_pairs(kind, chosen, count)) for kind in EXPECTED}
    total = sum(map(len, pairs_of.values())) * len(judging.rubrics)
    with Progress(total=total, unit="pair", desc="known pairs of the judge") as bar:
        for rubric in judging.rubrics:
            yes: dict[tuple[Aspect, str], dict[str, float]] = {}
            for kind, pairs in pairs_of.items():
                edits = [each for each in pairs if each.truth is not None or not rubric.shows_truth]
                columns = [column for column in rubric.columns if column.checks in EXPECTED[kind]]
                if not edits or not columns:
                    continue
                replies = judging.ask(edits, rubric, rubric.calls_of(columns))
                for column in columns:
                    values = [value_of(rubric, column, each) for each in replies]
                    gaps += _gaps(ROW + kind, column, values)
                    yes[_aspect(column), kind] = _answers(rubric, column, edits, values)
                    kinds.append(_kind(kind, column, yes))
                bar.update(len(edits))
    return Calibration(tuple(kinds), tuple(gaps))


def _aspect(column: RubricColumn) -> Aspect:
    assert column.checks is not None
    return column.checks


def _answers(
    rubric: Rubric, column: RubricColumn, edits: Sequence[JudgedEdit], values: Sequence[float | Gap]
) -> dict[str, float]:
    """Key → 1 for yes, 0 for no, ½ for the middle of the scale, as where the two orders disagree."""
    above = numbers(values) - rubric.middle(column)
    return {
        edit.key: float(np.sign(each) / 2 + 0.5)
        for edit, each in zip(edits, above, strict=True)
        if not np.isnan(each)
    }


def _kind(kind: str, column: RubricColumn, yes: Mapping[tuple[Aspect, str], Mapping[str, float]]) -> KnownKind:
    aspect = _aspect(column)
    answers, expects_yes = yes[aspect, kind], EXPECTED[kind][aspect]
    hits = intervals.share(np.array([answer == expects_yes for answer in answers.values()], bool))
    real = yes.get((aspect, REAL[aspect]))
    if kind == REAL[aspect] or real is None:
        return KnownKind(kind, column.name, expects_yes, hits, None)
    common = sorted(answers.keys() & real.keys())
    ones, others = (np.array([each[key] == 1 for key in common], bool) for each in (real, answers))
    p = intervals.mcnemar(ones, others) if ones.sum() > others.sum() else 1.0
    return KnownKind(kind, column.name, expects_yes, hits, p)


def _gaps(row: str, column: RubricColumn, values: Sequence[float | Gap]) -> Iterator[ColumnGaps]:
    reasons = [str(value) if isinstance(value, Gap) else "" for value in values]
    if any(reasons):
        yield ColumnGaps.of(row, column.name, reasons)


def _known_pairs(kind: str, chosen: Sequence[KnownSample], count: int) -> Iterator[JudgedEdit]:
    """At most `count` pairs of a kind, from the samples that can make one."""
    made = 0
    for number, sample in enumerate(chosen):
        if made == count:
            return
        following = (*chosen[number + 1 :], *chosen[:number])
        others = (each for each in following if each.action != sample.action and each.after is not None)
        pair = _MAKERS[kind](sample, next(others, None))
        if pair is not None:
            made += 1
            truth = None if sample.after is None else sample.after(None)
            yield JudgedEdit(ROW + kind, sample.key, sample.instruction, *pair, truth)


Pair = tuple[np.ndarray, np.ndarray]  # the input and the edit that are shown
Maker = Callable[[KnownSample, KnownSample | None], Pair | None]  # a sample, and one of another action


def _real(sample: KnownSample, _: KnownSample | None) -> Pair | None:
    return None if sample.after is None else (sample.before(), sample.after(None))


def _copy(sample: KnownSample, _: KnownSample | None) -> Pair:
    before = sample.before()
    return before, before


def _another(sample: KnownSample, other: KnownSample | None) -> Pair | None:
    if other is None or other.after is None:
        return None
    before = sample.before()
    return before, other.after((before.shape[0], before.shape[1]))


def _reversed(sample: KnownSample, other: KnownSample | None) -> Pair | None:
    pair = _real(sample, other)
    return pair and pair[::-1]


def _still(sample: KnownSample, other: KnownSample | None) -> Pair | None:
    """None where the camera moves, or the unchanged part is too small or too flat to tell."""
    pair = _real(sample, other)
    return pair if pair and can_tell(*pair, background.unchanged(*pair)) else None


def _shifted(sample: KnownSample, other: KnownSample | None) -> Pair | None:
    """The last frame with the unchanged part moved to the right, where `_still` holds."""
    pair = _still(sample, other)
    return pair and (pair[0], shift_background(pair[1], background.unchanged(*pair)))


_MAKERS: Mapping[str, Maker] = {
    REAL["action"]: _real,
    "a copy of the input": _copy,
    "another action's last frame": _another,
    "the action reversed": _reversed,
    REAL["surroundings"]: _still,
    "the background shifted": _shifted,
}


def shift_background(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Move what the mask shows to the right, and leave the rest where it is: H W 3 uint8, H W bool."""
    move = np.array([[1, 0, SHIFT * side_of(picture)], [0, 1, 0]], np.float32)
    size = picture.shape[1], picture.shape[0]
    moved = cv2.warpAffine(picture, move, size, borderMode=cv2.BORDER_REFLECT_101)
    share = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigmaX=1.5)[..., None]
    return np.asarray(np.rint(share * moved + (1 - share) * picture), np.uint8)


def notes(calibration: Calibration, rubrics: Sequence[Rubric]) -> Iterator[str]:
    """For each checked column: the hit rate on every kind, and whether that is better than chance."""
    for column in (column for rubric in rubrics for column in rubric.columns if column.checks):
        kinds = [each for each in calibration.kinds if each.column == column.name]
        if not kinds:
            continue
        rates = "; ".join(
            f"{each.kind} ({'yes' if each.expects_yes else 'no'}): {_rate(each.hits)}" for each in kinds
        )
        yield f"Known pairs, {column.name}: right about {rates}. {_verdict(column.name, kinds)}"


def reliable(calibration: Calibration) -> tuple[str, ...]:
    """The columns about the action that a judge uses better than chance on every kind of known pairs, in order.

    Those about the surroundings are left out: a copy of the input is right about them.
    """
    kinds = [kind for kind in calibration.kinds if EXPECTED[kind.kind].get("action") is False]
    tested = {kind.column: True for kind in kinds}
    for kind in kinds:
        tested[kind.column] &= kind.is_told_apart
    return tuple(name for name, is_reliable in tested.items() if is_reliable)


def _rate(hits: Estimate) -> str:
    if hits.low is None or hits.high is None:
        return "no answer"
    return f"{100 * hits.value:.0f} % ({100 * hits.low:.0f} to {100 * hits.high:.0f} %, n = {hits.count})"


def _verdict(column: str, kinds: Sequence[KnownKind]) -> str:
    tested = [each for each in kinds if not each.expects_yes]
    unclear = [
        f"{each.kind} (p = {1.0 if each.p is None else each.p:.2g})" for each in tested if not each.is_told_apart
    ]
    if len(tested) == len(kinds):
        return (
            f"WARNING: no sample has a real last frame, so nothing shows that this judge ever says yes rightly. "
            f"Calibrate it where there are some before you rely on {column}."
        )
    if not tested:
        return f"No known pair of this split could show that {column} is wrong, so it is not calibrated."
    if unclear:
        return (
            f"WARNING: this judge is not better than chance, as far as these pairs show, at telling the real last "
            f"frame from {', '.join(unclear)}. Do not rely on {column}."
        )
    return "It tells the real last frame from each of the others better than chance (McNemar, p < 0.05)."
