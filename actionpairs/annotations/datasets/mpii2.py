"""MPII Cooking 2: attributesAnnotations_MPII-Cooking-2.mat, an HDF5 file with everything under /annos.

Strings are references to arrays of UTF-16 numbers. iaMat is a matrix of attributes × intervals: which activities
(their names end in V) and which objects an interval has. Its row names are in attributeMap.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from actionpairs.annotations.clips import Clip
from actionpairs.annotations.rows import file_name, load_bytes
from actionpairs.annotations.times import Times
from actionpairs.errors import AnnotationError, MissingExtraError
from actionpairs.formats import Mpii2Format
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection


@dataclass(frozen=True, slots=True)
class _Intervals:
    """The columns of the file that are used, one entry per interval."""

    rate: Fraction
    files: list[str]
    subjects: list[float]
    starts: list[float]
    ends: list[float]
    activities: list[str]
    objects: list[list[str]]


def read(urls: Sequence[str], mpii: Mpii2Format) -> Iterator[Clip | Rejection]:
    """Read the .mat files; the verb is the activity, the noun its objects in the order of the attribute map."""
    for url in urls:
        columns = _load_intervals(url)
        times = Times("frames", columns.rate, mpii.first_frame, mpii.end_included)
        for number, file in enumerate(columns.files):
            verb = columns.activities[number].removesuffix("V")
            noun = " ".join(name for name in columns.objects[number] if name not in mpii.leave_out)
            yield Clip(
                where=f"{file_name(url)}, interval {number + 1}",
                id=None,
                video=file,
                start=columns.starts[number],
                stop=columns.ends[number],
                times=times,
                group=f"s{columns.subjects[number]:02.0f}",
                verb=verb,
                noun=noun,
                label=f"{verb} {noun}".strip(),
            )


def _load_intervals(url: str) -> _Intervals:
    try:
        import h5py
    except ImportError:
        raise MissingExtraError.of("mpii", needed_for=url) from None
    # h5py raises exceptions of many types for a damaged file.
    try:
        with h5py.File(io.BytesIO(load_bytes(url)), "r") as file:
            columns = _columns(file)
    except Exception as error:
        raise AnnotationError(
            f"{url}: not the annotations of MPII Cooking 2: {error}.",
            cure="Give attributesAnnotations_MPII-Cooking-2.mat as it was downloaded.",
        ) from None
    lengths = {
        name: len(getattr(columns, name)) for name in ("subjects", "starts", "ends", "activities", "objects")
    }
    for name, length in lengths.items():
        if length != len(columns.files):
            raise AnnotationError(
                f"{url}: {length} {name} for {len(columns.files)} intervals.", cure="Download the file again."
            )
    return columns


def _columns(file: Any) -> _Intervals:
    annos = file["annos"]
    names = _texts(file, annos["attributeMap"])
    matrix = annos["iaMat"][()]  # attributes × intervals
    if matrix.shape[0] != len(names):
        raise ValueError(f"iaMat has {matrix.shape[0]} rows for {len(names)} attributes")
    things = [place for place, name in enumerate(names) if not name.endswith("V")]
    return _Intervals(
        rate=parse_rate(float(annos["frameRate"][()].item())),
        files=_texts(file, annos["fileName"]),
        subjects=annos["subject"][()].ravel().tolist(),
        starts=annos["startFrame"][()].ravel().tolist(),
        ends=annos["endFrame"][()].ravel().tolist(),
        activities=_texts(file, annos["activity"]),
        objects=[[names[place] for place in things if column[place]] for column in matrix.T],
    )


def _texts(file: Any, references: Any) -> list[str]:
    return [
        file[reference][()].astype("<u2").tobytes().decode("utf-16-le") for reference in references[()].ravel()
    ]
