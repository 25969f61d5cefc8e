"""Notes about times that are probably in another unit than the recipe states, by the lengths of the videos.

Frame numbers or milliseconds that are read as seconds run past the ends of their videos, by a factor of at most
the frame rate or 1000, and near it where somebody annotated the video to its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from actionpairs.errors import AnnotationError
from actionpairs.extraction.summary import ExtractSummary
from actionpairs.extraction.video_pairs import VideoTask
from actionpairs.pairs import VideoNotes
from actionpairs.records import Reason, Segment

_LEAST_SHARE = 0.5  # of segments that run past the end; fewer are errors in single rows
_LEAST_PART = 0.25  # of a video that is annotated: so near the factor must be
_SLACK = 1.05
_FASTER = {1e3: "`unit: milliseconds`", 1e6: "`unit: microseconds`"}


@dataclass(frozen=True, slots=True)
class _Excess:
    """How far a stop lies past the end of its video. factor: the stop by the video's length."""

    stop_seconds: float
    notes: VideoNotes
    factor: float


def noted(
    summary: ExtractSummary,
    plan_notes: Sequence[str],
    tasks: Sequence[VideoTask],
    videos: Mapping[str, VideoNotes],
) -> ExtractSummary:
    """The summary with the notes of the plan, and with one about the unit of the times if it is suspicious.

    tasks: the segments of every video file. videos: what was found out about the files.
    """
    return replace(summary, notes=(*plan_notes, *_unit_notes(tasks, videos), *summary.notes))


def checked(
    summary: ExtractSummary, tasks: Sequence[VideoTask], videos: Mapping[str, VideoNotes]
) -> ExtractSummary:
    """The summary; raises AnnotationError if there is no pair, and times past the end are a reason for it."""
    if summary.pairs or Reason.PAST_END not in summary.rejected:
        return summary
    for note in _unit_notes(tasks, videos):
        raise AnnotationError(
            f"{summary.out}: no pair of {summary.selected:,} segments: {note}",
            cure="State the right `unit` (or `rate`) under `extract.annotations` in the recipe.",
        )
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary.rejected.items())
    raise AnnotationError(
        f"{summary.out}: no pair of {summary.selected:,} segments: {reasons}.",
        cure=f"Look at {summary.out}/index.html, which has every rejection with its reason.",
    )


def _unit_notes(tasks: Sequence[VideoTask], videos: Mapping[str, VideoNotes]) -> Iterator[str]:
    segments = [segment for task in tasks for segment in task.segments]
    past_end = [
        rejection
        for notes in videos.values()
        for rejection in notes.rejections
        if rejection.reason == Reason.PAST_END
    ]
    if not past_end or len(past_end) < _LEAST_SHARE * len(segments):
        return
    every = [_excess(each, videos[task.file]) for task in tasks if task.file in videos for each in task.segments]
    ranked = sorted((each for each in every if each is not None), key=lambda each: each.factor, reverse=True)
    # Some rows may be wrong besides: the largest that leaves out less than a tenth and that a unit explains.
    for worst in ranked[: 1 + len(ranked) // 10]:
        unit = _unit(worst, segments)
        if not unit:
            continue
        rate = f" at {worst.notes.rate:.4g} fps" if worst.notes.rate else ""
        yield (
            f"stop times run to {worst.stop_seconds:,.0f} s in a video of {worst.notes.seconds:,.0f} s{rate}: "
            f"is this {unit}?"
        )
        return


def _excess(segment: Segment, notes: VideoNotes) -> _Excess | None:
    """None if the length of the video is not known, or its segment has none."""
    stop = segment.stop_seconds
    if not notes.seconds or stop == float("inf"):
        return None
    return _Excess(stop, notes, stop / notes.seconds)


def _unit(worst: _Excess, segments: Sequence[Segment]) -> str:
    """The unit in words; empty if no unit explains the factor."""
    rate = worst.notes.rate or 0.0
    are_frames = any(segment.tolerance_seconds for segment in segments)
    are_whole = all(segment.stop_seconds.is_integer() for segment in segments)
    if all(segment.stop_seconds % 60 == 0 for segment in segments) and _is_near(worst.factor, 60):
        return "minutes and seconds that a spreadsheet took for hours and minutes"
    if not are_frames and are_whole and _is_near(worst.factor, rate):
        return "`unit: frames`"
    return next((words for factor, words in _FASTER.items() if _is_near(worst.factor, factor)), "")


def _is_near(factor: float, wanted: float) -> bool:
    return _LEAST_PART * wanted <= factor <= _SLACK * wanted
