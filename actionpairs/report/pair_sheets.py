"""Contact sheets of frame pairs: which pairs a page shows, with notes and thumbnails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs import pairs, templates
from actionpairs.curation import filters
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.curation.filters import Threshold
from actionpairs.records import Reason, Rejection
from actionpairs.storage import Folder

# Pairs on a sheet; this bounds the page to a few MB.
_PER_OVERVIEW, _PER_REASON, _PER_SIDE = 24, 8, 4
_THUMBNAIL_WIDTH_PIXELS, _JPEG_QUALITY = 160, 75


@dataclass(frozen=True, slots=True)
class Tile:
    """One pair on a sheet."""

    id: str
    instruction: str
    note: str
    before: str = ""  # data URI of the thumbnail
    after: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some pairs under one heading."""

    title: str
    text: str
    tiles: Sequence[Tile]


def overview_sheet(title: str, facts: pa.Table, ids: pa.ChunkedArray) -> Sheet:
    """Some of the pairs with these ids, evenly spaced."""
    count = min(_PER_OVERVIEW, len(ids))
    chosen = [ids[index * len(ids) // count].as_py() for index in range(count)]
    return Sheet(title, f"{count} of {len(ids)}.", _tiles(facts, chosen))


def subset_sheet(title: str, facts: pa.Table, ids: Sequence[str], rule: str) -> Sheet:
    """The first pairs of a subset, and its rule."""
    return Sheet(title, f"{len(ids)}: {rule}.", _tiles(facts, ids[:_PER_REASON]))


def extremes_sheet(facts: pa.Table, measure: str, label: str) -> Sheet:
    """The pairs with the smallest and the largest values of a measure."""
    values, rows = _sorted_values(facts, measure)
    ends = [*range(len(rows))[:_PER_SIDE], *range(len(rows))[_PER_SIDE:][-_PER_SIDE:]]
    notes = [f"{measure} {value:.4f}" for value in values[ends]]
    tiles = _tiles(facts, facts["id"].take(rows[ends]).to_pylist(), notes)
    return Sheet(f"Smallest and largest {_words(measure)}", f"{label[0].upper()}{label[1:]}.", tiles)


def threshold_sheet(facts: pa.Table, threshold: Threshold) -> Sheet:
    """The pairs nearest to a threshold, on both sides of it."""
    values, rows = _sorted_values(facts, threshold.measure)
    passes = threshold.margins(values) >= 0
    chosen: list[int] = []
    for side in (np.flatnonzero(~passes), np.flatnonzero(passes)):
        nearest = np.argsort(np.abs(values[side] - threshold.bound), kind="stable")[:_PER_SIDE]
        chosen += side[nearest].tolist()
    chosen.sort(key=lambda index: values[index])
    notes = [f"{values[index]:.4f}: {'passes' if passes[index] else 'fails'}" for index in chosen]
    sign = "≥" if threshold.is_minimum else "≤"
    return Sheet(
        f"Nearest to the threshold: {_words(threshold.measure)} {sign} {threshold.bound:g}",
        f"A pair that fails is dropped: {_words(threshold.reason)}.",
        _tiles(facts, facts["id"].take(rows[chosen]).to_pylist(), notes),
    )


def dropped_sheets(facts: pa.Table, assignment: SplitAssignment) -> list[Sheet]:
    """A sheet of dropped pairs for each reason; near-duplicates stand beside the pair that is kept."""
    by_reason: dict[Reason, list[Rejection]] = defaultdict(list)
    for item in assignment.dropped:
        by_reason[item.reason].append(item)
    sheets = []
    for reason, items in sorted(by_reason.items()):
        chosen = items[:: max(len(items) // _PER_REASON, 1)][:_PER_REASON]
        notes = [(item.segment_id, item.detail) for item in chosen]
        text = f"{len(chosen)} of {len(items)}."
        if reason == Reason.NEAR_DUPLICATE:
            notes = [note for item in notes for note in (item, _kept_note(assignment.duplicate_of[item[0]]))]
            text += f" {_held_out_text(facts, items, assignment)}"
        tiles = _tiles(facts, [pair_id for pair_id, _ in notes], [note for _, note in notes])
        sheets.append(Sheet(f"Dropped: {_words(reason)}", text, tiles))
    return sheets


def _kept_note(pair_id: str) -> tuple[str, str]:
    return pair_id, f"kept: {pair_id}"


def _held_out_text(facts: pa.Table, near_duplicates: Sequence[Rejection], assignment: SplitAssignment) -> str:
    """How many near-duplicates repeat a pair that is not in the training split."""
    kept = pa.array([assignment.duplicate_of[item.segment_id] for item in near_duplicates])
    training = facts["id"].filter(pc.equal(facts["split"], 0)).combine_chunks()
    count = len(kept) - int(pc.sum(pc.is_in(kept, value_set=training)).as_py())
    return f"Of the {len(kept)}, {count} repeat a pair that is held out of {assignment.split_names[0]}."


def load_thumbnails(source: Folder, sheets: Sequence[Sheet]) -> list[Sheet]:
    """The same sheets with thumbnails; only row groups with a pair on a sheet are loaded."""
    ids = {tile.id for sheet in sheets for tile in sheet.tiles}
    uris: dict[str, tuple[str, str]] = {}
    for name in pairs.file_names(source):
        for pair_id, before, after in pairs.pictures(source, name, ids):
            uris[pair_id] = _thumbnail(before), _thumbnail(after)
    return [
        replace(
            sheet,
            tiles=[replace(tile, before=uris[tile.id][0], after=uris[tile.id][1]) for tile in sheet.tiles],
        )
        for sheet in sheets
    ]


def _tiles(facts: pa.Table, ids: Sequence[str], notes: Sequence[str] | None = None) -> list[Tile]:
    """Tiles of these pairs; without notes, the ids are the notes."""
    rows = facts.select(["id", "instruction"]).filter(pc.is_in(facts["id"], value_set=pa.array(ids, pa.string())))
    instructions = dict(zip(rows["id"].to_pylist(), rows["instruction"].to_pylist(), strict=True))
    return [Tile(pair_id, instructions[pair_id], note) for pair_id, note in zip(ids, notes or ids, strict=True)]


def _sorted_values(facts: pa.Table, measure: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The values of a measure in ascending order, and the row of each; rows without the measure are left out."""
    values = filters.measure_values(facts, measure)
    rows = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
    return values[rows], rows


def _words(name: str) -> str:
    return name.replace("_", " ")


def _thumbnail(jpeg: bytes) -> str:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    height = max(round(picture.shape[0] * _THUMBNAIL_WIDTH_PIXELS / picture.shape[1]), 1)
    small = cv2.resize(picture, (_THUMBNAIL_WIDTH_PIXELS, height), interpolation=cv2.INTER_AREA)
    return templates.picture(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes())
