"""The summary of an extraction: how frames were decoded, what was rejected and in which videos."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from actionpairs import rates
from actionpairs.pairs import VideoNotes
from actionpairs.records import Reason, Rejection

# Rows that the recipe does not select, or that cannot be parsed, are not failures of the run.
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
_NAMED = 3  # number of videos that are named for each reason
_PACKET = re.compile(r"^packet \d+: ")  # the position in the file, which differs between videos


@dataclass(frozen=True, slots=True)
class ExtractSummary:
    """The result of an extraction: rows = pairs + all rejections + segments that --limit left out.

    pairs = planned + read_through. Planned pairs come from videos of which only the needed packets were decoded,
    or from frames released as JPEGs; read_through pairs from videos that were decoded from beginning to end.
    rejected_in and read_through_in name the videos, by reason. notes: warnings. lost: number of lost workers and
    nodes of a cluster; other workers extracted their videos.
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
    """Make the summary. counts: those of the manifest. rate: the recipe's frames per second."""
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
    """Reason → its videos: the names of the first few, and the number of the others."""
    videos_of: dict[str, set[str]] = defaultdict(set)
    for reason, video in reasons:
        videos_of[reason].add(video)
    return {reason: _list(sorted(videos)) for reason, videos in sorted(videos_of.items())}


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    # A file name can contain bytes that are not text.
    return ", ".join(name if name.isprintable() else ascii(name) for name in names[:_NAMED]) + more


def _rate_notes(videos: Mapping[str, VideoNotes], rate: Fraction | None) -> Iterator[str]:
    """A warning if frame numbers were converted with a rate that is not the video's own."""
    others = [
        file
        for file, notes in sorted(videos.items())
        if rate and notes.rate and rates.differ(rate, Fraction(notes.rate), seconds=notes.seconds)
    ]
    if others and rate:
        example = videos[others[0]]
        yield (
            f"frame numbers are converted with {float(rate):.6g} frames per second, but {_list(others)} "
            f"{'has' if len(others) == 1 else 'have'} another rate ({others[0]}: {example.rate:.6g}); check `rate`"
        )
