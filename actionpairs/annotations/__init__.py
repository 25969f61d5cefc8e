"""Read annotation files: one module per format, each with one function `read`.

Every row of a file becomes a Segment or a Rejection. A format yields Clips: a row's raw values, and how its times
are written. clips.py checks every Clip in the same way and converts it to a Segment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from actionpairs import formats
from actionpairs.annotations.clips import Clip, to_segment
from actionpairs.annotations.datasets import (
    activitynet,
    assembly101,
    breakfast,
    charades,
    crosstask,
    ego4d,
    egoexo4d_descriptions,
    egoexo4d_keysteps,
    egoexolearn,
    egtea,
    epic,
    goalstep,
    hdepic,
    holoassist,
    howto100m,
    meccano,
    mpii2,
    mpii2012,
    salads,
    ssv2,
    tacos,
    takes,
)
from actionpairs.annotations.file_checks import FileChecks
from actionpairs.annotations.lerobot import lerobot
from actionpairs.annotations.tables import table
from actionpairs.annotations.tables.column_guess import recipe_lines
from actionpairs.annotations.tools import boris, cvat, elan, label_studio, subtitles, via
from actionpairs.errors import AnnotationError
from actionpairs.formats import AnnotationFormat
from actionpairs.keys import Config
from actionpairs.rates import parse_rate
from actionpairs.records import Reason, Rejection, Segment

__all__ = ["FilePaths", "list_files", "missing_names", "read", "stated_rate", "without_guesses"]

FilePaths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def list_files(urls: FilePaths, annotations: AnnotationFormat | None = None) -> list[str]:
    """The annotation files at these paths or URLs; a local folder is replaced by all files below it, sorted.

    One path may stand for a list of one. Raises AnnotationError if a local file does not exist. The folder of a
    LeRobot data set, on disk or not, is replaced by those of its files that are read.
    """
    named = [os.fspath(url) for url in ([urls] if isinstance(urls, str | os.PathLike) else urls)]
    if isinstance(annotations, formats.LerobotFormat):
        return lerobot.list_files(named, annotations)
    paths: list[str] = []
    for url in named:
        if "://" not in url and not Path(url).exists():
            raise AnnotationError(
                f"--annotations {url}: there is no such file or folder.",
                cure=f"Check the path; it is looked up from {Path.cwd()}.",
            )
        if Path(url).is_dir():
            paths += sorted(str(path) for path in Path(url).rglob("*") if path.is_file())
        else:
            paths.append(url)
    return paths


def read(urls: Sequence[str], annotations: AnnotationFormat) -> Iterator[Segment | Rejection]:
    """Read annotation files of one format; of rows with the same id, all but the first are rejected.

    Raises AnnotationError if a file cannot be read at all: it is of another format, or (nearly) every row of it is
    unreadable.
    """
    if isinstance(annotations, formats.TableFormat):
        annotations = table.with_columns(urls, annotations)
    seen: set[str] = set()
    checks = FileChecks(urls)
    for clip in _clips(urls, annotations):
        row = to_segment(clip, annotations) if isinstance(clip, Clip) else clip
        checks.add(clip, row)
        if isinstance(row, Rejection):
            yield row
        elif row.id in seen:
            detail = "an earlier row has this id, or this video, times and words"
            yield Rejection(row.id, row.video, "extract", Reason.DUPLICATE_ID, detail)
        else:
            seen.add(row.id)
            yield row
    checks.check()


def without_guesses(
    urls: Sequence[str], annotations: AnnotationFormat
) -> tuple[AnnotationFormat, tuple[str, ...]]:
    """The format with columns and unit in place of guesses, and notes: the lines for the recipe that state them.

    Of a table whose columns the recipe states, the notes say which optional ones are not there.
    """
    if not isinstance(annotations, formats.TableFormat):
        return annotations, ()
    if annotations.columns != "guess":
        return annotations, table.absent_notes(urls, annotations)
    settled = table.with_columns(urls, annotations)
    return settled, (f"guessed from the table; to fix it, put this into the recipe:\n{recipe_lines(settled)}",)


def missing_names(urls: Sequence[str], annotations: AnnotationFormat) -> tuple[str, ...]:
    """Names that the recipe uses but these files do not contain, a phrase each; only `--dry-run` works without."""
    match annotations:
        case formats.EpicFormat():
            return epic.missing_names(urls, annotations)
        case formats.CharadesFormat():
            return charades.missing_names(urls)
        case formats.EgteaFormat():
            return egtea.missing_names(urls)
        case formats.CrossTaskFormat():
            return crosstask.missing_names(urls)
        case formats.EgoExoLearnFormat():
            return egoexolearn.missing_names(urls, annotations)
        case formats.EgoExo4dKeystepsFormat() | formats.EgoExo4dDescriptionsFormat():
            return takes.missing_names(urls, annotations)
        case _:
            return ()


def stated_rate(annotations: AnnotationFormat) -> Fraction | None:
    """The frame rate in the recipe by which frame numbers become times; None if it is not used."""
    match annotations:
        case formats.EgteaFormat():
            return None  # one of its files has frame numbers, the other milliseconds
        case formats.CvatFormat():
            return parse_rate(annotations.rate)
        case formats.LabelStudioFormat():
            return None  # of its player, by which annotators saw the video
        case formats.FrameTimes() | formats.SaladsFormat() | formats.Ego4dFormat(span="pre to post"):
            return parse_rate(annotations.rate)
        case formats.TableFormat(unit="frames" | "timecode"):
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
    formats.GoalStepFormat: goalstep.read,
    formats.EgoExo4dKeystepsFormat: egoexo4d_keysteps.read,
    formats.EgoExo4dDescriptionsFormat: egoexo4d_descriptions.read,
    formats.HdEpicFormat: hdepic.read,
    formats.Assembly101Format: assembly101.read,
    formats.EgoExoLearnFormat: egoexolearn.read,
    formats.CrossTaskFormat: crosstask.read,
    formats.HowTo100mFormat: howto100m.read,
    formats.LerobotFormat: lerobot.read,
    formats.ViaFormat: via.read,
    formats.ElanFormat: elan.read,
    formats.LabelStudioFormat: label_studio.read,
    formats.CvatFormat: cvat.read,
    formats.BorisFormat: boris.read,
    formats.SubtitlesFormat: subtitles.read,
}
