"""Displacement, moved area and moved box: what moved, and how far."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from actionpairs.measures import measure
from actionpairs.records import Measures
from tests.measures.pictures import (
    DIAGONAL,
    HEIGHT,
    WIDTH,
    Box,
    add_noise,
    compress,
    compute_iou,
    get_box,
    list_rendered_pairs,
    make_texture,
    move_camera,
    put_thing,
)

LEFT, TOP, SIDE = 200, 150, 60  # of the thing
BACKGROUND = make_texture(2, spread=25)
OFFSETS = [(20, 0), (0, 40), (-40, 40), (80, 0), (60, -60), (0, 120), (160, 0), (-120, -120), (240, 100)]


def measure_move(right: int, down: int, *, side: int = SIDE) -> Measures:
    """Measure a thing that moves by so many pixels."""
    return measure(
        put_thing(BACKGROUND, LEFT, TOP, side=side), put_thing(BACKGROUND, LEFT + right, TOP + down, side=side)
    )


def unite(right: int, down: int, *, side: int = SIDE) -> Box:
    """The box around the thing before and after such a move."""
    left, top = min(LEFT, LEFT + right), min(TOP, TOP + down)
    return left, top, left + abs(right) + side, top + abs(down) + side


@pytest.mark.parametrize("offset", OFFSETS)
def test_displacement_is_how_far_the_thing_moved(offset: tuple[int, int]) -> None:
    assert measure_move(*offset).displacement == pytest.approx(np.hypot(*offset) / DIAGONAL, rel=0.2)


@pytest.mark.parametrize("pixels", [20, 40, 60, 80, 110])
def test_twice_as_far_is_about_twice_the_displacement(pixels: int) -> None:
    once, twice = measure_move(pixels, 0).displacement, measure_move(2 * pixels, 0).displacement
    assert once
    assert twice
    assert twice / once == pytest.approx(2, abs=0.5)


def test_displacement_does_not_depend_on_the_thing_s_size() -> None:
    for side in (48, 60, 96, 120):
        assert measure_move(100, 0, side=side).displacement == pytest.approx(100 / DIAGONAL, rel=0.1)


def test_displacement_is_the_same_at_any_resolution() -> None:
    pictures = put_thing(BACKGROUND, LEFT, TOP), put_thing(BACKGROUND, LEFT + 80, TOP)
    for scale in (0.75, 2.0):
        resized = (cv2.resize(each, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for each in pictures)
        assert measure(*resized).displacement == pytest.approx(80 / DIAGONAL, rel=0.1)


DISTURBANCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "noise": lambda picture: add_noise(picture, 3),
    "JPEG": lambda picture: compress(picture, 70),
    "darker": lambda picture: cv2.convertScaleAbs(picture, alpha=0.8),
    "exposure drift": lambda picture: cv2.convertScaleAbs(picture, alpha=0.96),
}


@pytest.mark.parametrize("name", DISTURBANCES)
def test_displacement_area_and_box_ignore_small_disturbances(name: str) -> None:
    before, after = put_thing(BACKGROUND, LEFT, TOP), put_thing(BACKGROUND, LEFT + 80, TOP)
    first = before if name == "exposure drift" else DISTURBANCES[name](before)
    clean, disturbed = measure(before, after), measure(first, DISTURBANCES[name](after))
    assert disturbed.displacement == pytest.approx(clean.displacement, rel=0.1)
    assert disturbed.moved_area == pytest.approx(clean.moved_area, rel=0.1)
    assert compute_iou(get_box(disturbed) or (0, 0, 0, 0), get_box(clean) or (0, 0, 0, 0)) > 0.85


@pytest.mark.parametrize("offset", OFFSETS)
def test_the_box_holds_the_thing_before_and_after(offset: tuple[int, int]) -> None:
    box, truth = get_box(measure_move(*offset)), unite(*offset)
    assert box
    assert compute_iou(box, truth) > 0.65
    margins = np.subtract(box, truth) * (-1, -1, 1, 1)
    assert margins.min() > -3  # pixels of 360 rows
    assert margins.max() < 12


def test_the_box_of_a_large_thing_is_tight() -> None:
    box = get_box(measure_move(150, 0, side=150))
    assert box
    assert compute_iou(box, unite(150, 0, side=150)) > 0.87


@pytest.mark.parametrize("side", [48, 60, 90, 120])
def test_the_moved_area_is_that_of_the_thing(side: int) -> None:
    assert measure_move(200, 0, side=side).moved_area == pytest.approx(side**2 / (HEIGHT * WIDTH), rel=0.45)


def test_the_moved_area_grows_with_the_thing() -> None:
    areas = [measure_move(200, 0, side=side).moved_area for side in (40, 60, 80, 100, 120)]
    assert areas == sorted(areas)
    assert areas[-1] > 5 * areas[0]


@pytest.mark.parametrize("before", [True, False])
def test_a_thing_that_appears_or_disappears_has_a_box(before: bool) -> None:
    pictures = [put_thing(BACKGROUND, LEFT, TOP, side=100), BACKGROUND]
    measures = measure(*(pictures if before else pictures[::-1]))
    assert compute_iou(get_box(measures) or (0, 0, 0, 0), (LEFT, TOP, LEFT + 100, TOP + 100)) > 0.75
    assert measures.displacement is not None


def test_nothing_moved_is_a_displacement_of_0_without_a_box() -> None:
    for other in (BACKGROUND, add_noise(BACKGROUND, 4), compress(BACKGROUND, 60)):
        measures = measure(BACKGROUND, other)
        assert measures.displacement == 0
        assert measures.moved_area < 0.004
        assert get_box(measures) is None


def test_a_thing_below_4_thousandths_of_the_picture_is_ignored() -> None:
    for side, is_seen in ((14, False), (48, True)):
        measures = measure(BACKGROUND, put_thing(BACKGROUND, LEFT, TOP, side=side))
        assert (get_box(measures) is not None) is is_seen


@pytest.mark.parametrize("camera", [{"shift": (30, 20)}, {"degrees": 4.0}, {"zoom": 1.08}])
def test_the_cameras_motion_alone_is_no_motion(camera: dict[str, object]) -> None:
    measures = measure(move_camera(), move_camera(**camera))  # type: ignore[arg-type]
    assert measures.displacement == 0
    assert get_box(measures) is None
    assert measures.change < 0.01


def test_a_thing_is_measured_besides_the_cameras_motion() -> None:
    first, last = (
        cv2.addWeighted(each, 0.3, np.full_like(each, 128), 0.7, 0)
        for each in (move_camera(), move_camera(shift=(40, 0)))
    )
    before, after = put_thing(first, LEFT, TOP), put_thing(last, LEFT + 40 + 100, TOP)
    measures = measure(before, after)
    assert measures.camera_shift == pytest.approx(40 / DIAGONAL, abs=0.003)
    assert measures.displacement == pytest.approx(100 / DIAGONAL, rel=0.1)


@pytest.mark.parametrize(("camera", "correlation"), [("fixed", 0.85), ("head", 0.75)])
def test_displacements_of_rendered_pairs_are_ordered_as_the_truth(camera: str, correlation: float) -> None:
    pairs = [pair for pair in list_rendered_pairs(camera) if pair.displacement is not None]  # type: ignore[arg-type]
    measured = [pair.measures.displacement for pair in pairs]
    assert len(pairs) >= 15
    assert spearmanr(measured, [pair.displacement for pair in pairs]).statistic > correlation


@pytest.mark.parametrize("camera", ["fixed", "head"])
def test_the_displacement_of_a_rendered_move_is_right(camera: str) -> None:
    moves = [pair for pair in list_rendered_pairs(camera) if pair.truth.verb.startswith("move")]  # type: ignore[arg-type]
    ratios = [(pair.measures.displacement or 0) / (pair.displacement or 1) for pair in moves]
    assert len(moves) >= 6
    assert np.mean(np.abs(np.array(ratios) - 1) < 0.1) > 0.8


@pytest.mark.parametrize("camera", ["fixed", "head"])
def test_boxes_of_rendered_pairs_hold_the_thing(camera: str) -> None:
    """The truth's boxes are without shadows, so the measured ones are larger."""
    ious, coverages = [], []
    for pair in list_rendered_pairs(camera):  # type: ignore[arg-type]
        if not pair.truth.moved:
            continue
        box, boxes = get_box(pair.measures), np.array([box for box in pair.boxes if box])
        assert box
        truth = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
        inside = (*np.maximum(box[:2], truth[:2]), *np.minimum(box[2:], truth[2:]))
        ious.append(compute_iou(box, truth))
        coverages.append(compute_iou(inside, truth))
    assert np.median(ious) > 0.45
    assert np.mean(np.array(coverages) > 0.95) > 0.8
    assert min(coverages) > 0.5


def test_moved_area_separates_actions_from_checks() -> None:
    pairs = [*list_rendered_pairs("fixed"), *list_rendered_pairs("head")]
    still = [pair.measures.moved_area for pair in pairs if not pair.truth.moved]
    assert len(still) >= 3
    assert max(still) < min(pair.measures.moved_area for pair in pairs if pair.truth.moved)
