"""Timestamps of decoded frames, computed as FFmpeg does where the container has none or contradicts itself."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from av.packet import Packet
from av.video.frame import VideoFrame

_BACK_SECONDS = Fraction(1, 10)  # ffmpeg_demux.c, ts_discontinuity_detect


class FrameClock:
    """The best-effort timestamp of each frame; call it with frames in decoder output order.

    PyAV does not expose libavcodec's `best_effort_timestamp`. This is its rule (decode.c, guess_correct_pts): use
    the pts, unless the pts have gone back more often than the dts. A frame with neither follows the frame before
    it, as in the ffmpeg command (ffmpeg_dec.c, video_duration_estimate). step: ticks from one frame to the next at
    the stream's rate.
    """

    def __init__(self, step: int = 0) -> None:
        self._step = step
        self._faulty_pts = self._faulty_dts = 0
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._last: int | None = None
        self._next = 0

    def time_of(self, frame: VideoFrame) -> int:
        """The frame's presentation time, in ticks of its stream."""
        pts, dts = frame.pts, frame.dts
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        trusted = pts is not None and (self._faulty_pts <= self._faulty_dts or dts is None)
        time = pts if trusted else dts
        if time is None:
            time = self._next
        gap = 0 if self._last is None else time - self._last
        # FFmpeg makes up a duration of one tick; it is wrong where frames are further apart.
        is_real = frame.duration > 0 and not (frame.duration == 1 and gap > 2)
        length = frame.duration if is_real else gap if gap > 0 else frame.duration or self._step
        self._next = time + length
        self._last = time
        return time


class DiscontinuityFixer:
    """Make the timestamps of a transport or program stream continuous where its clock restarts.

    Recordings that were joined play one after the other (ffmpeg_demux.c, ts_discontinuity_detect).
    `discontinuities` counts how often the clock went back.
    """

    def __init__(self, time_base: Fraction) -> None:
        self.discontinuities = 0
        self._offset = 0
        self._last: int | None = None
        self._next = 0
        self._tolerance = _BACK_SECONDS / time_base

    def correct(self, packet: Packet[Any]) -> None:
        """Shift a packet's timestamps, in place."""
        if packet.dts is not None:
            dts = packet.dts + self._offset
            if self._last is not None and dts + self._tolerance < self._last:
                self.discontinuities += 1
                self._offset += self._next - dts
                dts = self._next
            self._last, self._next = dts, dts + max(packet.duration or 0, 1)
        if self._offset:
            packet.pts = None if packet.pts is None else packet.pts + self._offset
            packet.dts = None if packet.dts is None else packet.dts + self._offset
