"""The page of a pairs or shards folder: what was kept, what was not and why, and what it looks like."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs import manifest, pairs, templates
from actionpairs.configs import FilterConfig, ShardConfig, SplitConfig
from actionpairs.curation import filters
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.curation.filters import Threshold
from actionpairs.extraction.summary import ExtractSummary
from actionpairs.manifest import FileDigest
from actionpairs.records import Reason, Rejection
from actionpairs.storage import Folder

PAGE_FILE = "index.html"
_SHOWN, _SHOWN_PER_REASON, _SHOWN_PER_SIDE, _SHOWN_ACTIONS = 24, 8, 4, 40  # pairs; bounds the page to a few MB
_THUMBNAIL_WIDTH_PIXELS, _QUALITY, _BINS = 160, 75, 40
_MEASURES = (  # name, words, and the range that its chart shows at least: a thousandth must not look like a mile
    ("displacement", "how far things moved, share of the diagonal", (0.0, 0.05)),
    ("camera_shift", "how far the camera moved, share of the diagonal", (0.0, 0.02)),
    ("change", "share of the area that changed", (0.0, 0.02)),
    ("sharpness", "sharpness of the worse frame", (0.5, 0.75)),
    ("moved_area", "share of the area of the largest thing that moved", (0.0, 0.02)),
    ("cut", "scene cut: 0 the same scene, 1 another", (0.0, 0.2)),
    ("ssim", "structural similarity", (0.9, 1.0)),
    ("dark", "share of black pixels", (0.0, 0.1)),
    ("overexposed", "share of white pixels", (0.0, 0.1)),
    ("camera_rotation_degrees", "camera rotation, degrees", (-1.0, 1.0)),
    ("camera_zoom", "camera zoom", (0.98, 1.02)),
    ("camera_inliers", "features that agree between the frames", (0.0, 100.0)),
)


@dataclass(frozen=True, slots=True)
class _Tile:
    """One pair on a sheet; `id` says whose pictures go in."""

    id: str
    instruction: str
    note: str
    before: str = ""  # data URI
    after: str = ""


@dataclass(frozen=True, slots=True)
class _Sheet:
    title: str
    text: str
    tiles: Sequence[_Tile]


@dataclass(frozen=True, slots=True)
class _Chart:
    """A histogram of one measure with its threshold; `missing` counts the pairs without it."""

    label: str
    counts: Sequence[int]
    edges: Sequence[float]
    bound: float | None
    missing: int


def write_extracted(folder: Folder, summary: ExtractSummary, rejections: Sequence[Rejection]) -> FileDigest:
    """Write the page of a pairs folder: every pair, with the measures that a filter can draw a line through."""
    known = _by_id(pairs.all_facts(folder))
    tiles = _tiles(known, _spread(known["id"]))
    sheets = [_Sheet("Pairs", f"{len(tiles)} of {len(known)}.", tiles)]
    for measure, label, _ in _MEASURES[:4]:
        sheets += _extremes(known, measure, label)
    funnel = [
        ("rows read", summary.rows),
        ("wanted", summary.selected),
        ("pairs by plan", summary.planned),
        ("pairs read through", summary.read_through),
    ]
    return _write(
        folder,
        folder,
        known,
        FilterConfig(min_change=None),
        sheets=sheets,
        rejections=rejections,
        funnel=funnel,
        lead="First and last frames of annotated actions, and what was measured of them.",
        named=[
            *((f"Rejected: {reason.replace('_', ' ')}", videos) for reason, videos in summary.rejected_in.items()),
            *((f"Read through: {why}", videos) for why, videos in summary.read_through_in.items()),
        ],
        notes=summary.notes,
    )


def write_sharded(folder: Folder, source: Folder, config: ShardConfig, places: SplitAssignment) -> FileDigest:
    """Write the page of a shards folder: what the filters kept and dropped of the pairs in `source`."""
    dropped, subsets = places.dropped, places.subsets
    known = _by_id(places.known.append_column("split", pa.array(places.split)))
    kept = known["id"].filter(pc.greater_equal(known["split"], 0))
    tiles = _tiles(known, _spread(kept))
    sheets = [_Sheet("Kept", f"{len(tiles)} of {len(kept)}.", tiles)]
    for name, subset in subsets.items():
        shown = _tiles(known, subset.ids[:_SHOWN_PER_REASON])
        sheets.append(_Sheet(name, f"{len(subset.ids)}: {subset.rule}.", shown))
    sheets += _reasons(known, places, config.splits)
    for line in filters.lines(config.filters):
        sheets += _nearest(known, line)
    counts = manifest.read(source, stage="extract").counts
    repeats = sum(item.reason == Reason.NEAR_DUPLICATE for item in dropped)
    funnel = [
        ("rows read", counts["rows"]),
        ("wanted", counts["selected"]),
        ("pairs cut", counts["pairs"]),
        ("past the filters", len(kept) + repeats),
        ("near-duplicates taken out", len(kept)),
        *places.counts.items(),
        *((f"{name} (also in its split)", len(subset.ids)) for name, subset in subsets.items()),
    ]
    return _write(
        folder,
        source,
        known,
        config.filters,
        sheets=sheets,
        rejections=dropped,
        funnel=funnel,
        lead="Which pairs were kept, which were not, and by how much.",
    )


def _write(
    folder: Folder,
    source: Folder,
    known: pa.Table,
    drawn: FilterConfig,
    *,
    sheets: Sequence[_Sheet],
    rejections: Sequence[Rejection],
    funnel: Sequence[tuple[str, int]],
    lead: str,
    named: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> FileDigest:
    lines = {line.measure: line for line in filters.lines(drawn)}
    actions = _counted({item["values"]: item["counts"] for item in known["action"].value_counts().to_pylist()})
    text = templates.render(
        "pairs.html",
        lead=lead,
        stats=[(len(known), "pairs"), (len(actions), "actions"), (len(rejections), "turned down")],
        funnel=funnel,
        rejected=_counted(Counter(str(item.reason).replace("_", " ") for item in rejections)),
        named=named,
        notes=notes,
        has_lines=bool(lines),
        actions=actions[:_SHOWN_ACTIONS],
        more_actions=actions[_SHOWN_ACTIONS:],
        charts=[
            _chart(filters.values_of(known, name), lines.get(name), label, least)
            for name, label, least in _MEASURES
        ],
        sheets=_with_pictures(source, [sheet for sheet in sheets if sheet.tiles]),
    ).encode()
    folder.write_bytes(PAGE_FILE, text)
    return FileDigest.of(text)


def _by_id(known: pa.Table) -> pa.Table:
    """What the page tells of pairs, sorted by id."""
    wanted = {"id", "instruction", "action", "split", "sharpness_before", "sharpness_after"}
    wanted |= {name for name, _, _ in _MEASURES}
    return known.select([name for name in known.column_names if name in wanted]).sort_by("id")


def _counted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first, then by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _spread(ids: pa.ChunkedArray) -> list[str]:
    """Some of them, evenly spaced."""
    count = min(_SHOWN, len(ids))
    return [ids[index * len(ids) // count].as_py() for index in range(count)]


def _tiles(known: pa.Table, ids: Sequence[str], notes: Sequence[str] | None = None) -> list[_Tile]:
    found = known.select(["id", "instruction"]).filter(pc.is_in(known["id"], value_set=pa.array(ids, pa.string())))
    told = dict(zip(found["id"].to_pylist(), found["instruction"].to_pylist(), strict=True))
    return [_Tile(name, told[name], note) for name, note in zip(ids, notes or ids, strict=True)]


def _ordered(known: pa.Table, measure: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The values of a measure from the least, and whose they are: rows of `known`; ties by id."""
    values = filters.values_of(known, measure)
    rows = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
    return values[rows], rows


def _extremes(known: pa.Table, measure: str, label: str) -> list[_Sheet]:
    values, rows = _ordered(known, measure)
    ends = [*range(len(rows))[:_SHOWN_PER_SIDE], *range(len(rows))[_SHOWN_PER_SIDE:][-_SHOWN_PER_SIDE:]]
    notes = [f"{measure} {value:.4f}" for value in values[ends]]
    title = f"The least and the most {measure.replace('_', ' ')}"
    tiles = _tiles(known, known["id"].take(rows[ends]).to_pylist(), notes)
    return [_Sheet(title, f"{label[0].upper()}{label[1:]}.", tiles)]


def _nearest(known: pa.Table, line: Threshold) -> list[_Sheet]:
    """The pairs just on either side of a threshold."""
    values, rows = _ordered(known, line.measure)
    passed = values >= line.bound if line.is_least else values <= line.bound
    shown: list[int] = []
    for side in (np.flatnonzero(~passed), np.flatnonzero(passed)):
        near = np.argsort(np.abs(values[side] - line.bound), kind="stable")[:_SHOWN_PER_SIDE]
        shown += side[near].tolist()
    shown.sort(key=lambda place: values[place])
    notes = [f"{values[place]:.4f}: {'passes' if passed[place] else 'goes'}" for place in shown]
    title = f"Nearest to {line.measure.replace('_', ' ')} {'≥' if line.is_least else '≤'} {line.bound:g}"
    text = f"A pair on the wrong side is dropped as {line.reason.replace('_', ' ')}."
    return [_Sheet(title, text, _tiles(known, known["id"].take(rows[shown]).to_pylist(), notes))]


def _reasons(known: pa.Table, places: SplitAssignment, config: SplitConfig) -> list[_Sheet]:
    """A sheet of dropped pairs for each reason; a near-duplicate stands beside the pair that it repeats."""
    found: dict[Reason, list[Rejection]] = defaultdict(list)
    for item in places.dropped:
        found[item.reason].append(item)
    sheets = []
    for reason, items in sorted(found.items()):
        shown = items[:: max(len(items) // _SHOWN_PER_REASON, 1)][:_SHOWN_PER_REASON]
        text = f"{len(shown)} of {len(items)}."
        told = [(item.segment_id, item.detail) for item in shown]
        if reason == Reason.NEAR_DUPLICATE:
            repeated = [places.repeats[name] for name, _ in told]
            told = [
                each
                for one, kept in zip(told, repeated, strict=True)
                for each in (one, (kept, f"which is kept: {kept}"))
            ]
            held_out = _held_out(known, [places.repeats[item.segment_id] for item in items], config)
            text += (
                f" {held_out} of the {len(items)} repeat a pair that is held out of {config.train}: they left too."
            )
        tiles = _tiles(known, [name for name, _ in told], [note for _, note in told])
        sheets.append(_Sheet(f"Dropped: {reason.replace('_', ' ')}", text, tiles))
    return sheets


def _held_out(known: pa.Table, ids: Sequence[str], config: SplitConfig) -> int:
    """How many of the ids are of pairs that never train."""
    trains = known["id"].filter(pc.equal(known["split"], config.names.index(config.train)))
    return len(ids) - int(pc.sum(pc.is_in(pa.array(ids), value_set=trains.combine_chunks())).as_py())


def _chart(values: NDArray[np.float64], line: Threshold | None, label: str, least: tuple[float, float]) -> _Chart:
    known, values = len(values), values[~np.isnan(values)]
    bound = line.bound if line else None
    ends = [*least, *(np.percentile(values, [0, 99.5]) if len(values) else []), *([bound] if line else [])]
    low, high = float(min(ends)), float(max(ends))
    counts, edges = np.histogram(np.clip(values, low, high), _BINS, (low, high))
    return _Chart(label, counts.tolist(), edges.tolist(), bound, known - len(values))


def _with_pictures(source: Folder, sheets: Sequence[_Sheet]) -> list[_Sheet]:
    """Put the pictures in; only the groups of rows that hold a pair which is shown are read."""
    wanted = {tile.id for sheet in sheets for tile in sheet.tiles}
    uris: dict[str, tuple[str, str]] = {}
    for name in pairs.names(source):
        for segment_id, before, after in pairs.pictures(source, name, wanted):
            uris[segment_id] = _thumbnail(before), _thumbnail(after)
    return [
        replace(
            sheet,
            tiles=[replace(tile, before=uris[tile.id][0], after=uris[tile.id][1]) for tile in sheet.tiles],
        )
        for sheet in sheets
    ]


def _thumbnail(jpeg: bytes) -> str:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    height = max(round(picture.shape[0] * _THUMBNAIL_WIDTH_PIXELS / picture.shape[1]), 1)
    small = cv2.resize(picture, (_THUMBNAIL_WIDTH_PIXELS, height), interpolation=cv2.INTER_AREA)
    return templates.picture(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
