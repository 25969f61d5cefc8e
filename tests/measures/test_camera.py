"""The camera's shift, rotation, zoom and inliers."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from actionpairs.measures import measure
from actionpairs.measures.camera import find_camera_motion
from actionpairs.records import Measures
from tests.measures.pictures import (
    CENTER,
    DIAGONAL,
    HEIGHT,
    WIDTH,
    RenderedPair,
    add_noise,
    compress,
    list_rendered_pairs,
    make_texture,
    map_point,
    move_camera,
    put_thing,
)

SHIFT, DEGREES, ZOOM = 0.002, 0.25, 0.005  # tolerances
STILL = (0.0, 0.0, 1.0)


def get_camera(measures: Measures) -> tuple[float | None, float | None, float | None]:
    return measures.camera_shift, measures.camera_rotation_degrees, measures.camera_zoom


@pytest.mark.parametrize("pixels", [(8, 0), (0, -15), (30, 20), (-80, 40), (120, 0)])
def test_a_shift_is_found(pixels: tuple[int, int]) -> None:
    shift, degrees, zoom = get_camera(measure(move_camera(), move_camera(shift=pixels)))
    assert shift == pytest.approx(np.hypot(*pixels) / DIAGONAL, abs=SHIFT)
    assert degrees == pytest.approx(0, abs=DEGREES)
    assert zoom == pytest.approx(1, abs=ZOOM)


@pytest.mark.parametrize("expected", [-10.0, -3.0, 2.0, 8.0])
def test_a_rotation_is_found_with_its_sign(expected: float) -> None:
    shift, degrees, zoom = get_camera(measure(move_camera(), move_camera(degrees=expected)))
    assert shift == pytest.approx(0, abs=SHIFT)
    assert degrees == pytest.approx(expected, abs=DEGREES)
    assert zoom == pytest.approx(1, abs=ZOOM)


@pytest.mark.parametrize("expected", [0.85, 0.95, 1.05, 1.2])
def test_a_zoom_is_found(expected: float) -> None:
    shift, degrees, zoom = get_camera(measure(move_camera(), move_camera(zoom=expected)))
    assert shift == pytest.approx(0, abs=SHIFT)
    assert degrees == pytest.approx(0, abs=DEGREES)
    assert zoom == pytest.approx(expected, abs=ZOOM)


def test_all_three_are_found_together() -> None:
    shift, degrees, zoom = get_camera(measure(move_camera(), move_camera(shift=(60, -40), degrees=6, zoom=1.05)))
    assert shift == pytest.approx(np.hypot(60, 40) / DIAGONAL, abs=SHIFT)
    assert degrees == pytest.approx(6, abs=DEGREES)
    assert zoom == pytest.approx(1.05, abs=ZOOM)


def test_swapping_the_frames_inverts_the_motion() -> None:
    first, last = move_camera(), move_camera(shift=(40, 0), degrees=5, zoom=1.1)
    there, back = get_camera(measure(first, last)), get_camera(measure(last, first))
    assert back[1] == pytest.approx(-there[1], abs=2 * DEGREES)
    assert back[2] == pytest.approx(1 / there[2], abs=2 * ZOOM)


DISTURBANCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "noise": lambda picture: add_noise(picture, 5),
    "JPEG": lambda picture: compress(picture, 60),
    "darker": lambda picture: cv2.convertScaleAbs(picture, alpha=0.7),
    "another thing": lambda picture: put_thing(picture, 300, 100, side=120),
}


@pytest.mark.parametrize("name", DISTURBANCES)
def test_what_happens_in_the_last_frame_does_not_disturb_the_camera(name: str) -> None:
    last = DISTURBANCES[name](move_camera(shift=(30, 20), degrees=3))
    shift, degrees, zoom = get_camera(measure(move_camera(), last))
    assert shift == pytest.approx(np.hypot(30, 20) / DIAGONAL, abs=2 * SHIFT)
    assert degrees == pytest.approx(3, abs=2 * DEGREES)
    assert zoom == pytest.approx(1, abs=2 * ZOOM)


def test_a_fixed_camera_reads_exactly_still_whatever_moves() -> None:
    for pair in list_rendered_pairs("fixed"):
        assert get_camera(pair.measures) == STILL
    assert {pair.truth.moved for pair in list_rendered_pairs("fixed")} == {True, False}


def compute_truth(pair: RenderedPair) -> tuple[float, float, float]:
    """Shift, rotation and zoom of a rendered pair's table at the picture's center."""
    center, across, down = (map_point(pair.homography, CENTER + step) for step in ((0, 0), (1, 0), (0, 1)))
    right, below = across - center, down - center
    degrees = np.degrees(np.arctan2(right[1] - below[0], right[0] + below[1]))
    zoom = np.sqrt(right[0] * below[1] - right[1] * below[0])
    return float(np.linalg.norm(center - CENTER)) / DIAGONAL, float(degrees), float(zoom)


def test_a_head_cameras_motion_agrees_with_the_rendered_truth() -> None:
    pairs = list_rendered_pairs("head")
    errors = np.abs([np.subtract(get_camera(pair.measures), compute_truth(pair)) for pair in pairs])
    assert (np.median(errors, axis=0) < (0.002, 0.5, 0.01)).all()
    assert (np.percentile(errors, 95, axis=0) < (0.01, 1.5, 0.02)).all()


def test_features_in_one_corner_do_not_make_a_still_camera_move() -> None:
    before = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    before[200:330, 480:610] = make_texture()[200:330, 480:610]
    after = before.copy()
    after[60:120, 100:160] = 20
    measures = measure(before, after)
    assert get_camera(measures) == STILL
    assert measures.displacement


def test_inliers_count_features_that_agree() -> None:
    picture = make_texture()
    same, noisy = measure(picture, picture), measure(picture, add_noise(picture, 25))
    assert 12 <= noisy.camera_inliers < same.camera_inliers <= 300
    half = picture.copy()
    half[:, : WIDTH // 2] = make_texture(5)[:, : WIDTH // 2]
    assert 0.3 < measure(picture, half).camera_inliers / same.camera_inliers < 0.7


def test_a_moving_camera_has_at_most_as_many_inliers_as_features() -> None:
    counts = [measure(move_camera(), move_camera(shift=(pixels, 0))).camera_inliers for pixels in (10, 80, 160)]
    assert 300 > counts[0] > counts[1] > counts[2] >= 12


def test_share_is_the_share_of_features_that_agree() -> None:
    gray, other = (cv2.cvtColor(make_texture(seed), cv2.COLOR_BGR2GRAY) for seed in (0, 5))
    half = np.hstack([other[:, : WIDTH // 2], gray[:, WIDTH // 2 :]])
    assert find_camera_motion(gray, gray).share == pytest.approx(1, abs=0.02)
    assert find_camera_motion(gray, half).share == pytest.approx(0.5, abs=0.15)
    assert find_camera_motion(gray, other).share == 0


def test_between_different_scenes_there_is_no_camera_motion() -> None:
    for seed in range(5):
        measures = measure(make_texture(seed), make_texture(seed + 10))
        assert get_camera(measures) == (None, None, None)
        assert measures.camera_inliers == 0


def test_pure_noise_has_no_camera_motion() -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for seed in range(8):
        assert measure(add_noise(flat, 40, seed), add_noise(flat, 40, seed + 50)).camera_inliers == 0


@pytest.mark.parametrize(("zoom", "is_found"), [(1.7, True), (1.8, False), (0.6, True), (0.55, False)])
def test_a_zoom_beyond_a_threefold_area_is_not_trusted(zoom: float, is_found: bool) -> None:
    assert (measure(move_camera(), move_camera(zoom=zoom)).camera_zoom is not None) is is_found


def test_a_mirrored_picture_is_no_camera_motion() -> None:
    picture = make_texture()
    assert get_camera(measure(picture, picture[:, ::-1].copy())) == (None, None, None)


def test_aligning_undoes_the_motion_at_any_size() -> None:
    first, last = move_camera(), move_camera(shift=(40, -20), degrees=4, zoom=1.05)
    motion = find_camera_motion(*(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (first, last)))
    for scale in (1.0, 0.5):
        small, goal = (
            cv2.resize(each, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for each in (first, last)
        )
        aligned, overlap = motion.align(small)
        error = np.abs(aligned.astype(int) - goal).mean(axis=2)[overlap].mean()
        assert error < np.abs(small.astype(int) - goal).mean() / 4
        assert 0.7 < overlap.mean() < 1


def test_the_same_pair_always_measures_the_same() -> None:
    first, last = move_camera(), add_noise(move_camera(shift=(40, 0), degrees=5), 10)
    cv2.setRNGSeed(1)
    one = measure(first, last)
    cv2.setRNGSeed(2)
    assert measure(first, last) == one
