"""Chooses one frame of each window while the video is decoded; only the best frames so far stay in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from actionpairs.extraction.frame_rules import Window
from actionpairs.measures.sharpness import measure_sharpness
from actionpairs.video.decode import Video
from actionpairs.video.released import ReleasedFrames
from actionpairs.video.scaling import FrameError, Picture, Pixels
from actionpairs.video.timeline import Timeline

# A frame is compared with those so much earlier and later, not with its neighbors: cameras and resampling repeat
# frames (EPIC-KITCHENS' of 2018 in low light), and a repeated frame does not mean that nothing moves.
_STEP_SECONDS = 0.1
_SMALL = (128, 96)  # pixels; sensor noise and compression average out


class _Scorer(Protocol):
    """How good each frame of a window is; higher is better."""

    def neighbors(self, position: int) -> Sequence[int]:
        """The other frames that a frame's score needs; ascending from one frame to the next."""

    def add(self, position: int, picture: Picture | FrameError) -> None:
        """Take in the next decoded frame."""

    def score(self, position: int, picture: Picture) -> float:
        """The score of a frame, once it and its neighbors were added; frames come in ascending order."""


class _Sharpness:
    """The sharpness of the picture as it is stored: the measure `sharpness_before` and `sharpness_after`."""

    def neighbors(self, position: int) -> Sequence[int]:
        return ()

    def add(self, position: int, picture: Picture | FrameError) -> None:
        pass

    def score(self, position: int, picture: Picture) -> float:
        return measure_sharpness(picture.pixels)


class _Stillness:
    """Minus the larger of the differences from the frames 0.1 s earlier and later, in gray levels."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._small: dict[int, NDArray[np.uint8]] = {}

    def neighbors(self, position: int) -> Sequence[int]:
        seconds = self._timeline.seconds_of(position)
        earlier = min(self._timeline.on_screen_at(round(seconds - _STEP_SECONDS, 6)), position - 1)
        later = max(self._timeline.on_screen_at(round(seconds + _STEP_SECONDS, 6)), position + 1)
        return [each for each in (earlier, later) if 0 <= each < len(self._timeline.frame_times)]

    def add(self, position: int, picture: Picture | FrameError) -> None:
        if isinstance(picture, Picture):
            self._small[position] = _small(picture.pixels)

    def score(self, position: int, picture: Picture) -> float:
        neighbors = self.neighbors(position)
        here = self._small[position]
        differences = [cv2.norm(here, self._small[each], cv2.NORM_L1) for each in neighbors if each in self._small]
        for each in [place for place in self._small if place < min([position, *neighbors])]:
            del self._small[each]
        return -max(differences, default=float("inf")) / here.size


def _small(pixels: Pixels) -> NDArray[np.uint8]:
    return cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), _SMALL, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


@dataclass(slots=True)
class _Best:
    """A window's best frame so far. rank: whether it is a picture, its score, minus its distance in frames."""

    window: Window
    rank: tuple[bool, float, int]
    position: int
    picture: Picture | FrameError


def chosen_frames(
    video: Video | ReleasedFrames, windows: Iterable[Window], choose: Literal["sharpest", "still"] | None
) -> Iterator[tuple[Window, int, Picture | FrameError]]:
    """The chosen frame of each window with its position; windows come in the order of their last frames.

    Of equal frames, the one nearest to the asked frame is chosen, then the earlier one. A frame with an error is
    chosen only if all frames of its window have one: then the asked frame.
    """
    unopened = deque(sorted(set(windows), key=lambda window: (window.first, window.last, window.asked)))
    candidates = {place for window in unopened for place in _places(window)}
    contested = {place for window in unopened if window.first < window.last for place in _places(window)}
    scorer: _Scorer = _Stillness(video.timeline) if choose == "still" else _Sharpness()
    neighbors = {place: scorer.neighbors(place) for place in contested}
    waiting = deque(sorted(candidates))
    pictures: dict[int, Picture | FrameError] = {}
    open_windows: list[_Best] = []
    for position, picture in video.pictures(
        [*candidates, *(near for some in neighbors.values() for near in some)]
    ):
        if position in candidates:
            pictures[position] = picture
        if contested:
            scorer.add(position, picture)
        while waiting and max([waiting[0], *neighbors.get(waiting[0], ())]) <= position:
            place = waiting.popleft()
            candidate = pictures.pop(place)
            score = 0.0
            if place in contested and isinstance(candidate, Picture):
                score = scorer.score(place, candidate)
            while unopened and unopened[0].first <= place:
                open_windows.append(_Best(unopened.popleft(), (False, -float("inf"), 0), place, candidate))
            for best in open_windows:
                _offer(best, place, candidate, score)
            yield from (
                (best.window, best.position, best.picture) for best in open_windows if best.window.last == place
            )
            open_windows = [best for best in open_windows if best.window.last > place]


def _offer(best: _Best, position: int, picture: Picture | FrameError, score: float) -> None:
    """Keep a frame if it is better than the best one so far."""
    rank = (isinstance(picture, Picture), score, -abs(position - best.window.asked))
    if rank > best.rank:
        best.rank, best.position, best.picture = rank, position, picture


def _places(window: Window) -> range:
    return range(window.first, window.last + 1)
