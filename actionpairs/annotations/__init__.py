"""Annotation files in, segments out: one format per file, read by one function each.

Every row of a file becomes a Segment or a Rejection. A format makes Clips, which hold what the file says and how
its times are to be read; clips.py judges them all alike. Nothing after this room knows what a row looked like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import assert_never

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
from actionpairs.annotations.clips import Clip, judge
from actionpairs.formats import AnnotationFormat
from actionpairs.rates import exact
from actionpairs.records import Reason, Rejection, Segment

__all__ = ["files", "read", "stated_rate", "untold"]


def files(urls: Sequence[str]) -> list[str]:
    """The annotation files that are meant: a folder on this machine stands for all files below it, sorted."""
    found: list[str] = []
    for url in urls:
        if Path(url).is_dir():
            found += sorted(str(path) for path in Path(url).rglob("*") if path.is_file())
        else:
            found.append(url)
    return found


def read(urls: Sequence[str], annotations: AnnotationFormat) -> Iterator[Segment | Rejection]:
    """Read annotation files of one format; of rows with the same id the first counts, the others are rejected.

    Raises AnnotationError where a file as a whole cannot be read.
    """
    seen: set[str] = set()
    for clip in _clips(urls, annotations):
        row = judge(clip, annotations) if isinstance(clip, Clip) else clip
        if isinstance(row, Rejection):
            yield row
        elif row.id in seen:
            detail = "an earlier row has this id, or this video, times and words"
            yield Rejection(row.id, row.video, "extract", Reason.DUPLICATE_ID, detail)
        else:
            seen.add(row.id)
            yield row


def untold(urls: Sequence[str], annotations: AnnotationFormat) -> tuple[str, ...]:
    """What a recipe asks for and these files do not tell, a sentence each: counts do without, pairs do not."""
    match annotations:
        case formats.EpicFormat():
            return epic.untold(urls, annotations)
        case formats.CharadesFormat():
            return charades.untold(urls)
        case formats.EgteaFormat():
            return egtea.untold(urls)
        case _:
            return ()


def stated_rate(annotations: AnnotationFormat) -> Fraction | None:
    """The frames per second that a recipe counts by; None where it counts none, or the files say how."""
    match annotations:
        case formats.EgteaFormat():
            return None  # one of its files counts frames, the other milliseconds
        case formats.FrameTimes() | formats.SaladsFormat() | formats.Ego4dFormat(span="pre to post"):
            return exact(annotations.rate)
        case formats.TableFormat(unit="frames"):
            return exact(annotations.rate)
        case _:
            return None


def _clips(urls: Sequence[str], annotations: AnnotationFormat) -> Iterator[Clip | Rejection]:
    match annotations:
        case formats.TableFormat():
            return table.read(urls, annotations)
        case formats.Epic100Format() | formats.Epic55Format():
            return epic.read(urls, annotations)
        case formats.Mpii2012Format():
            return mpii2012.read(urls, annotations)
        case formats.Mpii2Format():
            return mpii2.read(urls, annotations)
        case formats.TacosFormat():
            return tacos.read(urls, annotations)
        case formats.ActivityNetFormat():
            return activitynet.read(urls, annotations)
        case formats.CharadesFormat():
            return charades.read(urls, annotations)
        case formats.Ssv2Format():
            return ssv2.read(urls, annotations)
        case formats.Ego4dFormat():
            return ego4d.read(urls, annotations)
        case formats.HoloAssistFormat():
            return holoassist.read(urls, annotations)
        case formats.BreakfastFormat():
            return breakfast.read(urls, annotations)
        case formats.SaladsFormat():
            return salads.read(urls, annotations)
        case formats.EgteaFormat():
            return egtea.read(urls, annotations)
        case formats.MeccanoFormat():
            return meccano.read(urls, annotations)
        case _:
            assert_never(annotations)
