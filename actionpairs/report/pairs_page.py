"""The page of a pairs or shards folder: which pairs are kept, which are not and why, and what they look like."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs import manifest, pairs, templates
from actionpairs.configs import FilterConfig
from actionpairs.curation import filters
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.curation.filters import Threshold
from actionpairs.extraction.summary import ExtractSummary
from actionpairs.manifest import FileDigest
from actionpairs.records import Reason, Rejection, Segment
from actionpairs.report import page_pictures, pair_sheets, rejection_rows
from actionpairs.report.measure_texts import FIRST_MEASURES, MEASURES, MeasureText
from actionpairs.report.pair_sheets import Sheet, Tile
from actionpairs.storage import Folder

PAGE_FILE = "index.html"
_MAX_ACTIONS, _BINS = 40, 40


@dataclass(frozen=True, slots=True)
class _Chart:
    """A histogram of one measure with its threshold; `missing` counts the pairs without the measure.

    edges and bound: as the page writes them. top: where the axis of the counts ends; half of it is a whole number.
    """

    measure: MeasureText
    counts: Sequence[int]
    top: int
    edges: Sequence[float]
    bound: float | None
    missing: int


@dataclass(frozen=True, slots=True)
class _Page:
    """What differs between the pages of the two folders. removed: the word for pairs that are not kept.

    times: of the rejected segments, by id, as far as they are known. split_names: by their numbers in `split`.
    """

    kind: str
    lead: str
    removed: str
    funnel: Sequence[tuple[str, int]]
    sheets: Sequence[Sheet]
    rejections: Sequence[Rejection]
    times: Mapping[str, tuple[float, float]]
    split_names: Sequence[str] = ()
    thresholds: Sequence[Threshold] = ()
    affected_videos: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()


def write_extracted(
    folder: Folder, summary: ExtractSummary, rejections: Sequence[Rejection], segments: Iterable[Segment] = ()
) -> FileDigest:
    """Write the page of a pairs folder: all pairs and their measures. segments: those whose times are listed."""
    facts = _page_columns(pairs.all_facts(folder))
    page = _Page(
        kind="extracted frame pairs",
        lead="First and last frames of annotated actions, and their measures.",
        removed="rejected",
        funnel=[
            ("annotation rows", summary.rows),
            ("selected by the recipe", summary.selected),
            ("pairs, only the needed packets decoded", summary.planned),
            ("pairs, whole video decoded", summary.read_through),
        ],
        sheets=[
            pair_sheets.overview_sheet("All pairs", facts["id"]),
            *(pair_sheets.extremes_sheet(facts, measure) for measure in FIRST_MEASURES),
        ],
        rejections=rejections,
        times={segment.id: (segment.start_seconds, segment.stop_seconds) for segment in segments},
        affected_videos=[
            *(
                (f"Rejected: {pair_sheets.words(reason)}", videos)
                for reason, videos in summary.rejected_in.items()
            ),
            *((f"Whole video decoded: {why}", videos) for why, videos in summary.read_through_in.items()),
        ],
        warnings=summary.notes,
    )
    return _write(folder, folder, facts, page)


def write_sharded(
    folder: Folder, source: Folder, filter_config: FilterConfig, assignment: SplitAssignment
) -> FileDigest:
    """Write the page of a shards folder: which pairs of the pairs folder `source` are kept, and which dropped."""
    facts = _page_columns(assignment.facts.append_column("split", pa.array(assignment.split_numbers)))
    thresholds = filters.thresholds(filter_config)
    page = _Page(
        kind="filtered and split pairs",
        lead="Which pairs are kept, which are dropped, and by what margin.",
        removed="dropped",
        funnel=_shards_funnel(source, assignment),
        sheets=[
            pair_sheets.overview_sheet("Kept", facts["id"].filter(pc.greater_equal(facts["split"], 0))),
            *(
                pair_sheets.subset_sheet(f"Subset {name}", subset.ids, subset.rule)
                for name, subset in assignment.subsets.items()
            ),
            *pair_sheets.dropped_sheets(facts, assignment),
            *(pair_sheets.threshold_sheet(facts, threshold) for threshold in thresholds),
        ],
        rejections=assignment.dropped,
        times=_times(facts, assignment.dropped),
        split_names=assignment.split_names,
        thresholds=thresholds,
    )
    return _write(folder, source, facts, page)


def _shards_funnel(source: Folder, assignment: SplitAssignment) -> list[tuple[str, int]]:
    """How many pairs each step leaves, then the size of each split and subset."""
    extracted = manifest.load(source, stage="extract").counts
    kept = int(np.count_nonzero(assignment.split_numbers >= 0))
    near_duplicates = sum(item.reason == Reason.NEAR_DUPLICATE for item in assignment.dropped)
    return [
        ("annotation rows", extracted["rows"]),
        ("selected by the recipe", extracted["selected"]),
        ("pairs extracted", extracted["pairs"]),
        ("left after the filters", kept + near_duplicates),
        ("left without near-duplicates", kept),
        *((f"in {name}", count) for name, count in assignment.counts.items()),
        *((f"in {name}, and in its split", len(subset.ids)) for name, subset in assignment.subsets.items()),
        *((f"too unsure to be ranked for {name}", count) for name, count in assignment.unsure.items()),
    ]


def _write(folder: Folder, source: Folder, facts: pa.Table, page: _Page) -> FileDigest:
    """Write the page. source: the pairs folder with the pictures; facts: of all pairs, as _page_columns."""
    threshold_of = {threshold.measure: threshold for threshold in page.thresholds}
    actions = _by_count({item["values"]: item["counts"] for item in facts["action"].value_counts().to_pylist()})
    sheets = [sheet for sheet in page.sheets if sheet.notes]
    dropped = page.rejections if page.split_names else ()  # extract rejects rows that are no pairs
    tiles = pair_sheets.tiles(facts, sheets, page.split_names, dropped, page.thresholds)
    text = templates.render(
        "pairs.html",
        page=page,
        title=f"{_name(folder)}: {page.kind}",
        pair_count=len(facts),
        stats=_stats(facts, len(actions), page),
        reasons=_by_count(Counter(pair_sheets.words(item.reason) for item in page.rejections)),
        actions=[(pair_sheets.short(action), count) for action, count in actions[:_MAX_ACTIONS]],
        more_actions=actions[_MAX_ACTIONS:],
        charts=[_chart(facts, measure, threshold_of.get(measure.name)) for measure in MEASURES],
        sheets=sheets,
        tiles=tiles,
        choices=_choices(tiles),
        pictures=page_pictures.load_pairs(source, [tile.id for tile in tiles]),
        rows=rejection_rows.rejection_rows(page.rejections, page.times),
    ).encode()
    folder.write_bytes(PAGE_FILE, text)
    return FileDigest.of(text)


def _name(folder: Folder) -> str:
    """The recipe, and the data set if the recipe names one: pages of several folders have different titles."""
    owner: dict[str, Any] = json.loads(folder.read_bytes(manifest.RECIPE_FILE))
    names = dict.fromkeys([str(owner["recipe"]), str(owner["config"].get("dataset") or owner["recipe"])])
    return " · ".join(map(pair_sheets.short, names))


def _stats(facts: pa.Table, actions: int, page: _Page) -> list[tuple[str, str]]:
    counts = (
        (len(facts), "pair" if len(facts) == 1 else "pairs"),
        (actions, "action" if actions == 1 else "actions"),
        (pc.count_distinct(facts["video"]).as_py(), "videos with pairs"),
        (len(page.rejections), page.removed),
    )
    return [(f"{count:,}", label) for count, label in counts]


def _choices(tiles: Sequence[Tile]) -> list[tuple[str, str, list[str]]]:
    """What the pairs of the page can be filtered by: name, label and values, if there is more than one value."""
    columns = ("action", "Action"), ("video", "Video"), ("split", "Split"), ("reason", "Reason")
    choices = [(name, label, sorted({getattr(tile, name) for tile in tiles} - {""})) for name, label in columns]
    return [choice for choice in choices if len(choice[2]) > (choice[0] != "reason")]


def _times(facts: pa.Table, rejections: Sequence[Rejection]) -> dict[str, tuple[float, float]]:
    """The times of the frames of rejected pairs, by id."""
    ids = pa.array([item.segment_id for item in rejections], pa.string())
    rows = facts.filter(pc.is_in(facts["id"], value_set=ids))
    starts, stops = (rows[name].to_pylist() for name in ("before_seconds", "after_seconds"))
    return dict(zip(rows["id"].to_pylist(), zip(starts, stops, strict=True), strict=True))


def _page_columns(facts: pa.Table) -> pa.Table:
    """The columns that the page needs, sorted by video and time."""
    names = {"id", "instruction", "action", "video", "split", "before_seconds", "after_seconds"}
    names |= {"sharpness_before", "sharpness_after", *(measure.name for measure in MEASURES)}
    order = [(name, "ascending") for name in ("video", "before_seconds", "id")]
    return facts.select([name for name in facts.column_names if name in names]).sort_by(order)


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first, then by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _chart(facts: pa.Table, measure: MeasureText, threshold: Threshold | None) -> _Chart:
    """The histogram of a measure; values above the 99.5th percentile are counted in the last bin."""
    values = filters.measure_values(facts, measure.name)
    measured: NDArray[np.float64] = values[~np.isnan(values)] * measure.scale
    bound = threshold.bound * measure.scale if threshold else None
    ends = [end * measure.scale for end in measure.smallest_range] + ([] if bound is None else [bound])
    ends += list(np.percentile(measured, [0, 99.5])) if len(measured) else []
    low, high = float(min(ends)), float(max(ends))
    counts, edges = np.histogram(np.clip(measured, low, high), _BINS, (low, high))
    most = _even_top(int(counts.max()))
    return _Chart(measure, counts.tolist(), most, edges.tolist(), bound, len(values) - len(measured))


def _even_top(most: int) -> int:
    """The smallest of 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, … that is not below a count."""
    power = 1
    while most > 10 * power:
        power *= 10
    return power * max(2, -(-most // power) + -(-most // power) % 2)
