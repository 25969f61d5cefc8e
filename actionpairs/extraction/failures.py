"""Counts failed segments while extract runs, and stops the run if there are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from actionpairs.errors import VideoError
from actionpairs.extraction import missing_videos
from actionpairs.extraction.summary import FAILURES
from actionpairs.records import Rejection

ENOUGH_SEGMENTS = 100  # a share of fewer segments means little


class FailureCount:
    """Counts finished and failed segments. max_rejected: the share that may fail."""

    def __init__(self, max_rejected: float) -> None:
        self.max_rejected = max_rejected
        self.segments = 0
        self.failures: list[Rejection] = []

    def add(self, segments: int, rejections: Sequence[Rejection]) -> None:
        """Count more finished segments, and their rejections."""
        self.segments += segments
        self.failures += [item for item in rejections if item.reason in FAILURES]

    def check(self) -> None:
        """Raise VideoError if a larger share failed than allowed."""
        if len(self.failures) <= self.max_rejected * self.segments:
            return
        reason, times = Counter(item.reason for item in self.failures).most_common(1)[0]
        example = next(item for item in self.failures if item.reason == reason)
        missing = missing_videos.describe(self.failures, segments=self.segments)
        raise VideoError(
            f"{len(self.failures)} of {self.segments} segments failed, and max_rejected is {self.max_rejected:g}; "
            f"most ({times}) for {reason}, for example {example.segment_id}: {example.detail}"
            f"{missing and '; '}{missing}.",
            cure="Remove the cause, or raise `extract.max_rejected` in the recipe.",
        )
