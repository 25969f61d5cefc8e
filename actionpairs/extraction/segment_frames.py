"""The pairs of a video: the frames that each segment needs, as JPEGs, with their facts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from actionpairs import measures
from actionpairs.configs import FramesConfig, PictureConfig
from actionpairs.extraction.frame_choice import chosen_frames
from actionpairs.extraction.frame_rules import SegmentFrames, WantedPair, Window, rejection, wanted_pairs
from actionpairs.records import FramePair, PairFacts, Reason, Rejection, Segment
from actionpairs.video.decode import Video
from actionpairs.video.released import ReleasedFrames
from actionpairs.video.scaling import FrameError, Picture, Pixels

_CHROMA = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


def frame_pairs(
    video: Video | ReleasedFrames,
    segments: Sequence[Segment],
    *,
    pictures_config: PictureConfig,
    frames_config: FramesConfig,
    past_end_seconds: float,
) -> Iterator[FramePair | Rejection]:
    """The pairs or the rejection of every segment; pairs come in the order of their last frames.

    frames_config: which frames are a pair. past_end_seconds: how far a segment may extend past the video's end.
    """
    waiting: list[WantedPair] = []
    for segment in segments:
        frames = _locate(segment, video, past_end_seconds)
        wanted = frames if isinstance(frames, Rejection) else wanted_pairs(frames, video.timeline, frames_config)
        if isinstance(wanted, Rejection):
            yield wanted
        else:
            waiting += wanted
    waiting.sort(key=lambda want: (want.after.last, want.before.last, want.segment.id), reverse=True)
    uses = Counter(window for want in waiting for window in (want.before, want.after))
    chosen: dict[Window, _Chosen] = {}
    # Windows come in the order of their last frames, so a pair is complete when its later window comes. A picture
    # is freed after the last pair that needs it.
    for window, position, picture in chosen_frames(video, uses, frames_config.choose):
        chosen[window] = _Chosen(position, picture)
        while waiting and {waiting[-1].before, waiting[-1].after} <= chosen.keys():
            want = waiting.pop()
            yield _pair(want.segment, chosen[want.before], chosen[want.after], video, pictures_config)
            for used in (want.before, want.after):
                uses[used] -= 1
                if not uses[used]:
                    del chosen[used]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A frame: its position in the timeline, and its picture."""

    position: int
    picture: Picture | FrameError


def _locate(segment: Segment, video: Video | ReleasedFrames, past_end_seconds: float) -> SegmentFrames | Rejection:
    """The frame on screen at the start, and the last frame before the stop; or a rejection."""
    timeline = video.timeline
    length = timeline.end_seconds
    if math.isinf(segment.stop_seconds) and segment.start_seconds < length:
        segment = replace(segment, stop_seconds=length)
    half_frame = segment.tolerance_seconds
    stop_seconds = segment.stop_seconds - half_frame
    if segment.start_seconds >= length or stop_seconds > length + past_end_seconds:
        detail = (
            f"{segment.start_seconds:.2f} to {segment.stop_seconds:.2f} s, but the video ends at {length:.2f} s"
        )
        if video.read_error:
            detail += f", because it cannot be read further: {video.read_error}"
        return rejection(segment, Reason.PAST_END, detail)
    if half_frame:
        before = timeline.for_frame_number(segment.start_seconds, half_frame_seconds=half_frame)
        after = timeline.for_frame_number(segment.stop_seconds, half_frame_seconds=half_frame, earlier=1)
    else:
        before = timeline.on_screen_at(segment.start_seconds)
        after = timeline.last_before(segment.stop_seconds)
    if before >= after:
        return rejection(
            segment, Reason.ONE_FRAME, f"it has only one frame, at {timeline.seconds_of(before):.3f} s"
        )
    return SegmentFrames(segment, before, after)


def _pair(
    segment: Segment, first: _Chosen, last: _Chosen, video: Video | ReleasedFrames, config: PictureConfig
) -> FramePair | Rejection:
    before, after, timeline = first.picture, last.picture, video.timeline
    before_seconds, after_seconds = timeline.seconds_of(first.position), timeline.seconds_of(last.position)
    if isinstance(before, FrameError):
        return _frame_error(segment, before, before_seconds)
    if isinstance(after, FrameError):
        return _frame_error(segment, after, after_seconds)
    if before.pixels.shape != after.pixels.shape:
        return rejection(segment, Reason.DECODE_ERROR, "the picture's size changes between the frames")
    height, width = before.pixels.shape[:2]
    facts = PairFacts(
        segment=segment,
        before_seconds=round(before_seconds, 6),
        after_seconds=round(after_seconds, 6),
        before_pts=timeline.frame_times[first.position],
        after_pts=timeline.frame_times[last.position],
        before_early_seconds=round(segment.start_seconds - before_seconds, 6),
        after_early_seconds=round(segment.stop_seconds - after_seconds, 6),
        decoded=video.decode_mode,
        treatment=before.treatment,
        width=width,
        height=height,
        measures=measures.measure(before.pixels, after.pixels),
    )
    return FramePair(facts, _jpeg(before.pixels, config), _jpeg(after.pixels, config))


def _frame_error(segment: Segment, picture: FrameError, seconds: float) -> Rejection:
    return rejection(segment, picture.reason, f"frame at {seconds:.3f} s: {picture.detail}")


def _jpeg(pixels: Pixels, config: PictureConfig) -> bytes:
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        config.quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        _CHROMA[config.chroma],
    ]
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)[1])
