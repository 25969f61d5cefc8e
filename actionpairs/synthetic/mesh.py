"""Meshes of small quadrilaterals (patches): solids of revolution, boxes and tubes, with a surface per patch."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Albedo = tuple[float, float, float]  # linear-light albedo


@dataclass(frozen=True, slots=True)
class Surface:
    """A patch's material: albedo, gloss, metalness, and ambient occlusion (`openness` 1 is not occluded)."""

    albedo: Albedo
    gloss: float = 0.5
    metal: float = 0.0
    openness: float = 1.0


@dataclass(frozen=True, slots=True)
class Mesh:
    """Quadrilaterals in meters, counter-clockwise seen from outside: their corners and their surfaces' values."""

    corners: Floats  # patches 4 3
    albedo: Floats  # patches 3
    gloss: Floats  # patches
    metal: Floats  # patches
    openness: Floats  # patches


def join_meshes(*meshes: Mesh) -> Mesh:
    """Join meshes into one."""
    return Mesh(
        np.concatenate([mesh.corners for mesh in meshes]),
        np.concatenate([mesh.albedo for mesh in meshes]),
        np.concatenate([mesh.gloss for mesh in meshes]),
        np.concatenate([mesh.metal for mesh in meshes]),
        np.concatenate([mesh.openness for mesh in meshes]),
    )


def shift_mesh(mesh: Mesh, x: float, y: float, z: float) -> Mesh:
    """Move a mesh by meters."""
    return Mesh(mesh.corners + np.array([x, y, z]), mesh.albedo, mesh.gloss, mesh.metal, mesh.openness)


def rotate_mesh(mesh: Mesh, angle: float) -> Mesh:
    """Rotate a mesh around its vertical axis by radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return Mesh(mesh.corners @ turn.T, mesh.albedo, mesh.gloss, mesh.metal, mesh.openness)


def revolve_profile(profile: list[tuple[float, float, Surface]], sides: int = 64) -> Mesh:
    """Revolve a profile of (radius, height, surface up to the next point) around the vertical axis."""
    radii = np.array([point[0] for point in profile])
    heights = np.array([point[1] for point in profile])
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.empty((len(profile), sides + 1, 3))
    points[:, :, :2] = radii[:, None, None] * ring
    points[:, :, 2] = heights[:, None]
    corners = np.stack([points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]], axis=2)
    surfaces = [point[2] for point in profile[:-1] for _ in range(sides)]
    return _make_mesh(corners.reshape(-1, 4, 3), surfaces)


def smooth_profile(points: list[tuple[float, float, Surface]], steps: int) -> list[tuple[float, float, Surface]]:
    """Smooth a profile by a Catmull-Rom curve with so many steps from point to point."""
    line = np.array([[point[0], point[1]] for point in points])
    padded = np.concatenate([line[:1], line, line[-1:]])
    smooth: list[tuple[float, float, Surface]] = []
    for index, (_, _, surface) in enumerate(points[:-1]):
        before, here, there, after = padded[index : index + 4]
        for step in range(steps):
            t = step / steps
            spot = 0.5 * (
                2 * here
                + (there - before) * t
                + (2 * before - 5 * here + 4 * there - after) * t**2
                + (3 * here - before - 3 * there + after) * t**3
            )
            smooth.append((max(float(spot[0]), 0.0), float(spot[1]), surface))
    return [*smooth, points[-1]]


def build_box(
    low: tuple[float, float, float], high: tuple[float, float, float], surface: Surface, patch: float = 0.016
) -> Mesh:
    """Build a box between two corners (meters), divided into patches, darker towards the ground."""
    sides = []
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        for level, flip in ((low[axis], True), (high[axis], False)):
            u = np.linspace(low[first], high[first], 2 + int((high[first] - low[first]) / patch))
            v = np.linspace(low[second], high[second], 2 + int((high[second] - low[second]) / patch))
            points = np.empty((len(u), len(v), 3))
            points[..., axis] = level
            points[..., first] = u[:, None]
            points[..., second] = v[None, :]
            quads = np.stack([points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]], axis=2)
            quads = quads.reshape(-1, 4, 3)
            sides.append(quads[:, ::-1] if flip else quads)
    corners = np.concatenate(sides)
    mesh = _make_mesh(corners, [surface] * len(corners))
    height = corners[:, :, 2].mean(axis=1)
    shade = 0.55 + 0.45 * np.clip((height - low[2]) / 0.05, 0, 1) if low[2] <= 0.001 else np.ones(len(corners))
    return Mesh(corners, mesh.albedo, mesh.gloss, mesh.metal, mesh.openness * shade)


def build_tube(path: list[tuple[float, float, float]], radius: float, surface: Surface) -> Mesh:
    """Build a round-ended tube of a radius along a path (meters)."""
    line = np.array(path)
    ahead = np.gradient(line, axis=0)
    ahead = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
    reaches = np.array([-1.0, -0.8, -0.45])
    line = np.concatenate(
        [
            line[0] + reaches[:, None] * radius * ahead[0],
            line,
            line[-1] - reaches[::-1, None] * radius * ahead[-1],
        ]
    )
    ahead = np.concatenate([ahead[[0, 0, 0]], ahead, ahead[[-1, -1, -1]]])
    swell = np.concatenate([[0.02, 0.6, 0.88], np.ones(len(path)), [0.88, 0.6, 0.02]]) * radius
    lateral = np.cross(ahead, (0.0, 0.0, 1.0))
    lateral[np.linalg.norm(lateral, axis=1) < 1e-6] = (1.0, 0.0, 0.0)
    lateral = lateral / np.linalg.norm(lateral, axis=1, keepdims=True)
    upward = np.cross(lateral, ahead)
    angles = np.linspace(0, 2 * np.pi, 15)[None, :, None]
    circle = np.cos(angles) * lateral[:, None] + np.sin(angles) * upward[:, None]
    points = line[:, None] + circle * swell[:, None, None]
    corners = np.stack([points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]], axis=2)
    corners = corners.reshape(-1, 4, 3)
    return _make_mesh(corners, [surface] * len(corners))


def _make_mesh(corners: Floats, surfaces: list[Surface]) -> Mesh:
    return Mesh(
        corners,
        np.array([surface.albedo for surface in surfaces]),
        np.array([surface.gloss for surface in surfaces]),
        np.array([surface.metal for surface in surfaces]),
        np.array([surface.openness for surface in surfaces]),
    )
