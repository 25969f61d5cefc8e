"""All measures of a pair: exposure, what is None, odd sizes, and a real clip."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest

from actionpairs import columns
from actionpairs.curation import filters
from actionpairs.measures import measure
from actionpairs.recipe import load
from actionpairs.records import Measures, PairFacts, Segment
from actionpairs.video.decode import Video
from tests.measures.pictures import HEIGHT, WIDTH, list_rendered_pairs, make_texture, move_camera, put_thing

CAMERA = ("camera_shift", "camera_rotation_degrees", "camera_zoom", "displacement", "displacement_confidence")
BOX = ("moved_left", "moved_top", "moved_right", "moved_bottom")
SHARES = ("change", "sharpness_before", "sharpness_after", "dark", "overexposed", "cut", "moved_area")


def make_flat(level: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def fill_columns(share: float, level: int) -> np.ndarray:
    picture = make_texture()
    picture[:, : round(share * WIDTH)] = level
    return picture


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize(("name", "level"), [("dark", 5), ("overexposed", 254)])
def test_dark_and_overexposed_are_shares_of_the_worse_frame(share: float, name: str, level: int) -> None:
    picture, filled = make_texture(), fill_columns(share, level)
    assert getattr(measure(picture, filled), name) == pytest.approx(share, abs=0.01)
    assert getattr(measure(filled, picture), name) == pytest.approx(share, abs=0.01)
    other = {"dark": "overexposed", "overexposed": "dark"}[name]
    assert getattr(measure(picture, filled), other) == 0


@pytest.mark.parametrize(
    ("level", "dark", "overexposed"), [(0, 1, 0), (15, 1, 0), (16, 0, 0), (249, 0, 0), (250, 0, 1), (255, 0, 1)]
)
def test_dark_is_below_16_and_overexposed_from_250(level: int, dark: float, overexposed: float) -> None:
    measures = measure(make_flat(level), make_flat(level))
    assert (measures.dark, measures.overexposed) == (dark, overexposed)


def test_darkening_a_picture_never_lowers_dark() -> None:
    picture = make_texture()
    values = [measure(picture, (picture * factor).astype(np.uint8)).dark for factor in (1, 0.4, 0.2, 0.1, 0.05)]
    assert values == sorted(values)
    assert values[0] == 0
    assert values[-1] == 1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_frames_are_equal_and_have_no_camera(level: int) -> None:
    measures = measure(make_flat(level), make_flat(level))
    assert (measures.change, measures.ssim, measures.moved_area) == (0, 1, 0)
    assert (measures.sharpness_before, measures.sharpness_after) == (0, 0)
    assert [getattr(measures, name) for name in (*CAMERA, *BOX)] == [None] * 9


SIZES = [(1, 1), (1, 2), (2, 1), (3, 3), (7, 9), (1, 40), (360, 1), (2, 50), (500, 2), (16, 16), (64, 64)]


@pytest.mark.parametrize("size", SIZES)
def test_frames_of_any_size_can_be_measured(size: tuple[int, int]) -> None:
    picture = make_texture(height=size[0], width=size[1], tile=2)
    same, inverted = measure(picture, picture), measure(picture, 255 - picture)
    assert same.change == same.moved_area == 0
    assert same.ssim == pytest.approx(1)
    assert inverted.change > 0.3
    for measures in (same, inverted):
        check_contract(measures)


def check_contract(measures: Measures) -> None:
    """Check which fields are None together, and that shares are shares."""
    for name in SHARES:
        assert 0 <= getattr(measures, name) <= 1, name
    assert -1 <= measures.ssim <= 1
    camera, box = ([getattr(measures, name) for name in names] for names in (CAMERA, BOX))
    if measures.camera_inliers == 0:
        assert camera == [None] * 5
    else:
        assert measures.camera_inliers >= 12
        assert None not in camera
    if None in box:
        assert box == [None] * 4
        assert measures.displacement in (0, None)
        assert measures.moved_area < 0.004
    else:
        assert 0 <= box[0] < box[2] <= 1
        assert 0 <= box[1] < box[3] <= 1
        assert measures.moved_area >= 0.004
        assert measures.displacement is None or measures.displacement >= 0
    assert all(
        getattr(measures, field.name) is not None for field in fields(Measures) if field.name not in CAMERA + BOX
    )


def test_only_the_camera_displacement_and_box_are_ever_none_and_only_together() -> None:
    pairs = [(make_texture(seed), make_texture(seed + 1)) for seed in range(3)]
    pairs += [(make_texture(), put_thing(make_texture(), 100, 100)), (move_camera(), move_camera(shift=(40, 10)))]
    for measures in [pair.measures for pair in (*list_rendered_pairs("fixed"), *list_rendered_pairs("head"))]:
        check_contract(measures)
    for before, after in pairs:
        check_contract(measure(before, after))


def test_without_a_camera_motion_the_box_is_still_measured() -> None:
    measures = measure(make_texture(0), make_texture(1))
    assert measures.camera_inliers == 0
    assert [getattr(measures, name) for name in CAMERA] == [None] * 5
    assert None not in [getattr(measures, name) for name in BOX]


def test_measures_survive_json() -> None:
    measures = list_rendered_pairs("head")[0].measures
    assert Measures(**json.loads(json.dumps(asdict(measures)))) == measures


def test_measuring_leaves_the_pictures_as_they_are() -> None:
    before, after = move_camera(), move_camera(shift=(20, 5))
    copies = before.copy(), after.copy()
    measure(before, after)
    assert np.array_equal(before, copies[0])
    assert np.array_equal(after, copies[1])


CLIP = "intel_bottle-detection.mp4"
QUIET_SECONDS = ((0.5, 2.5), (8.0, 10.5), (25.0, 27.0))  # of the clip: nothing is touched


def measure_spans(folder: Path, spans: Sequence[tuple[float, float]]) -> list[Measures]:
    """Measure the first and last frames of spans of the clip, as extract decodes them."""
    with Video(str(folder / "videos" / CLIP), short_side=512) as video:
        ends = [(video.timeline.on_screen_at(start), video.timeline.last_before(stop)) for start, stop in spans]
        pictures = dict(video.pictures([position for pair in ends for position in pair]))
    return [measure(pictures[first].pixels, pictures[last].pixels) for first, last in ends]


def test_real_bottles_move_and_the_camera_does_not(shared: Path) -> None:
    with (shared / "videos/segments.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["video"] == CLIP]
    acted = measure_spans(shared, [(float(row["start_seconds"]), float(row["stop_seconds"])) for row in rows])
    quiet = measure_spans(shared, QUIET_SECONDS)
    thresholds = load("table").shard.filters
    for row, measures in zip(rows, acted, strict=True):
        segment = Segment(row["segment_id"], CLIP, 1.0, 2.0, "x", "x", "x", "x", "x")
        facts = PairFacts(segment, 1.0, 1.9, 10, 19, 0.0, 0.1, "planned", "", 640, 360, measures)
        assert not filters.apply_filters(columns.table([facts]), thresholds)
    assert len(acted) == 7
    most_quiet = max(measures.displacement or 0.0 for measures in quiet)
    assert min(measures.displacement or 0.0 for measures in acted) > 0.005 + 5 * most_quiet
    assert max(measures.camera_shift or 0.0 for measures in [*acted, *quiet]) < 0.001
