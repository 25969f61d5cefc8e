"""Adds the most similar file of the folder to the rejections of missing videos: a name may be misspelled."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from actionpairs.records import Reason, Rejection
from actionpairs.video.catalog import list_names

MOST_NAMED = 10  # missing videos that a text names; more are only counted
NOT_THERE = "no such file in the folder"
_NEAREST = f"{NOT_THERE}; nearest: "
_MOST_FILES = 10_000  # to compare a name with more of them takes seconds
_LEAST_SIMILARITY = 0.75


def with_nearest(rejections: Sequence[Rejection], files: Sequence[str]) -> list[Rejection]:
    """The rejections; those of the first missing videos in order of name have the nearest file in their detail."""
    missing = {
        item.video for item in rejections if item.reason == Reason.VIDEO_MISSING and item.detail == NOT_THERE
    }
    by_stem = {_stem(file): file for file in reversed(files)} if len(files) <= _MOST_FILES else {}
    near = {video: _nearest(_stem(video), by_stem) for video in sorted(missing)[:MOST_NAMED]}
    return [
        replace(item, detail=f"{_NEAREST}{list_names([by_stem[stem]])}")
        if item.detail == NOT_THERE and (stem := near.get(item.video))
        else item
        for item in rejections
    ]


def nearest(rejection: Rejection) -> str:
    """The file that a rejection's detail names as the nearest; empty if it names none."""
    return rejection.detail.removeprefix(_NEAREST) if rejection.detail.startswith(_NEAREST) else ""


def _nearest(stem: str, stems: dict[str, str]) -> str:
    """The most similar stem; empty if none is similar. `clip_7` is not a misspelled `clip_8`."""
    near = difflib.get_close_matches(stem, stems, n=5, cutoff=_LEAST_SIMILARITY)
    return next((each for each in near if not _is_of_another_number(stem, each)), "")


def _is_of_another_number(one: str, two: str) -> bool:
    ours, theirs = ([digits.lstrip("0") for digits in re.findall(r"\d+", stem)] for stem in (one, two))
    return len(ours) == len(theirs) and ours != theirs


def _stem(name: str) -> str:
    return PurePosixPath(name).stem.lower()
