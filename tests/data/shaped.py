"""Shards of pictures of several shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from actionpairs.configs import SplitConfig
from actionpairs.data.examples import Shape
from actionpairs.records import Sample, Segment
from tests.training.squares import sample, write_samples

SPLITS = SplitConfig(train="SHAPED-train")


def write_shaped(path: Path, shapes: Sequence[Shape], *, alike: bool = False) -> None:
    """A finished shards folder with one training pair of smooth noise per shape. alike: nothing is edited."""
    write_samples(path, [_sample(*each, alike=alike) for each in enumerate(shapes)], SPLITS, name="SHAPED")


def _sample(number: int, shape: Shape, *, alike: bool) -> Sample:
    name = f"pair-{number:04d}"
    segment = Segment(
        id=name,
        video="shaped.mp4",
        start_seconds=number,
        stop_seconds=number + 1,
        instruction="move it",
        verb="move",
        noun="it",
        action="move it",
        group="one",
    )
    before, after = (_jpeg(number + (0 if alike else shift), shape) for shift in (0, 1000))
    both = sample(segment, SPLITS.train, before, after, side=shape[0])
    return replace(both, metadata=replace(both.metadata, width=shape[1]))


def _jpeg(seed: int, shape: Shape) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC))[1].tobytes()
