"""Read annotation files: one module per format, each with one function `read`.

Every row of a file becomes a Segment or a Rejection. A format yields Clips: a row's raw values, and how its times
are written. clips.py checks every Clip in the same way and converts it to a Segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from actionpairs import formats
from actionpairs.annotations import (
    activitynet,
    breakfast,
    charades,
    ego4d,
    egtea,
    epic,
    holoassist,
    meccano,
    mpii2,
    mpii2012,
    salads,
    ssv2,
    table,
    tacos,
)
from actionpairs.annotations.clips import Clip, to_segment
from actionpairs.formats import AnnotationFormat
from actionpairs.keys import Config
from actionpairs.rates import parse_rate
from actionpairs.records import Reason, Rejection, Segment

__all__ = ["list_files", "missing_names", "read", "stated_rate"]


def list_files(urls: Sequence[str]) -> list[str]:
    """The annotation files at these paths or URLs; a local folder is replaced by all files below it, sorted."""
    paths: list[str] = []
    for url in urls:
        if Path(url).is_dir():
            paths += sorted(str(path) for path in Path(url).rglob("*") if path.is_file())
        else:
            paths.append(url)
    return paths


def read(urls: Sequence[str], annotations: AnnotationFormat) -> Iterator[Segment | Rejection]:
    """Read annotation files of one format; of rows with the same id, all but the first are rejected.

    Raises AnnotationError if a file cannot be read at all.
    """
    seen: set[str] = set()
    for clip in _clips(urls, annotations):
        row = to_segment(clip, annotations) if isinstance(clip, Clip) else clip
        if isinstance(row, Rejection):
            yield row
        elif row.id in seen:
            detail = "an earlier row has this id, or this video, times and words"
            yield Rejection(row.id, row.video, "extract", Reason.DUPLICATE_ID, detail)
        else:
            seen.add(row.id)
            yield row


def missing_names(urls: Sequence[str], annotations: AnnotationFormat) -> tuple[str, ...]:
    """Names that the recipe uses but these files do not contain, a phrase each; only `--dry-run` works without."""
    match annotations:
        case formats.EpicFormat():
            return epic.missing_names(urls, annotations)
        case formats.CharadesFormat():
            return charades.missing_names(urls)
        case formats.EgteaFormat():
            return egtea.missing_names(urls)
        case _:
            return ()


def stated_rate(annotations: AnnotationFormat) -> Fraction | None:
    """The frame rate in the recipe by which frame numbers become times; None if it is not used."""
    match annotations:
        case formats.EgteaFormat():
            return None  # one of its files has frame numbers, the other milliseconds
        case formats.FrameTimes() | formats.SaladsFormat() | formats.Ego4dFormat(span="pre to post"):
            return parse_rate(annotations.rate)
        case formats.TableFormat(unit="frames"):
            return parse_rate(annotations.rate)
        case _:
            return None


def _clips(urls: Sequence[str], annotations: AnnotationFormat) -> Iterator[Clip | Rejection]:
    return _READERS[type(annotations)](urls, annotations)


_READERS: Mapping[type[Config], Callable[[Sequence[str], Any], Iterator[Clip | Rejection]]] = {
    formats.TableFormat: table.read,
    formats.Epic100Format: epic.read,
    formats.Epic55Format: epic.read,
    formats.Mpii2012Format: mpii2012.read,
    formats.Mpii2Format: mpii2.read,
    formats.TacosFormat: tacos.read,
    formats.ActivityNetFormat: activitynet.read,
    formats.CharadesFormat: charades.read,
    formats.Ssv2Format: ssv2.read,
    formats.Ego4dFormat: ego4d.read,
    formats.HoloAssistFormat: holoassist.read,
    formats.BreakfastFormat: breakfast.read,
    formats.SaladsFormat: salads.read,
    formats.EgteaFormat: egtea.read,
    formats.MeccanoFormat: meccano.read,
}
