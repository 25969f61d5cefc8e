"""What an extraction has to say of itself: how its frames were had, what was turned down and in which videos."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from actionpairs import rates
from actionpairs.pairs import VideoNotes
from actionpairs.records import Reason, Rejection

# Rows that the recipe does not want, or that cannot be read, are not failures of the run.
FAILURES = frozenset(
    {
        Reason.VIDEO_MISSING,
        Reason.VIDEO_AMBIGUOUS,
        Reason.VIDEO_UNREADABLE,
        Reason.NO_VIDEO_STREAM,
        Reason.PAST_END,
        Reason.ONE_FRAME,
        Reason.DECODE_ERROR,
        Reason.DAMAGED_PICTURE,
        Reason.HDR_UNSUPPORTED,
        Reason.WORKER_DIED,
        Reason.TIMED_OUT,
        Reason.VIDEO_FAILED,
    }
)
_NAMED = 3  # videos, of each reason
_PACKET = re.compile(r"^packet \d+: ")  # where in the file: another one in each


@dataclass(frozen=True, slots=True)
class ExtractSummary:
    """What came of an extraction: rows = pairs + all that was rejected + what --limit left out.

    pairs = planned + read_through: those of videos whose packets prove which frames they hold, and those of videos
    that had to be decoded from beginning to end (of frames released as JPEGs, planned). rejected_in and
    read_through_in name the videos, by reason. notes: what looks wrong. lost: workers and nodes of a cluster that
    went away, and whose videos were cut elsewhere.
    """

    out: str
    rows: int
    selected: int
    videos: int
    pairs: int
    planned: int
    read_through: int
    rejected: Mapping[str, int]  # reason → count
    rejected_in: Mapping[str, str]
    read_through_in: Mapping[str, str]
    notes: tuple[str, ...]
    lost: int = 0


def summarize(
    out: str,
    counts: Mapping[str, int],
    rejections: Sequence[Rejection],
    videos: Mapping[str, VideoNotes],
    *,
    rate: Fraction | None,
) -> ExtractSummary:
    """Sum an extraction up; counts: as its manifest has them. rate: frames per second that the recipe states."""
    rejected = Counter(str(item.reason) for item in rejections)
    return ExtractSummary(
        out,
        counts["rows"],
        counts["selected"],
        counts["videos"],
        counts["pairs"],
        counts["pairs"] - counts["read_through"],
        counts["read_through"],
        dict(sorted(rejected.items())),
        _named((str(item.reason), item.video) for item in rejections if item.reason in FAILURES),
        _named(
            (_PACKET.sub("", notes.read_through), file) for file, notes in videos.items() if notes.read_through
        ),
        tuple(_rate_notes(videos, rate)),
    )


def _named(reasons: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Reason → the videos that it holds for, the first few by name."""
    found: dict[str, set[str]] = defaultdict(set)
    for reason, video in reasons:
        found[reason].add(video)
    return {reason: _list(sorted(videos)) for reason, videos in sorted(found.items())}


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    # A file's name can hold bytes that no text can.
    return ", ".join(name if name.isprintable() else ascii(name) for name in names[:_NAMED]) + more


def _rate_notes(videos: Mapping[str, VideoNotes], rate: Fraction | None) -> Iterator[str]:
    """Where frame numbers were mapped by a rate that is not the video's own."""
    others = [
        file
        for file, notes in sorted(videos.items())
        if rate and notes.rate and rates.differ(rate, Fraction(notes.rate), seconds=notes.seconds)
    ]
    if others and rate:
        example = videos[others[0]]
        yield (
            f"frame numbers are mapped by {float(rate):.6g} frames per second, but {_list(others)} "
            f"{'has' if len(others) == 1 else 'have'} another rate ({others[0]}: {example.rate:.6g}); check `rate`"
        )
