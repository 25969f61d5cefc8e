"""Which frame is on screen at a time, where time 0 is, and best-effort timestamps."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from actionpairs.video.clock import DiscontinuityFixer, FrameClock
from actionpairs.video.packet_table import OriginRule
from actionpairs.video.timeline import Timeline, origin

MS = Fraction(1, 1000)


def frame(pts: int | None, dts: int | None, duration: int = 40) -> av.VideoFrame:
    made = av.VideoFrame(16, 16, "gray")
    made.pts, made.dts, made.duration = pts, dts, duration
    return made


def times(*stamps: tuple[int | None, int | None]) -> list[int]:
    clock = FrameClock()
    return [clock.time_of(frame(*each)) for each in stamps]


def test_presentation_times_that_ascend_are_kept() -> None:
    assert times((0, 0), (40, 80), (80, 40)) == [0, 40, 80]


def test_decoding_times_take_over_where_presentation_times_go_back() -> None:
    # libavcodec, decode.c, guess_correct_pts: from the first fault of one on, until the other has as many.
    assert times((0, 80), (120, 120), (40, 160), (80, 200)) == [0, 120, 160, 200]


def test_a_frame_without_any_time_follows_the_one_before() -> None:
    assert times((None, None), (None, None), (200, None), (None, None)) == [0, 40, 200, 240]


def test_two_recordings_joined_are_on_one_clock() -> None:
    fixer = DiscontinuityFixer(MS)
    times = []
    for dts in (1000, 1040, 1080, 1000, 1040, 9000):
        packet = av.Packet(b"x")
        packet.dts, packet.pts, packet.duration = dts, dts + 40, 40
        fixer.correct(packet)
        times.append((packet.dts, packet.pts))
    # 80 ms back are no seam: ffmpeg allows a tenth of a second.
    assert (fixer.discontinuities, times[:4]) == (0, [(1000, 1040), (1040, 1080), (1080, 1120), (1000, 1040)])
    fixer = DiscontinuityFixer(MS)
    times = []
    for dts in (1000, 1040, 5080, 1000, 1040):
        packet = av.Packet(b"x")
        packet.dts, packet.pts, packet.duration = dts, None, 40
        fixer.correct(packet)
        times.append((packet.dts, packet.pts))
    assert (fixer.discontinuities, times) == (1, [(dts, None) for dts in (1000, 1040, 5080, 5120, 5160)])


@pytest.mark.parametrize(
    ("first", "sound", "expected"),
    [
        (0, None, 0),
        (5000, None, 5000),
        (1500, Fraction(0), 0),  # nothing is seen for 1.5 s
        (1500, Fraction(1), 1000),
        (50, Fraction(0), 50),  # encoder priming
        (51, Fraction(0), 0),
        (20, Fraction(-1), 20),  # sound before the file's own zero is not heard
        (1500, Fraction(2), 1500),
    ],
)
def test_time_zero_is_where_players_begin(first: int, sound: Fraction | None, expected: int) -> None:
    assert origin(first, MS, sound_seconds=sound, time_zero="first frame") == expected
    assert origin(first, MS, sound_seconds=sound, time_zero="pts") == 0


def test_sound_that_is_sent_ahead_counts_from_the_first_packet_of_pictures() -> None:
    """A transport stream: sound at 1 s, packets from 2 s on, the first picture that can be decoded at 2.4 s."""
    for sends_ahead, sound, expected in ((True, 1, 2000), (False, 1, 1000), (True, None, 2400)):
        rule = OriginRule(None if sound is None else Fraction(sound), sends_ahead, "first frame")
        assert rule.origin(2400, [None, 2000, 2040], MS) == expected


def test_positions_are_those_of_players() -> None:
    timeline = Timeline(MS, frame_times=(100, 140, 140, 180), end=220, origin=100)
    assert [timeline.on_screen_at(at) for at in (0, 0.039, 0.04, 0.07, 0.08, 9)] == [0, 0, 2, 2, 3, 3]
    assert [timeline.last_before(at) for at in (0, 0.04, 0.0401, 0.08, 9)] == [0, 0, 2, 2, 3]
    assert (timeline.end_seconds, timeline.rate) == (0.12, Fraction(3, 1) / (80 * MS))


def test_a_frame_number_means_the_nearest_frame() -> None:
    frame_times = tuple(round(number * 1001 / 30) for number in range(300))  # a container of milliseconds
    timeline = Timeline(MS, frame_times, end=frame_times[-1] + 33, origin=0)
    rate = Fraction(30000, 1001)
    half = float(1 / (2 * rate))
    for number in range(300):
        assert timeline.for_frame_number(number / float(rate), half_frame_seconds=half) == number
        assert timeline.for_frame_number((number + 1) / float(rate), half_frame_seconds=half, earlier=1) == number
