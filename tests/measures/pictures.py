"""Pictures with known differences: made here from random texture, or rendered with ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from actionpairs.measures import measure
from actionpairs.records import Measures
from actionpairs.synthetic import SegmentTruth, render_pairs
from actionpairs.synthetic.episode import plan_episode
from actionpairs.synthetic.rendering import compute_cameras
from actionpairs.synthetic.video_truth import compute_video_truth
from actionpairs.synthetic.world import CameraKind

HEIGHT, WIDTH = 360, 640
DIAGONAL = float(np.hypot(HEIGHT, WIDTH))
CENTER = np.array([WIDTH / 2, HEIGHT / 2])
Box = tuple[float, float, float, float]  # left, top, right, bottom


def make_texture(
    seed: int = 0, *, height: int = HEIGHT, width: int = WIDTH, tile: int = 20, spread: int = 90
) -> np.ndarray:
    """Make a picture of random square tiles, of 128 ± spread levels.  H W 3 BGR"""
    shape = -(-height // tile), -(-width // tile), 3
    tiles = np.random.default_rng(seed).integers(128 - spread, 129 + spread, shape, np.uint8)
    return np.repeat(np.repeat(tiles, tile, axis=0), tile, axis=1)[:height, :width].copy()


def put_thing(picture: np.ndarray, left: int, top: int, *, side: int = 60) -> np.ndarray:
    """Return the picture with a thing on it: a square of 5 × 5 tiles."""
    result = picture.copy()
    result[top : top + side, left : left + side] = make_texture(
        99, height=side, width=side, tile=-(-side // 5), spread=120
    )
    return result


def move_camera(*, shift: tuple[float, float] = (0, 0), degrees: float = 0, zoom: float = 1) -> np.ndarray:
    """Return make_texture's view after a camera motion: right and down in pixels, clockwise degrees."""
    large = make_texture(height=2 * HEIGHT, width=2 * WIDTH)
    matrix = cv2.getRotationMatrix2D((float(WIDTH), float(HEIGHT)), -degrees, zoom)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(large, matrix, (2 * WIDTH, 2 * HEIGHT))
    return np.ascontiguousarray(moved[HEIGHT // 2 : -HEIGHT // 2, WIDTH // 2 : -WIDTH // 2])


def add_noise(picture: np.ndarray, deviation: float, seed: int = 1) -> np.ndarray:
    """Add normal noise; deviation is in 8-bit levels."""
    noise = np.random.default_rng(seed).normal(0, deviation, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def compress(picture: np.ndarray, quality: int) -> np.ndarray:
    """Encode as JPEG and decode."""
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def get_box(measures: Measures) -> Box | None:
    """Return the moved box in pixels of a picture of HEIGHT by WIDTH."""
    left, top, right, bottom = (getattr(measures, f"moved_{side}") for side in ("left", "top", "right", "bottom"))
    return None if left is None else (left * WIDTH, top * HEIGHT, right * WIDTH, bottom * HEIGHT)


def compute_iou(one: Box, two: Box) -> float:
    """Return the intersection over union of two boxes."""
    width, height = (min(one[axis + 2], two[axis + 2]) - max(one[axis], two[axis]) for axis in (0, 1))
    intersection = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, two)]
    return intersection / (sum(areas) - intersection)


@dataclass(frozen=True)
class RenderedPair:
    """A rendered pair (H W 3 BGR) with its measures and its truth; `homography` is the camera's motion (3 3)."""

    before: np.ndarray
    after: np.ndarray
    measures: Measures
    truth: SegmentTruth
    homography: np.ndarray

    @property
    def boxes(self) -> list[Box | None]:
        """The acted thing's boxes before and after, both in pixels of `after`; None where it is out of view."""
        boxes = []
        for moment, matrix in ((self.truth.first, self.homography), (self.truth.last, np.eye(3))):
            [box] = [thing.box for thing in moment.things if thing.id == self.truth.acted]
            boxes.append(box and (*map_point(matrix, box[:2]), *map_point(matrix, box[2:])))
        return boxes

    @property
    def displacement(self) -> float | None:
        """How far the acted thing's box moved besides the camera, as a share of the diagonal."""
        first, last = self.boxes
        if first is None or last is None:
            return None
        return float(np.linalg.norm(np.subtract(last, first).reshape(2, 2), axis=1).max()) / DIAGONAL


def map_point(matrix: np.ndarray, point: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Map a point by a homography."""
    x, y, scale = matrix @ (*point, 1.0)
    return np.array([x, y]) / scale


@cache
def list_rendered_pairs(camera: CameraKind) -> tuple[RenderedPair, ...]:
    """Render and measure the pairs of three videos, of participants with different tables."""
    return tuple(pair for index in (0, 3, 5) for pair in _render(camera, index))


def _render(camera: CameraKind, index: int) -> Iterator[RenderedPair]:
    options = {"seed": 31, "index": index, "actions": 10, "size": (WIDTH, HEIGHT), "frame_rate": 10}
    episode = plan_episode(camera_kind=camera, **options)
    truth = compute_video_truth(episode, compute_cameras(episode, 31, index))
    for segment, (_, *rgb) in zip(truth.segments, render_pairs(camera=camera, **options), strict=True):
        before, after = (np.ascontiguousarray(picture[:, :, ::-1]) for picture in rgb)
        first, last = (np.array(moment.table_to_pixels) for moment in (segment.first, segment.last))
        yield RenderedPair(before, after, measure(before, after), segment, last @ np.linalg.inv(first))
