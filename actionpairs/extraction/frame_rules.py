"""Which frames of a segment a recipe wants (`extract.frames`): functions of a segment, a timeline and the rule.

docs/extraction.md states the same in words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from actionpairs.configs import FramesConfig
from actionpairs.records import Reason, Rejection, Segment
from actionpairs.video.timeline import Timeline

_DECIMALS = 6  # asked times are whole microseconds, so that a sum of floats is the number a reader expects
_SLACK_SECONDS = 1e-6
_ASSUMED_SECONDS = 60.0  # of a segment without a stated stop, when memory is planned; such clips are short


@dataclass(frozen=True, slots=True)
class Window:
    """The positions among which one frame is chosen, both ends included. asked: the frame at the asked time."""

    asked: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class WantedPair:
    """The windows of a pair's two frames. The segment's start and stop are the times that are asked for."""

    segment: Segment
    before: Window
    after: Window


@dataclass(frozen=True, slots=True)
class SegmentFrames:
    """A segment, and the positions of its first and its last frame: first < last."""

    segment: Segment
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """The frames of one pair before any choice. start, stop: in seconds. number: the pair's in its segment."""

    number: int
    start: float
    stop: float
    before: int
    after: int


def rejection(segment: Segment, reason: Reason, detail: str) -> Rejection:
    """The rejection of a segment by extract."""
    return Rejection(segment.id, segment.video, "extract", reason, detail)


def most_pairs(segment: Segment, rule: FramesConfig) -> int:
    """How many pairs a segment gives at most, as far as is known without its video."""
    if rule.every_seconds is None:
        return rule.pairs
    length = segment.duration_seconds if math.isfinite(segment.stop_seconds) else _ASSUMED_SECONDS
    return int(max(length - (rule.seconds or 0.0), 0.0) / rule.every_seconds) + 1


def wanted_pairs(frames: SegmentFrames, timeline: Timeline, rule: FramesConfig) -> list[WantedPair] | Rejection:
    """The pairs of a segment, or why it has none.

    With `rule: ahead`, the id of a pair is that of the segment and a number. Pairs of the same two frames as an
    earlier one are left out, and so are those whose two frames are one.
    """
    segment = frames.segment
    if rule.rule == "first and last":
        asked = _Asked(0, segment.start_seconds, segment.stop_seconds, frames.first, frames.last)
        return [_wanted(segment, asked, timeline, rule.within_seconds)]
    too_short = _too_short(frames, timeline, rule)
    if too_short:
        return rejection(segment, Reason.TOO_SHORT, too_short)
    ahead = _frames_ahead if rule.seconds is None else _seconds_ahead
    asked_of: dict[tuple[int, int], _Asked] = {}
    for each in ahead(frames, timeline, rule):
        if each.before < each.after and each.start < each.stop:
            asked_of.setdefault((each.before, each.after), each)
    if not asked_of:
        seconds = timeline.seconds_of(frames.first)
        detail = f"no later frame is {_distance(rule)} ahead of the one at {seconds:.3f} s"
        return rejection(segment, Reason.ONE_FRAME, detail)
    return [
        _wanted(replace(segment, id=f"{segment.id}-{each.number}"), each, timeline, rule.within_seconds)
        for each in asked_of.values()
    ]


def _too_short(frames: SegmentFrames, timeline: Timeline, rule: FramesConfig) -> str:
    """Why no pair of this distance is in the segment; "" if there is one."""
    if rule.seconds is not None and _seconds_of_room(frames, timeline, rule.seconds) < -_SLACK_SECONDS:
        length = rule.seconds + _seconds_of_room(frames, timeline, rule.seconds)
        return f"it lasts {length:.3f} s, and the frames of a pair are {_distance(rule)} apart"
    if rule.frames is not None and frames.last - frames.first < rule.frames:
        return f"it has {frames.last - frames.first + 1} frames, and those of a pair are {_distance(rule)} apart"
    return ""


def _distance(rule: FramesConfig) -> str:
    return f"{rule.frames} frames" if rule.seconds is None else f"{rule.seconds:g} s"


def _seconds_of_room(frames: SegmentFrames, timeline: Timeline, seconds: float) -> float:
    """How much later than the segment's start a pair can start, for its second frame to be in the segment."""
    return min(frames.segment.stop_seconds, timeline.end_seconds) - frames.segment.start_seconds - seconds


def _seconds_ahead(frames: SegmentFrames, timeline: Timeline, rule: FramesConfig) -> Iterator[_Asked]:
    segment, seconds = frames.segment, rule.seconds or 0.0
    room = max(_seconds_of_room(frames, timeline, seconds), 0.0)
    if rule.every_seconds is None:
        offsets = [number * room / max(rule.pairs - 1, 1) for number in range(rule.pairs)]
    else:
        every = rule.every_seconds
        offsets = [number * every for number in range(int((room + _SLACK_SECONDS) / every) + 1)]
    for number, offset in enumerate(offsets):
        start = round(segment.start_seconds + offset, _DECIMALS)
        stop = round(start + seconds, _DECIMALS)
        before, after = (_frame_at(frames, timeline, asked) for asked in (start, stop))
        yield _Asked(number, start, stop, before, after)


def _frames_ahead(frames: SegmentFrames, timeline: Timeline, rule: FramesConfig) -> Iterator[_Asked]:
    ahead = rule.frames or 0
    for number, position in enumerate(_frame_starts(frames, timeline, rule, frames.last - frames.first - ahead)):
        start = max(timeline.seconds_of(position), frames.segment.start_seconds)
        stop = timeline.seconds_of(position + ahead)
        yield _Asked(number, round(start, _DECIMALS), round(stop, _DECIMALS), position, position + ahead)


def _frame_starts(frames: SegmentFrames, timeline: Timeline, rule: FramesConfig, room: int) -> Iterator[int]:
    """The positions of the first frames. room: how many frames later than the segment's first one they can be."""
    if rule.every_seconds is None:
        for number in range(rule.pairs):
            yield frames.first + number * room // max(rule.pairs - 1, 1)
        return
    for number in count():
        seconds = round(frames.segment.start_seconds + number * rule.every_seconds, _DECIMALS)
        position = _frame_at(frames, timeline, seconds)
        if position > frames.first + room:
            return
        yield position


def _frame_at(frames: SegmentFrames, timeline: Timeline, seconds: float) -> int:
    """The frame at a time of the annotation's clock, never outside the segment."""
    half_frame = frames.segment.tolerance_seconds
    if half_frame:
        position = timeline.for_frame_number(seconds, half_frame_seconds=half_frame)
    else:
        position = timeline.on_screen_at(seconds)
    return min(max(position, frames.first), frames.last)


def _wanted(segment: Segment, asked: _Asked, timeline: Timeline, within_seconds: float | None) -> WantedPair:
    segment = replace(segment, start_seconds=asked.start, stop_seconds=asked.stop)
    if within_seconds is None:
        return WantedPair(segment, *(Window(place, place, place) for place in (asked.before, asked.after)))
    middle = (asked.before + asked.after) // 2  # no frame may be chosen for both, nor the later one as the first
    last = len(timeline.frame_times) - 1
    before = _near(asked.before, asked.start, timeline, within_seconds)
    after = _near(asked.after, asked.stop, timeline, within_seconds)
    return WantedPair(
        segment,
        replace(before, last=min(before.last, middle)),
        replace(after, first=max(after.first, middle + 1), last=min(after.last, last)),
    )


def _near(position: int, seconds: float, timeline: Timeline, within_seconds: float) -> Window:
    """The frames that are on screen within so many seconds of an asked time, and the frame that is asked for."""
    first = timeline.on_screen_at(round(seconds - within_seconds, _DECIMALS))
    last = timeline.on_screen_at(round(seconds + within_seconds, _DECIMALS))
    return Window(position, min(first, position), max(last, position))
