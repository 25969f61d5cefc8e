"""Makes the measures of one video's pairs again from the stored JPEGs. No video is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from actionpairs import measures, pairs
from actionpairs.errors import StorageError
from actionpairs.manifest import FileDigest
from actionpairs.opencv import one_thread
from actionpairs.records import Measures
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class MeasureTask:
    """The file of one video's pairs, and the output folder for the file with new measures."""

    source_url: str
    out_url: str
    name: str


def remeasure_video(task: MeasureTask) -> FileDigest:
    """Write the file of one video's pairs with new measures; everything else stays as it was.

    Raises StorageError where a stored picture cannot be decoded.
    """
    source = Folder(task.source_url)
    try:
        notes = pairs.load_notes(source, task.name, oldest=1)
        with one_thread():
            measured = list(pairs.load_measured(source, task.name, measure_jpegs))
    except ValueError as error:
        cure = "Run extract again, into a new folder."
        raise StorageError(f"{source}/{task.name}: {error}.", cure=cure) from None
    return pairs.write(Folder(task.out_url), task.name, measured, replace(notes, measured_from="jpeg"))


def measure_jpegs(before: bytes, after: bytes) -> Measures:
    """The measures of a pair from its two JPEGs; raises ValueError where one cannot be decoded."""
    data = (np.frombuffer(jpeg or b"\0", np.uint8) for jpeg in (before, after))
    first, last = (cv2.imdecode(each, cv2.IMREAD_COLOR) for each in data)
    if first is None or last is None:
        raise ValueError("a stored picture cannot be decoded")
    return measures.measure(first.astype(np.uint8, copy=False), last.astype(np.uint8, copy=False))
