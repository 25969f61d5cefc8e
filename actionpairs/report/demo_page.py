"""The demo's page: what was rendered, cut, dropped and learned, and what the tiny model makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from actionpairs import pairs, shards, templates
from actionpairs.evaluation.records import Report
from actionpairs.extraction.summary import ExtractSummary
from actionpairs.records import Rejection
from actionpairs.report import tables
from actionpairs.report.tables import Cell, Column
from actionpairs.shards.summary import ShardSummary
from actionpairs.storage import Folder
from actionpairs.training import metric_log

_SHOWN_PAIRS, _SHOWN_EDITS, _SHOWN_PER_REASON = 9, 9, 2
_PAIR_HEIGHT_PIXELS, _EDIT_SIZE_PIXELS = 216, 128


@dataclass(frozen=True, slots=True)
class Chapter:
    """One data set of the demo, as extract and shard left it."""

    name: str
    camera: str
    cut: ExtractSummary
    packed: ShardSummary


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
class _Set:
    """A chapter with everything that the page shows of it."""

    chapter: Chapter
    shown: Sequence[_Pair]
    actions: Sequence[tuple[str, int]]
    rejections: Sequence[Rejection]
    report: Report
    columns: Sequence[Column]
    rows: Sequence[tuple[str, Sequence[Cell | None]]]
    edits: Sequence[_Edit]


def written(root: Path, chapters: Sequence[Chapter], reports: Sequence[Report]) -> str:
    """Fill the page from the demo's folders."""
    sets = [_set(root, chapter, report) for chapter, report in zip(chapters, reports, strict=True)]
    return templates.render(
        "demo.html",
        sets=sets,
        editor_curves=_curves(root / "model", ("static", "action", "regularization")),
        recognizer_curves=_curves(root / "recognizer", ("loss",)),
        discrimination=_curves(root / "model", ("discrimination",)),
    )


def _set(root: Path, chapter: Chapter, report: Report) -> _Set:
    columns = tables.columns(report)
    packed = Folder(chapter.packed.out)
    index = shards.read_index(packed)
    actions: dict[str, int] = {}
    for counts in index.samples_per_action.values():
        for action, count in counts.items():
            actions[action] = actions.get(action, 0) + count
    rejections = [*pairs.read_rejections(Folder(chapter.cut.out)), *pairs.read_rejections(packed)]
    return _Set(
        chapter,
        _pairs(packed, f"{chapter.name}-train"),
        sorted(actions.items(), key=lambda item: (-item[1], item[0]))[:24],
        _examples(rejections),
        report,
        columns,
        list(zip([row.name for row in report.rows], tables.cells(report, columns), strict=True)),
        _edits(root / chapter.name / "report", packed, report),
    )


def _pairs(folder: Folder, split: str) -> list[_Pair]:
    """Pairs of all verbs and from all scenes alike."""
    left = list(shards.entries(folder, split))
    verbs, scenes, shown = Counter[str](), Counter[str](), list[_Pair]()
    while left and len(shown) < _SHOWN_PAIRS:
        entry = min(left, key=lambda entry: (verbs[entry.verb], scenes[entry.group], entry.verb, entry.key))
        left.remove(entry)
        verbs[entry.verb] += 1
        scenes[entry.group] += 1
        before, after = shards.read_pictures(folder, entry)
        shown.append(_Pair(_smaller(before), _smaller(after), entry.instruction))
    return shown


def _examples(rejections: Sequence[Rejection]) -> list[Rejection]:
    """A few of each reason."""
    seen: Counter[str] = Counter()
    shown = []
    for item in rejections:
        seen[item.reason] += 1
        if seen[item.reason] <= _SHOWN_PER_REASON:
            shown.append(item)
    return shown


def _edits(folder: Path, packed: Folder, report: Report) -> list[_Edit]:
    """The first samples of the report, in the order of their keys: chosen by nobody."""
    model = report.rows[0]
    entries = {entry.key: entry for entry in shards.entries(packed, report.split)}
    shown: list[_Edit] = []
    for sample, scores in list(zip(report.samples, model.edits, strict=True))[:_SHOWN_EDITS]:
        original, truth = shards.read_pictures(packed, entries[sample.key])
        png = (folder / "edits" / model.name / f"{sample.key}.png").read_bytes()
        shown.append(
            _Edit(
                _square(original),
                _square(png),
                _square(truth),
                sample.instruction,
                scores.recognized or "",
                scores.recognized == sample.action,
            )
        )
    return shown


def _smaller(jpeg: bytes) -> str:
    picture = _decoded(jpeg)
    scale = _PAIR_HEIGHT_PIXELS / picture.shape[0]
    return _webp(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _square(data: bytes) -> str:
    """The center square as the model saw it, drawn larger."""
    picture = _decoded(data)
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = picture[top : top + side, left : left + side]
    size = (_EDIT_SIZE_PIXELS, _EDIT_SIZE_PIXELS)
    return _webp(cv2.resize(square, size, interpolation=cv2.INTER_AREA if side > size[0] else cv2.INTER_CUBIC))


def _decoded(data: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def _webp(picture: np.ndarray) -> str:
    return templates.picture(cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 85])[1].tobytes(), "webp")


def _curves(folder: Path, names: Sequence[str]) -> list[tuple[str, list[tuple[float, float]]]]:
    """Running means over a twentieth of the run, at most 200 points each."""
    rows = metric_log.read(folder / metric_log.TABLE_FILE)
    width = max(len(rows) // 20, 1)
    kernel = np.ones(width) / width
    series = []
    for name in names:
        values = np.convolve([row[name] for row in rows if name in row], kernel, mode="valid")
        steps = [row["step"] for row in rows][width - 1 :]
        stride = max(len(values) // 200, 1)
        series.append((name, list(zip(steps[::stride], values[::stride].tolist(), strict=False))))
    return series
