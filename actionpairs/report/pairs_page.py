"""The page of a pairs or shards folder: which pairs are kept, which are not and why, and what they look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from actionpairs.records import Reason, Rejection
from actionpairs.report import pair_sheets
from actionpairs.report.pair_sheets import Sheet
from actionpairs.storage import Folder

PAGE_FILE = "index.html"
_MAX_ACTIONS, _BINS = 40, 40
_MEASURES = (  # name, label, and the smallest range of its chart, so that tiny differences do not look large
    ("displacement", "displacement of objects, share of the diagonal", (0.0, 0.05)),
    ("camera_shift", "camera shift, share of the diagonal", (0.0, 0.02)),
    ("change", "changed area, share of the picture", (0.0, 0.02)),
    ("sharpness", "sharpness of the less sharp frame", (0.5, 0.75)),
    ("moved_area", "largest moved region, share of the picture", (0.0, 0.02)),
    ("cut", "scene cut: 0 same scene, 1 another scene", (0.0, 0.2)),
    ("ssim", "structural similarity (SSIM)", (0.9, 1.0)),
    ("dark", "share of black pixels", (0.0, 0.1)),
    ("overexposed", "share of overexposed pixels", (0.0, 0.1)),
    ("camera_rotation_degrees", "camera rotation, degrees", (-1.0, 1.0)),
    ("camera_zoom", "camera zoom", (0.98, 1.02)),
    ("camera_inliers", "features matched between the frames", (0.0, 100.0)),
)


@dataclass(frozen=True, slots=True)
class _Chart:
    """A histogram of one measure with its threshold; `missing` counts the pairs without the measure."""

    label: str
    counts: Sequence[int]
    edges: Sequence[float]
    bound: float | None
    missing: int


@dataclass(frozen=True, slots=True)
class _Page:
    """What differs between the pages of the two folders. removed: the word for pairs that are not kept."""

    title: str
    lead: str
    removed: str
    funnel: Sequence[tuple[str, int]]
    sheets: Sequence[Sheet]
    rejections: Sequence[Rejection]
    thresholds: Sequence[Threshold] = ()
    affected_videos: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()


def write_extracted(folder: Folder, summary: ExtractSummary, rejections: Sequence[Rejection]) -> FileDigest:
    """Write the page of a pairs folder: all pairs and their measures."""
    facts = _page_columns(pairs.all_facts(folder))
    page = _Page(
        title="Extracted frame pairs",
        lead="First and last frames of annotated actions, and their measures.",
        removed="rejected",
        funnel=[
            ("annotation rows", summary.rows),
            ("selected by the recipe", summary.selected),
            ("pairs, planned decode", summary.planned),
            ("pairs read through", summary.read_through),
        ],
        sheets=[
            pair_sheets.overview_sheet("Pairs", facts, facts["id"]),
            *(pair_sheets.extremes_sheet(facts, measure, label) for measure, label, _ in _MEASURES[:4]),
        ],
        rejections=rejections,
        affected_videos=[
            *((f"Rejected: {reason.replace('_', ' ')}", videos) for reason, videos in summary.rejected_in.items()),
            *((f"Read through: {why}", videos) for why, videos in summary.read_through_in.items()),
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
        title="Filtered and split pairs",
        lead="Which pairs are kept, which are dropped, and by what margin.",
        removed="dropped",
        funnel=_shards_funnel(source, assignment),
        sheets=[
            pair_sheets.overview_sheet("Kept", facts, facts["id"].filter(pc.greater_equal(facts["split"], 0))),
            *(
                pair_sheets.subset_sheet(name, facts, subset.ids, subset.rule)
                for name, subset in assignment.subsets.items()
            ),
            *pair_sheets.dropped_sheets(facts, assignment),
            *(pair_sheets.threshold_sheet(facts, threshold) for threshold in thresholds),
        ],
        rejections=assignment.dropped,
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
        ("after the filters", kept + near_duplicates),
        ("without near-duplicates", kept),
        *assignment.counts.items(),
        *((f"{name} (also in its split)", len(subset.ids)) for name, subset in assignment.subsets.items()),
    ]


def _write(folder: Folder, source: Folder, facts: pa.Table, page: _Page) -> FileDigest:
    """Write the page. source: the pairs folder with the pictures; facts: of all pairs, as _page_columns."""
    threshold_of = {threshold.measure: threshold for threshold in page.thresholds}
    actions = _by_count({item["values"]: item["counts"] for item in facts["action"].value_counts().to_pylist()})
    text = templates.render(
        "pairs.html",
        page=page,
        stats=[(len(facts), "pairs"), (len(actions), "actions"), (len(page.rejections), page.removed)],
        reasons=_by_count(Counter(str(item.reason).replace("_", " ") for item in page.rejections)),
        actions=actions[:_MAX_ACTIONS],
        more_actions=actions[_MAX_ACTIONS:],
        charts=[
            _chart(filters.measure_values(facts, name), threshold_of.get(name), label, min_range)
            for name, label, min_range in _MEASURES
        ],
        sheets=pair_sheets.load_thumbnails(source, [sheet for sheet in page.sheets if sheet.tiles]),
    ).encode()
    folder.write_bytes(PAGE_FILE, text)
    return FileDigest.of(text)


def _page_columns(facts: pa.Table) -> pa.Table:
    """The columns that the page needs, sorted by id."""
    names = {"id", "instruction", "action", "split", "sharpness_before", "sharpness_after"}
    names |= {name for name, _, _ in _MEASURES}
    return facts.select([name for name in facts.column_names if name in names]).sort_by("id")


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first, then by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _chart(
    values: NDArray[np.float64], threshold: Threshold | None, label: str, min_range: tuple[float, float]
) -> _Chart:
    """The histogram of a measure; values above the 99.5th percentile are counted in the last bin."""
    measured = values[~np.isnan(values)]
    bounds = [threshold.bound] if threshold else []
    ends = [*min_range, *(np.percentile(measured, [0, 99.5]) if len(measured) else []), *bounds]
    low, high = float(min(ends)), float(max(ends))
    counts, edges = np.histogram(np.clip(measured, low, high), _BINS, (low, high))
    bound = threshold.bound if threshold else None
    return _Chart(label, counts.tolist(), edges.tolist(), bound, len(values) - len(measured))
