"""The frames that a rule wants are those of its definition in docs/extraction.md, computed by brute force."""

from __future__ import annotations

import random
import weakref
from collections.abc import Iterator, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from actionpairs.configs import FramesConfig
from actionpairs.extraction.frame_choice import chosen_frames
from actionpairs.extraction.frame_rules import SegmentFrames, WantedPair, Window, most_pairs, wanted_pairs
from actionpairs.records import Reason, Rejection, Segment
from actionpairs.video.scaling import FrameError, Picture
from actionpairs.video.timeline import Timeline

SLACK = Fraction(1, 1_000_000)
PLAIN = FramesConfig()


def segment(start: float, stop: float, **facts: Any) -> Segment:
    return Segment("P01_1", "a.mp4", start, stop, "put cup", "put", "cup", "put cup", "P01", **facts)


def draw_timeline(draw: random.Random, frames: int = 90) -> Timeline:
    """About 30 frames a second, with gaps of up to 7 frames and jitter."""
    times = [0]
    for _ in range(frames - 1):
        times.append(times[-1] + draw.choice([1001, 1001, 1001, 900, 1100, 3003, 7007]))
    return Timeline(Fraction(1, 30000), tuple(times), end=times[-1] + 1001, origin=0)


def seconds_of(timeline: Timeline) -> list[Fraction]:
    return [Fraction(time - timeline.origin) * timeline.time_base for time in timeline.frame_times]


def on_screen(times: Sequence[Fraction], at: Fraction) -> int:
    return max((place for place, time in enumerate(times) if time <= at + SLACK), default=0)


def exact(seconds: float) -> Fraction:
    return Fraction(str(round(seconds, 6)))


def ends(timeline: Timeline, start: float, stop: float) -> SegmentFrames:
    """The segment's first and last frame, by the definition of the default rule."""
    times = seconds_of(timeline)
    last = max(place for place, time in enumerate(times) if time < exact(stop) - SLACK)
    return SegmentFrames(segment(start, stop), on_screen(times, exact(start)), last)


def wanted(frames: SegmentFrames, timeline: Timeline, rule: FramesConfig) -> list[WantedPair]:
    result = wanted_pairs(frames, timeline, rule)
    assert not isinstance(result, Rejection), result
    return result


def draw_frames(seed: int) -> tuple[Timeline, SegmentFrames]:
    draw = random.Random(seed)
    timeline = draw_timeline(draw)
    start = round(draw.uniform(0, timeline.end_seconds - 2.5), 2)
    return timeline, ends(timeline, start, round(start + draw.uniform(1.5, 2.5), 2))


def test_the_default_wants_the_two_ends_and_no_other_frame() -> None:
    timeline, frames = draw_frames(0)
    [pair] = wanted(frames, timeline, PLAIN)
    assert pair.segment == frames.segment
    assert pair.before == Window(frames.first, frames.first, frames.first)
    assert pair.after == Window(frames.last, frames.last, frames.last)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("within", [0.001, 0.2, 3.0])
def test_a_window_is_what_is_on_screen_within_that_time_up_to_the_middle(seed: int, within: float) -> None:
    timeline, frames = draw_frames(seed)
    [pair] = wanted(frames, timeline, FramesConfig(choose="sharpest", within_seconds=within))
    times = seconds_of(timeline)
    ended = [*times[1:], Fraction(timeline.end, 30000)]
    middle = (frames.first + frames.last) // 2
    for window, asked, seconds, half in (
        (pair.before, frames.first, frames.segment.start_seconds, range(middle + 1)),
        (pair.after, frames.last, frames.segment.stop_seconds, range(middle + 1, len(times))),
    ):
        low, high = exact(seconds - within), exact(seconds + within)
        near = {
            place for place in range(len(times)) if times[place] <= high + SLACK and ended[place] > low + SLACK
        }
        assert set(range(window.first, window.last + 1)) == (near | {asked}) & set(half)
        assert window.asked == asked
    assert pair.before.last < pair.after.first


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("pairs", [1, 2, 5])
def test_ahead_by_seconds_starts_at_even_distances(seed: int, pairs: int) -> None:
    timeline, frames = draw_frames(seed)
    times, start, stop = seconds_of(timeline), frames.segment.start_seconds, frames.segment.stop_seconds
    expected: dict[tuple[int, ...], tuple[str, float, float]] = {}
    for number in range(pairs):
        asked = exact(start + number * (stop - start - 0.7) / max(pairs - 1, 1))
        places = tuple(
            min(max(on_screen(times, at), frames.first), frames.last) for at in (asked, asked + Fraction("0.7"))
        )
        if places[0] < places[1]:
            expected.setdefault(places, (f"P01_1-{number}", float(asked), float(asked + Fraction("0.7"))))
    pairs_wanted = wanted(frames, timeline, FramesConfig(rule="ahead", seconds=0.7, pairs=pairs))
    assert {(each.before.asked, each.after.asked): times_of(each) for each in pairs_wanted} == expected


def times_of(pair: WantedPair) -> tuple[str, float, float]:
    return pair.segment.id, pair.segment.start_seconds, pair.segment.stop_seconds


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("pairs", [1, 2, 5])
def test_ahead_by_frames_counts_frames_of_the_video(seed: int, pairs: int) -> None:
    timeline, frames = draw_frames(seed)
    room = frames.last - frames.first - 10
    places = [frames.first + number * room // max(pairs - 1, 1) for number in range(pairs)]
    pairs_wanted = wanted(frames, timeline, FramesConfig(rule="ahead", frames=10, pairs=pairs))
    assert [(each.before.asked, each.after.asked) for each in pairs_wanted] == [
        (place, place + 10) for place in dict.fromkeys(places)
    ]
    for each in pairs_wanted:
        starts = (timeline.seconds_of(place) for place in (each.before.asked, each.after.asked))
        first, last = (round(max(seconds, frames.segment.start_seconds), 6) for seconds in starts)
        assert times_of(each)[1:] == (first, last)


@pytest.mark.parametrize("rule", [{"seconds": 0.7}, {"frames": 7}])
@pytest.mark.parametrize("seed", range(5))
def test_every_so_often_starts_a_pair_as_long_as_its_second_frame_is_in_the_segment(
    seed: int, rule: dict[str, Any]
) -> None:
    timeline, frames = draw_frames(seed)
    every = FramesConfig(rule="ahead", every_seconds=0.3, **rule)
    times, start, stop = seconds_of(timeline), frames.segment.start_seconds, frames.segment.stop_seconds
    numbers = []
    for number in range(20):
        at = start + number * 0.3
        begun = min(max(on_screen(times, exact(at)), frames.first), frames.last)
        fits = at + 0.7 <= stop + 1e-6 if "seconds" in rule else begun + 7 <= frames.last
        if not fits:
            break
        numbers.append(f"P01_1-{number}")
    assert [each.segment.id for each in wanted(frames, timeline, every)] == numbers
    assert len(numbers) <= most_pairs(frames.segment, every)


def test_no_pair_leaves_its_segment_or_its_video() -> None:
    timeline = Timeline(Fraction(1, 30), tuple(range(60)), end=60, origin=0)
    longer = SegmentFrames(segment(1.0, 2.4), 30, 59)  # the annotation ends after the video
    pairs = wanted(longer, timeline, FramesConfig(rule="ahead", seconds=0.5, pairs=3))
    assert [(each.before.asked, each.after.asked) for each in pairs] == [(30, 45), (37, 52), (45, 59)]
    assert pairs[-1].segment.stop_seconds == 2.0


def test_frame_numbers_mean_the_nearest_frame_in_ahead_too() -> None:
    timeline = Timeline(Fraction(1, 3000), tuple(range(0, 6000, 101)), end=6000, origin=0)  # 29.70 a second
    numbered = SegmentFrames(segment(10 / 30, 50 / 30, tolerance_seconds=1 / 60), 10, 49)
    pairs = wanted(numbered, timeline, FramesConfig(rule="ahead", seconds=1.0, pairs=2))
    assert [(each.before.asked, each.after.asked) for each in pairs] == [(10, 40), (20, 49)]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"seconds": 1.01}, Reason.TOO_SHORT),
        ({"frames": 30}, Reason.TOO_SHORT),
        ({"seconds": 0.02}, Reason.ONE_FRAME),
    ],
)
def test_a_segment_without_such_a_pair_is_rejected(rule: dict[str, Any], reason: Reason) -> None:
    timeline = Timeline(Fraction(1, 30), tuple(range(60)), end=60, origin=0)
    frames = SegmentFrames(segment(0.5, 1.5), 15, 44)
    result = wanted_pairs(frames, timeline, FramesConfig(rule="ahead", **rule))
    assert isinstance(result, Rejection)
    assert (result.segment_id, result.reason) == ("P01_1", reason)


def test_a_segment_as_long_as_the_distance_gives_one_pair() -> None:
    timeline = Timeline(Fraction(1, 30), tuple(range(60)), end=60, origin=0)
    frames = SegmentFrames(segment(0.1, 1.1), 3, 32)
    for rule in ({"seconds": 1.0}, {"frames": 29}):
        [pair] = wanted(frames, timeline, FramesConfig(rule="ahead", pairs=4, **rule))
        assert (pair.before.asked, pair.after.asked) == (3, 32)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"rule": "ahead"}, "needs `seconds` or `frames`"),
        ({"rule": "ahead", "seconds": 1.0, "frames": 3}, "one of the two"),
        ({"rule": "ahead", "seconds": 1.0, "pairs": 3, "every_seconds": 1.0}, "exclude each other"),
        ({"seconds": 1.0}, "go with `rule: ahead`"),
        ({"pairs": 2}, "go with `rule: ahead`"),
        ({"choose": "sharpest"}, "go together"),
        ({"within_seconds": 0.2}, "go together"),
        ({"rule": "ahead", "seconds": float("inf")}, "finite"),
        ({"rule": "ahead", "seconds": 1.0, "every_seconds": 1e-9}, "greater than or equal to 0.01"),
        ({"choose": "hands gone", "within_seconds": 1.0}, "'sharpest' or 'still'"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        FramesConfig(**keys)


class PaintedVideo:
    """Pictures of chosen sharpness, made when they are asked for; it counts those that are alive."""

    def __init__(self, sharpness: Sequence[float | None]) -> None:
        self.timeline = Timeline(Fraction(1, 30), tuple(range(len(sharpness))), end=len(sharpness), origin=0)
        self._sharpness, self._alive, self.most_alive = sharpness, 0, 0

    def pictures(self, positions: Sequence[int]) -> Iterator[tuple[int, Picture | FrameError]]:
        for place in sorted(set(positions)):
            yield place, self._picture(place)

    def _picture(self, place: int) -> Picture | FrameError:
        level = self._sharpness[place]
        if level is None:
            return FrameError(Reason.DECODE_ERROR, f"number {place}")
        noise = np.random.default_rng(place).integers(0, 256, (48, 64), np.uint8)
        smooth = np.linspace(0, 255, 48 * 64).reshape(48, 64)
        pixels = np.repeat((level * noise + (1 - level) * smooth).astype(np.uint8)[:, :, None], 3, axis=2)
        self._alive += 1
        self.most_alive = max(self.most_alive, self._alive)
        weakref.finalize(pixels, self._freed)
        return Picture(pixels)

    def _freed(self) -> None:
        self._alive -= 1


def choose(video: PaintedVideo, windows: Sequence[Window], how: Any = "sharpest") -> list[tuple[Window, int]]:
    return [(window, place) for window, place, _ in chosen_frames(video, windows, how)]  # type: ignore[arg-type]


def test_the_sharpest_frame_is_chosen_and_of_equal_ones_the_nearest_then_the_earlier() -> None:
    video = PaintedVideo([0.1, 0.2, 0.9, 0.3, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    peak, flat = Window(3, 0, 4), Window(7, 5, 9)
    assert choose(video, [flat, peak]) == [(peak, 2), (flat, 7)]
    assert choose(PaintedVideo([0.0, None, 0.0]), [Window(1, 0, 2)]) == [(Window(1, 0, 2), 0)]


def test_a_frame_with_an_error_is_chosen_only_where_every_frame_has_one() -> None:
    video = PaintedVideo([0.1, None, 0.5, 0.2, None, None, None])
    assert choose(video, [Window(1, 0, 3), Window(5, 4, 6)]) == [(Window(1, 0, 3), 2), (Window(5, 4, 6), 5)]


@pytest.mark.parametrize(("how", "most"), [("sharpest", 4), ("still", 8)])
def test_a_window_of_ten_seconds_keeps_few_pictures(how: str, most: int) -> None:
    draw = random.Random(0)
    video = PaintedVideo([draw.random() for _ in range(300)])
    assert len(choose(video, [Window(140, 0, 149), Window(160, 150, 299)], how)) == 2
    assert video.most_alive <= most


def test_a_repeated_frame_does_not_count_as_still() -> None:
    """EPIC-KITCHENS' videos of 2018 repeat frames in low light (epic-kitchens-download-scripts, issue 26)."""
    numbers = [place // 2 for place in range(30)] + [15] * 10 + [15 + place // 2 for place in range(20)]
    timeline = Timeline(Fraction(1, 60), tuple(range(60)), end=60, origin=0)

    def pictures(positions: Sequence[int]) -> Iterator[tuple[int, Picture]]:
        for place in sorted(set(positions)):
            pixels = np.zeros((96, 128, 3), np.uint8)
            pixels[30:60, numbers[place] * 3 : numbers[place] * 3 + 20] = 255
            yield place, Picture(pixels)

    video: Any = SimpleNamespace(timeline=timeline, pictures=pictures)
    [(_, place, _)] = chosen_frames(video, [Window(20, 10, 50)], "still")
    assert 30 <= place < 40
