"""Which pairs a page shows, and why: sheets of some pairs of all, chosen evenly and by reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs.curation import filters
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.curation.filters import Threshold
from actionpairs.records import Reason, Rejection
from actionpairs.report import measure_texts
from actionpairs.report.measure_texts import BY_NAME, FIRST_MEASURES, MeasureText

# Pairs on a sheet. This bounds the pairs of a page, so that their pictures can be large in a file below 5 MB.
_PER_OVERVIEW, _PER_REASON, _PER_SUBSET, _PER_SIDE = 36, 8, 8, 4
_LONGEST_TEXT = 300  # characters: a text of an annotation file can be of any length


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some pairs for one reason: the id of each, and what the page says of it there.

    of: how many pairs there are to choose from; None if the choice is the nearest or the most extreme.
    """

    title: str
    text: str
    notes: Sequence[tuple[str, str]]
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """A pair of a page, with its place on every sheet that has it: sheet number → position."""

    id: str
    instruction: str
    action: str
    video: str
    seconds: str
    split: str
    reason: str
    notes: Sequence[str]
    places: dict[int, int]


def overview_sheet(title: str, ids: pa.ChunkedArray) -> Sheet:
    """Some of the pairs with these ids, evenly spaced."""
    count = min(_PER_OVERVIEW, len(ids))
    chosen = [ids[index * len(ids) // count].as_py() for index in range(count)]
    return Sheet(
        title, "Evenly spaced in the order of videos and times.", [(each, "") for each in chosen], len(ids)
    )


def subset_sheet(title: str, ids: Sequence[str], rule: str) -> Sheet:
    """The first pairs of a subset, and its rule."""
    return Sheet(title, f"The first ones. Rule: {rule}.", [(each, "") for each in ids[:_PER_SUBSET]], len(ids))


def extremes_sheet(facts: pa.Table, measure: MeasureText) -> Sheet:
    """The pairs with the smallest and the largest values of a measure."""
    _, rows = _sorted_values(facts, measure.name)
    ends = [*range(len(rows))[:_PER_SIDE], *range(len(rows))[_PER_SIDE:][-_PER_SIDE:]]
    ids = facts["id"].take(rows[ends]).to_pylist()
    title = f"Smallest and largest: {measure.in_sentence}"
    return Sheet(title, f"In ascending order; {measure.about}.", [(pair_id, "") for pair_id in ids])


def threshold_sheet(facts: pa.Table, threshold: Threshold) -> Sheet:
    """The pairs nearest to a threshold, on both sides of it."""
    values, rows = _sorted_values(facts, threshold.measure)
    passes = threshold.margins(values) >= 0
    chosen: list[int] = []
    for side in (np.flatnonzero(~passes), np.flatnonzero(passes)):
        nearest = np.argsort(np.abs(values[side] - threshold.bound), kind="stable")[:_PER_SIDE]
        chosen += side[nearest].tolist()
    chosen.sort(key=lambda index: values[index])
    measure, word = BY_NAME[threshold.measure], "at least" if threshold.is_minimum else "at most"
    key = f"{'min' if threshold.is_minimum else 'max'}_{threshold.measure}"
    return Sheet(
        f"Nearest to the threshold: {measure.in_sentence}, {word} {measure.text(threshold.bound)}",
        f"{measure.about[0].upper()}{measure.about[1:]}. "
        f"A pair that fails is dropped as “{words(threshold.reason)}”. "
        f"In the recipe: shard.filters.{key}: {threshold.bound:g}.",
        [(pair_id, "") for pair_id in facts["id"].take(rows[chosen]).to_pylist()],
    )


def dropped_sheets(facts: pa.Table, assignment: SplitAssignment) -> list[Sheet]:
    """A sheet of dropped pairs for each reason; near-duplicates stand beside the pair that is kept."""
    by_reason: dict[Reason, list[Rejection]] = defaultdict(list)
    for item in assignment.dropped:
        by_reason[item.reason].append(item)
    sheets = []
    for reason, items in sorted(by_reason.items()):
        chosen = items[:: max(len(items) // _PER_REASON, 1)][:_PER_REASON]
        notes = [(item.segment_id, measure_texts.in_words(item.detail)) for item in chosen]
        text = "Evenly spaced in the order of ids."
        if reason == Reason.NEAR_DUPLICATE:
            notes = [note for item in chosen for note in _beside_the_kept(item, assignment)]
            text = f"Each beside the pair that is kept. {_held_out_text(facts, items, assignment)}"
        sheets.append(Sheet(f"Dropped: {words(reason)}", text, notes, len(items)))
    return sheets


def tiles(
    facts: pa.Table,
    sheets: Sequence[Sheet],
    split_names: Sequence[str],
    dropped: Sequence[Rejection],
    thresholds: Sequence[Threshold],
) -> list[Tile]:
    """Every pair of the sheets once, in their order. facts: of all pairs; with splits, the column `split` too.

    Each pair has a line for each threshold, or for each of the first measures if there is no threshold.
    """
    places: dict[str, dict[int, int]] = defaultdict(dict)
    notes: dict[str, list[str]] = defaultdict(list)
    for number, sheet in enumerate(sheets):
        for place, (pair_id, note) in enumerate(sheet.notes):
            places[pair_id].setdefault(number, place)
            if note and note not in notes[pair_id]:
                notes[pair_id].append(note)
    chosen = facts.filter(pc.is_in(facts["id"], value_set=pa.array(list(places), pa.string())))
    row_of = {row["id"]: row for row in chosen.to_pylist()}
    measures = dict(zip(chosen["id"].to_pylist(), _measure_lines(chosen, thresholds), strict=True))
    reasons = {item.segment_id: words(item.reason) for item in dropped if item.segment_id in places}
    return [
        Tile(
            pair_id,
            short(row["instruction"]),
            short(row["action"]),
            short(row["video"]),
            seconds(row["before_seconds"], row["after_seconds"]),
            split_names[row["split"]] if row.get("split", -1) >= 0 else "",
            reasons.get(pair_id, ""),
            [*measures[pair_id], *(short(note) for note in notes[pair_id])],
            places[pair_id],
        )
        for pair_id, row in ((pair_id, row_of[pair_id]) for pair_id in places)
    ]


def words(name: str) -> str:
    """A reason as text."""
    return name.replace("_", " ")


def short(text: str) -> str:
    """A text of an annotation file, cut where it is very long; bytes that are not text are shown as such."""
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def seconds(start: float, stop: float) -> str:
    """An interval of time in a video."""
    return f"{start:.2f} to {stop:.2f} s" if np.isfinite(stop) else f"{start:.2f} s to the end"


def _measure_lines(facts: pa.Table, thresholds: Sequence[Threshold]) -> Iterator[tuple[str, ...]]:
    """The same measures for every pair; with thresholds, which of them fail."""
    lines = []
    for measure in [BY_NAME[each.measure] for each in thresholds] or FIRST_MEASURES:
        values = filters.measure_values(facts, measure.name)
        lines.append([f"{measure.title}: {measure.text(value)}" for value in values])
    for number, threshold in enumerate(thresholds):
        passes = threshold.margins(filters.measure_values(facts, threshold.measure)) >= 0
        marks = ["" if passed else ", fails" for passed in passes]
        lines[number] = [line + mark for line, mark in zip(lines[number], marks, strict=True)]
    return zip(*lines, strict=True)


def _beside_the_kept(item: Rejection, assignment: SplitAssignment) -> Iterator[tuple[str, str]]:
    kept = assignment.duplicate_of[item.segment_id]
    yield item.segment_id, item.detail
    yield kept, f"kept: {item.segment_id} repeats it"


def _held_out_text(facts: pa.Table, near_duplicates: Sequence[Rejection], assignment: SplitAssignment) -> str:
    """How many near-duplicates repeat a pair that is not in the training split."""
    kept = pa.array([assignment.duplicate_of[item.segment_id] for item in near_duplicates])
    training = facts["id"].filter(pc.equal(facts["split"], 0)).combine_chunks()
    count = len(kept) - int(pc.sum(pc.is_in(kept, value_set=training)).as_py())
    return f"Of the {len(kept):,}, {count:,} repeat a pair that is held out of {assignment.split_names[0]}."


def _sorted_values(facts: pa.Table, measure: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The values of a measure in ascending order, and the row of each; rows without the measure are left out."""
    values = filters.measure_values(facts, measure)
    rows = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
    return values[rows], rows
