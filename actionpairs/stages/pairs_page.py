"""The page of a pairs or shards folder: what was kept, what was not and why, and what it looks like."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from actionpairs import manifest, pages, pairs, selection
from actionpairs.configs import FilterConfig, ShardConfig
from actionpairs.manifest import FileDigest
from actionpairs.records import PairFacts, Places, Reason, Rejection
from actionpairs.selection import Line
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
    ("blown", "share of white pixels", (0.0, 0.1)),
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


def write_extracted(folder: Folder, counts: Mapping[str, int], rejections: Sequence[Rejection]) -> FileDigest:
    """Write the page of a pairs folder: every pair, with the measures that a filter can draw a line through."""
    known = pairs.all_facts(folder)
    sheets = [_Sheet("Pairs", f"{min(len(known), _SHOWN)} of {len(known)}.", _tiles(_spread(known, _SHOWN)))]
    for measure, label, _ in _MEASURES[:4]:
        sheets += _extremes(known, measure, label)
    funnel = [("rows read", counts["rows"]), ("wanted", counts["selected"]), ("pairs cut", counts["pairs"])]
    return _write(
        folder,
        folder,
        known,
        FilterConfig(min_change=None),
        sheets=sheets,
        rejections=rejections,
        funnel=funnel,
        lead="First and last frames of annotated actions, and what was measured of them.",
    )


def write_sharded(
    folder: Folder,
    source: Folder,
    known: Sequence[PairFacts],
    config: ShardConfig,
    places: Places,
) -> FileDigest:
    """Write the page of a shards folder: what the filters kept and dropped of the pairs known in `source`."""
    split_of, dropped, subsets = places.split_of, places.dropped, places.subsets
    kept = [facts for facts in known if facts.segment.id in split_of]
    sheets = [_Sheet("Kept", f"{min(len(kept), _SHOWN)} of {len(kept)}.", _tiles(_spread(kept, _SHOWN)))]
    by_id = {facts.segment.id: facts for facts in known}
    for name, subset in subsets.items():
        shown = [by_id[key] for key in subset.ids[:_SHOWN_PER_REASON]]
        sheets.append(_Sheet(name, f"{len(subset.ids)}: {subset.rule}.", _tiles(shown)))
    sheets += _reasons(by_id, places, train=config.splits.train)
    for line in selection.lines(config.filters):
        sheets += _nearest(known, line)
    counts = manifest.read(source, stage="extract").counts
    repeats = sum(item.reason == Reason.NEAR_DUPLICATE for item in dropped)
    funnel = [
        ("rows read", counts["rows"]),
        ("wanted", counts["selected"]),
        ("pairs cut", counts["pairs"]),
        ("past the filters", len(kept) + repeats),
        ("near-duplicates taken out", len(kept)),
        *sorted(Counter(split_of.values()).items()),
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
    known: Sequence[PairFacts],
    filters: FilterConfig,
    *,
    sheets: Sequence[_Sheet],
    rejections: Sequence[Rejection],
    funnel: Sequence[tuple[str, int]],
    lead: str,
) -> FileDigest:
    lines = {line.measure: line for line in selection.lines(filters)}
    actions = _counted(facts.segment.action for facts in known)
    text = pages.render(
        "pairs.html",
        lead=lead,
        stats=[(len(known), "pairs"), (len(actions), "actions"), (len(rejections), "turned down")],
        funnel=funnel,
        rejected=_counted(str(item.reason).replace("_", " ") for item in rejections),
        has_lines=bool(lines),
        actions=actions[:_SHOWN_ACTIONS],
        more_actions=actions[_SHOWN_ACTIONS:],
        charts=[_chart(known, lines.get(name), name, label, least) for name, label, least in _MEASURES],
        sheets=_with_pictures(source, [sheet for sheet in sheets if sheet.tiles]),
    ).encode()
    folder.write_bytes(PAGE_FILE, text)
    return FileDigest.of(text)


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    """The most frequent first, then by name."""
    return sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))


def _spread(known: Sequence[PairFacts], count: int) -> list[PairFacts]:
    """So many, evenly spaced."""
    count = min(count, len(known))
    return [known[index * len(known) // count] for index in range(count)]


def _tiles(shown: Iterable[PairFacts], notes: Mapping[str, str] | None = None) -> list[_Tile]:
    return [
        _Tile(facts.segment.id, facts.segment.instruction, (notes or {}).get(facts.segment.id, facts.segment.id))
        for facts in shown
    ]


def _ordered(known: Sequence[PairFacts], measure: str) -> list[tuple[float, PairFacts]]:
    valued = [(selection.value_of(facts.measures, measure), facts) for facts in known]
    having = [(value, facts) for value, facts in valued if value is not None]
    return sorted(having, key=lambda item: (item[0], item[1].segment.id))


def _extremes(known: Sequence[PairFacts], measure: str, label: str) -> list[_Sheet]:
    ordered = _ordered(known, measure)
    ends = ordered[:_SHOWN_PER_SIDE] + ordered[_SHOWN_PER_SIDE:][-_SHOWN_PER_SIDE:]
    notes = {facts.segment.id: f"{measure} {value:.4f}" for value, facts in ends}
    title = f"The least and the most {measure.replace('_', ' ')}"
    return [_Sheet(title, f"{label[0].upper()}{label[1:]}.", _tiles((facts for _, facts in ends), notes))]


def _nearest(known: Sequence[PairFacts], line: Line) -> list[_Sheet]:
    """The pairs just on either side of a threshold."""
    judged = [
        (value >= line.bound if line.is_least else value <= line.bound, value, facts)
        for value, facts in _ordered(known, line.measure)
    ]
    sides = [
        sorted((item for item in judged if item[0] is passed), key=lambda item: abs(item[1] - line.bound))
        for passed in (False, True)
    ]
    shown = sorted((item for side in sides for item in side[:_SHOWN_PER_SIDE]), key=lambda item: item[1])
    notes = {facts.segment.id: f"{value:.4f}: {'passes' if passed else 'goes'}" for passed, value, facts in shown}
    title = f"Nearest to {line.measure.replace('_', ' ')} {'≥' if line.is_least else '≤'} {line.bound:g}"
    text = f"A pair on the wrong side is dropped as {line.reason.replace('_', ' ')}."
    return [_Sheet(title, text, _tiles((facts for _, _, facts in shown), notes))]


def _reasons(by_id: Mapping[str, PairFacts], places: Places, *, train: str) -> list[_Sheet]:
    """A sheet of dropped pairs for each reason; a near-duplicate stands beside the pair that it repeats."""
    found: dict[Reason, list[Rejection]] = defaultdict(list)
    for item in places.dropped:
        found[item.reason].append(item)
    sheets = []
    for reason, items in sorted(found.items()):
        shown = items[:: max(len(items) // _SHOWN_PER_REASON, 1)][:_SHOWN_PER_REASON]
        text = f"{len(shown)} of {len(items)}."
        tiles = []
        for item in shown:
            tiles += _tiles([by_id[item.segment_id]], {item.segment_id: item.detail})
            if reason == Reason.NEAR_DUPLICATE:
                kept = places.repeats[item.segment_id]
                tiles += _tiles([by_id[kept]], {kept: f"which is kept: {kept}"})
        if reason == Reason.NEAR_DUPLICATE:
            held_out = sum(places.split_of[places.repeats[item.segment_id]] != train for item in items)
            text += f" {held_out} of the {len(items)} repeat a pair that is held out of {train}: they left too."
        sheets.append(_Sheet(f"Dropped: {reason.replace('_', ' ')}", text, tiles))
    return sheets


def _chart(
    known: Sequence[PairFacts], line: Line | None, measure: str, label: str, least: tuple[float, float]
) -> _Chart:
    values = np.array([value for value, _ in _ordered(known, measure)])
    bound = line.bound if line else None
    ends = [*least, *(np.percentile(values, [0, 99.5]) if len(values) else []), *([bound] if line else [])]
    low, high = float(min(ends)), float(max(ends))
    counts, edges = np.histogram(np.clip(values, low, high), _BINS, (low, high))
    return _Chart(label, counts.tolist(), edges.tolist(), bound, len(known) - len(values))


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
    return pages.picture(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
