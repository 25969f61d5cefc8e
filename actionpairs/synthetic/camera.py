"""A pinhole camera that looks down on the table: fixed on a tripod, or moving with a head."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.world import CameraKind

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera's position and target (meters; x right, y away, z up), its roll and its focal length."""

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    roll: float  # radians
    focal: float  # in frame heights
    size: tuple[int, int]  # width, height in pixels

    def axes(self) -> Floats:
        """Return the camera's right, down and forward axes as rows.  3 3"""
        return _compute_axes(self.position, self.target, self.roll)

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Project points of the world (N 3, meters) to pixels (N 2) and depths (N, meters)."""
        in_camera = (points - np.asarray(self.position)) @ self.axes().T
        depth = np.maximum(in_camera[:, 2], 0.05)
        pixels_per_slope = self.focal * self.size[1]
        center = np.array([self.size[0] / 2, self.size[1] / 2])
        return in_camera[:, :2] / depth[:, None] * pixels_per_slope + center, depth

    def project_point(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Project one point of the world (meters) to pixels."""
        pixels, _ = self.project(np.array([[x, y, z]]))
        return float(pixels[0, 0]), float(pixels[0, 1])

    def map_table(self) -> Floats:
        """Return the homography from the table plane (meters) to pixels.  3 3"""
        return self.map_plane(np.zeros(3), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))

    def map_plane(self, origin: Floats, across: Floats, along: Floats) -> Floats:
        """Return the homography from a plane's own coordinates (meters) to pixels.  3 3"""
        axes = self.axes()
        pixels_per_slope = self.focal * self.size[1]
        lens = np.array(
            [
                [pixels_per_slope, 0.0, self.size[0] / 2],
                [0.0, pixels_per_slope, self.size[1] / 2],
                [0.0, 0.0, 1.0],
            ]
        )
        plane = np.stack([across, along, origin - np.asarray(self.position)], axis=1)
        homography = lens @ axes @ plane
        scaled: Floats = homography / homography[2, 2]
        return scaled


def choose_camera(rng: np.random.Generator, kind: CameraKind, size: tuple[int, int]) -> Camera:
    """Choose the camera's resting pose for one video."""
    pitch = np.radians(rng.uniform(48, 56) if kind == "fixed" else rng.uniform(50, 58))
    azimuth = np.radians(rng.uniform(-14, 14) if kind == "fixed" else rng.uniform(-5, 5))
    distance = rng.uniform(0.96, 1.02)
    target = (float(rng.uniform(-0.01, 0.01)), 0.035, 0.025)
    flat = distance * np.cos(pitch)
    position = (
        target[0] + float(flat * np.sin(azimuth)),
        target[1] - float(flat * np.cos(azimuth)),
        target[2] + float(distance * np.sin(pitch)),
    )
    return Camera(position, target, 0.0, 1.80, size)


def iter_cameras(  # 6 parameters: how it rests, how it moves, and for how long
    rng: np.random.Generator,
    resting: Camera,
    kind: CameraKind,
    frame_count: int,
    frame_rate: float,
    motion: float = 1.0,
) -> Iterator[Camera]:
    """Yield the camera of every frame. A fixed one never moves; a head camera drifts and shakes.

    motion: how far it drifts, as a multiple of about 3 cm.
    """
    if kind == "fixed":
        for _ in range(frame_count):
            yield resting
        return
    drift = motion * _make_tracks(rng, frame_count, frame_rate, slowest=0.09, fastest=0.33)
    shake = _make_tracks(rng, frame_count, frame_rate, slowest=1.3, fastest=4.5)
    for slow, quick in zip(drift, shake, strict=True):
        position = np.asarray(resting.position) + slow[:3] * 0.030 + quick[:3] * 0.0012
        target = np.asarray(resting.target) + slow[3:6] * (0.026, 0.018, 0.0) + quick[3:6] * 0.0011
        yield replace(
            resting,
            position=(float(position[0]), float(position[1]), float(position[2])),
            target=(float(target[0]), float(target[1]), float(target[2])),
            roll=float(slow[6] * 0.022 + quick[6] * 0.0012),
        )


def _make_tracks(
    rng: np.random.Generator, frame_count: int, frame_rate: float, *, slowest: float, fastest: float
) -> Floats:
    """Sum sines of chosen speeds (hertz) into seven smooth tracks of about -1 to 1.  frames 7"""
    seconds = np.arange(frame_count) / frame_rate
    speeds = np.geomspace(slowest, fastest, 4)[:, None] * rng.uniform(0.85, 1.15, (4, 7))
    phases = rng.uniform(0, 2 * np.pi, (4, 7))
    weights = np.array([1.0, 0.75, 0.5, 0.35])[:, None] / 1.6
    waves = np.sin(2 * np.pi * seconds[:, None, None] * speeds + phases) * weights
    tracks: Floats = waves.sum(axis=1)
    return tracks


@lru_cache(maxsize=64)
def _compute_axes(position: tuple[float, float, float], target: tuple[float, float, float], roll: float) -> Floats:
    forward = np.subtract(target, position)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    cos, sin = np.cos(roll), np.sin(roll)
    axes = np.stack([cos * right + sin * down, cos * down - sin * right, forward])
    axes.flags.writeable = False  # the cache returns the same array to all callers
    return axes
