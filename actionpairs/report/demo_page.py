"""The demo's page: pairs, rejections, training curves, scores and edits."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from actionpairs import manifest, pairs, shards, templates
from actionpairs.data import examples
from actionpairs.editors import families
from actionpairs.evaluation.records import Report
from actionpairs.extraction.summary import ExtractSummary
from actionpairs.metrics.action_accuracy import TOP_1
from actionpairs.records import Rejection
from actionpairs.report import measure_texts, page_pictures, tables
from actionpairs.report.tables import Cell, Column
from actionpairs.shards.summary import ShardSummary
from actionpairs.storage import Folder
from actionpairs.training import metric_log

_MAX_PAIRS, _MAX_EDITS, _MAX_PER_REASON, _MAX_ACTIONS = 9, 9, 2, 24
_PAIR_SIDE_PIXELS, _EDIT_SIZE_PIXELS = 640, 128


@dataclass(frozen=True, slots=True)
class DemoSet:
    """One data set of the demo, as extract and shard left it."""

    name: str
    camera: str
    extracted: ExtractSummary
    sharded: ShardSummary


@dataclass(frozen=True, slots=True)
class _Pair:
    before: str  # data URI
    after: str
    instruction: str


@dataclass(frozen=True, slots=True)
class _Edit:
    original: str  # data URI
    edit: str
    truth: str
    instruction: str
    recognized: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class _Editor:
    """What the page says of the editor. base_weight: of L_reg; 0 where there is no model to stay near to."""

    family: str
    from_nothing: bool
    base_weight: float


@dataclass(frozen=True, slots=True)
class _SetView:
    """A data set with everything that the page shows of it."""

    set: DemoSet
    pairs: Sequence[_Pair]
    actions: Sequence[tuple[str, int]]
    rejections: Sequence[Rejection]
    report: Report
    scores: Sequence[tuple[Column, Sequence[Cell | None]]]  # one cell per row of the report
    edits: Sequence[_Edit]


def render_page(root: Path, sets: Sequence[DemoSet], reports: Sequence[Report]) -> str:
    """Render the page from the demo's folders. root: the demo's output folder; reports: one per set."""
    return templates.render(
        "demo.html",
        sets=[_view(root, demo_set, report) for demo_set, report in zip(sets, reports, strict=True)],
        editor=_editor(root / "model"),
        editor_curves=_curves(root / "model", ("static", "action", "regularization")),
        recognizer_curves=_curves(root / "recognizer", ("loss",)),
        discrimination=_curves(root / "model", ("discrimination",)),
    )


def _editor(folder: Path) -> _Editor:
    """What was trained, as the model's folder says."""
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    config = json.loads((folder / manifest.RECIPE_FILE).read_text(encoding="utf-8"))["config"]
    family = families.family_of(index["_class_name"], folder.name)
    return _Editor(family.traits.name, bool(config["model"].get("tiny")), config["regularization"]["weight"])


def _view(root: Path, demo_set: DemoSet, report: Report) -> _SetView:
    columns = tables.columns(report)
    folder = Folder(demo_set.sharded.out)
    actions = Counter[str]()
    for counts in shards.load_index(folder).samples_per_action.values():
        actions.update(counts)
    dropped = [replace(item, detail=measure_texts.in_words(item.detail)) for item in pairs.load_rejections(folder)]
    rejections = [*pairs.load_rejections(Folder(demo_set.extracted.out)), *dropped]
    return _SetView(
        demo_set,
        _pairs(folder, f"{demo_set.name}-train"),
        sorted(actions.items(), key=lambda item: (-item[1], item[0]))[:_MAX_ACTIONS],
        _first_per_reason(rejections),
        report,
        list(zip(columns, zip(*tables.cells(report, columns), strict=True), strict=True)),
        _edits(root / demo_set.name / "report", folder, report),
    )


def _pairs(folder: Folder, split: str) -> list[_Pair]:
    """Some pairs of a split, balanced over verbs and scenes."""
    entries = list(shards.load_entries(folder, split))
    verbs, scenes, chosen = Counter[str](), Counter[str](), list[_Pair]()
    while entries and len(chosen) < _MAX_PAIRS:
        entry = min(entries, key=lambda entry: (verbs[entry.verb], scenes[entry.group], entry.verb, entry.key))
        entries.remove(entry)
        verbs[entry.verb] += 1
        scenes[entry.group] += 1
        before, after = shards.load_pictures(folder, entry)
        chosen.append(_Pair(_pair_thumbnail(before), _pair_thumbnail(after), entry.instruction))
    return chosen


def _first_per_reason(rejections: Sequence[Rejection]) -> list[Rejection]:
    """The first rejections of each reason."""
    counts: Counter[str] = Counter()
    chosen = []
    for item in rejections:
        counts[item.reason] += 1
        if counts[item.reason] <= _MAX_PER_REASON:
            chosen.append(item)
    return chosen


def _edits(report_folder: Path, folder: Folder, report: Report) -> list[_Edit]:
    """The first samples of the report in the order of their keys, not a selection of good ones."""
    model = report.rows[0]
    entries = {entry.key: entry for entry in shards.load_entries(folder, report.split)}
    edits: list[_Edit] = []
    for sample, scores in list(zip(report.samples, model.edits, strict=True))[:_MAX_EDITS]:
        original, truth = shards.load_pictures(folder, entries[sample.key])
        png = _decoded((report_folder / "predictions" / model.name / f"{sample.key}.png").read_bytes())
        recognized = scores.texts.get(TOP_1.name, "")
        edits.append(
            _Edit(
                _edit_thumbnail(_decoded(original), png.shape),
                _edit_thumbnail(png, png.shape),
                _edit_thumbnail(_decoded(truth), png.shape),
                sample.instruction,
                recognized,
                recognized == sample.action,
            )
        )
    return edits


def _pair_thumbnail(jpeg: bytes) -> str:
    return templates.picture(page_pictures.webp(_decoded(jpeg), _PAIR_SIDE_PIXELS), "webp")


def _edit_thumbnail(picture: np.ndarray, shape: Sequence[int]) -> str:
    """What the model saw of a picture, for it edits at this shape, scaled to one width."""
    return _webp(
        examples.fit(picture, (max(1, round(_EDIT_SIZE_PIXELS * shape[0] / shape[1])), _EDIT_SIZE_PIXELS))
    )


def _decoded(data: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def _webp(picture: np.ndarray) -> str:
    return templates.picture(cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 85])[1].tobytes(), "webp")


def _curves(folder: Path, names: Sequence[str]) -> list[tuple[str, list[tuple[float, float]]]]:
    """Running means over a twentieth of the run, at most 200 points each. Steps without a value are left out."""
    every = metric_log.load_rows(folder / metric_log.TABLE_FILE)
    series = []
    for name in names:
        rows = [row for row in every if math.isfinite(row.get(name, math.nan))]
        if not rows:
            continue  # a loss of weight 0
        width = max(len(rows) // 20, 1)
        values = np.convolve([row[name] for row in rows], np.ones(width) / width, mode="valid")
        steps = [row["step"] for row in rows][width - 1 :]
        stride = max(len(values) // 200, 1)
        series.append((name, list(zip(steps[::stride], values[::stride].tolist(), strict=False))))
    return series
