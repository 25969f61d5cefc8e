"""The measures tell what they are meant to tell."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from actionpairs import columns
from actionpairs.curation import filters
from actionpairs.measures import measure
from actionpairs.recipe import load
from actionpairs.records import Measures, PairFacts, Segment
from actionpairs.video.decode import Video


def scene(seed: int = 0) -> np.ndarray:
    texture = np.random.default_rng(seed).integers(0, 255, (18, 32, 3), np.uint8)
    return cv2.resize(texture, (640, 360), interpolation=cv2.INTER_NEAREST)


def test_noise_is_no_change() -> None:
    noise = np.random.default_rng(1).normal(0, 4, (360, 640, 3))
    noisy = np.clip(scene() + noise, 0, 255).astype(np.uint8)
    assert measure(scene(), noisy).change == 0


def test_change_is_the_share_of_the_area_that_differs() -> None:
    after = scene()
    after[:, :160] = 255 - after[:, :160]
    assert 0.15 < measure(scene(), after).change < 0.27


def test_a_blurred_picture_is_less_sharp() -> None:
    measures = measure(scene(), cv2.GaussianBlur(scene(), (0, 0), 6))
    assert measures.sharpness_after < measures.sharpness_before / 2


def test_features_in_one_corner_do_not_make_a_still_camera_move() -> None:
    before = np.full((360, 640, 3), 128, np.uint8)
    before[200:330, 480:610] = scene()[200:330, 480:610]
    after = before.copy()
    after[60:120, 100:160] = 20
    measures = measure(before, after)
    assert (measures.camera_shift, measures.camera_zoom) == (0.0, 1.0)
    assert measures.displacement


CLIP = "intel_bottle-detection.mp4"
QUIET_SECONDS = ((0.5, 2.5), (8.0, 10.5), (25.0, 27.0))  # of the clip: nobody touches anything


def measured_spans(folder: Path, spans: Sequence[tuple[float, float]]) -> list[Measures]:
    """The pairs at the ends of stretches of the clip, as extract cuts them."""
    with Video(str(folder / "videos" / CLIP), short_side=512) as video:
        ends = [(video.timeline.on_screen_at(start), video.timeline.last_before(stop)) for start, stop in spans]
        pictures = dict(video.pictures([position for pair in ends for position in pair]))
    return [measure(pictures[first].pixels, pictures[last].pixels) for first, last in ends]


def test_real_bottles_move_and_the_camera_does_not(shared: Path) -> None:
    with (shared / "videos/segments.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["video"] == CLIP]
    acted = measured_spans(shared, [(float(row["start_seconds"]), float(row["stop_seconds"])) for row in rows])
    quiet = measured_spans(shared, QUIET_SECONDS)
    drawn = load("table").shard.filters
    for row, measures in zip(rows, acted, strict=True):
        segment = Segment(row["segment_id"], CLIP, 1.0, 2.0, "x", "x", "x", "x", "x")
        facts = PairFacts(segment, 1.0, 1.9, 10, 19, 0.0, 0.1, "planned", "", 640, 360, measures)
        assert not filters.judge(columns.table([facts]), drawn)
    assert len(acted) == 7
    most_quiet = max(measures.displacement or 0.0 for measures in quiet)
    assert min(measures.displacement or 0.0 for measures in acted) > 0.01 + 5 * most_quiet
    assert max(measures.camera_shift or 0.0 for measures in [*acted, *quiet]) < 0.001
