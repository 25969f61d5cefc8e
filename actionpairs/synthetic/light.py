"""A scene's light, and the shading of surfaces."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.mesh import Mesh

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Light:
    """One soft lamp and ambient light: the direction towards the lamp, and linear-light colors."""

    direction: tuple[float, float, float]
    lamp: tuple[float, float, float]
    sky: tuple[float, float, float]
    bounce: tuple[float, float, float]  # reflected by the table


def choose_light(rng: np.random.Generator) -> Light:
    """Choose the lamp's direction, color temperature and strength."""
    azimuth = rng.choice([-1.0, 1.0]) * rng.uniform(0.35, 1.35) + np.pi / 2
    height = rng.uniform(0.80, 1.05)
    warmth = rng.uniform(-0.7, 1.0)
    strength = rng.uniform(0.95, 1.15)
    lamp = strength * np.array([1.0 + 0.09 * warmth, 1.0, 1.0 - 0.16 * warmth])
    sky = rng.uniform(0.42, 0.55) * np.array([1.0 - 0.05 * warmth, 1.0, 1.0 + 0.07 * warmth])
    return Light(
        (
            float(np.cos(azimuth) * np.cos(height)),
            float(np.sin(azimuth) * np.cos(height)),
            float(np.sin(height)),
        ),
        (float(lamp[0]), float(lamp[1]), float(lamp[2])),
        (float(sky[0]), float(sky[1]), float(sky[2])),
        (0.20, 0.17, 0.14),
    )


def shade_patches(
    mesh: Mesh, corners: Floats, eye: Floats, light: Light
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Shade patches with these corners (N 4 3, meters).

    Returns sRGB of 0-255 (N 3) and the mask of those that face the camera (N).
    """
    center = corners.mean(axis=1)
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    view = eye - center
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    facing = np.einsum("ij,ij->i", normal, view)
    lamp = np.asarray(light.direction)
    diffuse = np.clip((normal @ lamp + 0.22) / 1.22, 0, 1) ** 1.2
    upness = (normal[:, 2:] + 1) / 2
    glow = (np.asarray(light.bounce) * (1 - upness) + np.asarray(light.sky) * upness) * mesh.openness[:, None]
    lit = diffuse[:, None] * np.asarray(light.lamp) * (0.35 + 0.65 * mesh.openness[:, None]) + glow
    mirror = 2 * facing[:, None] * normal - view
    room = _reflect_room(mirror, light) * mesh.openness[:, None]
    fresnel = (0.045 + 0.75 * (1 - np.clip(facing, 0, 1)) ** 5) * mesh.gloss
    metal = mesh.metal[:, None]
    matt = mesh.albedo * lit
    color = (1 - metal) * (matt + fresnel[:, None] * room) + metal * mesh.albedo * room
    return encode_srgb(color), facing > 0


def _tabulate_srgb() -> npt.NDArray[np.float32]:
    """Tabulate sRGB of 0-255 for linear light of 0 to 2 in steps of 1/4096, with soft highlights."""
    linear = np.arange(8192) / 4096
    rolled = np.where(linear > 0.7, 0.7 + 0.3 * (1 - np.exp(-(linear - 0.7) / 0.3)), linear)
    return (255 * np.clip(rolled, 0, 1) ** (1 / 2.2)).astype(np.float32)


_SRGB = _tabulate_srgb()


def encode_srgb(linear: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Convert linear light to sRGB values of 0-255, with soft highlights."""
    encoded: npt.NDArray[np.float32] = _SRGB[np.clip(linear * 4096, 0, 8191).astype(np.int16)]
    return encoded


def _reflect_room(direction: Floats, light: Light) -> Floats:
    """Return the environment light from these directions (N 3): ceiling, walls, table and lamp.  N 3"""
    up = direction[:, 2]
    wall = 0.32 + 0.5 * np.clip(up, 0, 1)
    level = np.where(up > 0, wall, np.maximum(0.32 + up * 1.2, 0.12))[:, None] * np.asarray(light.sky) * 1.8
    lamp = direction @ np.asarray(light.direction)
    blaze = 13.0 / (1 + np.exp(-(lamp - 0.955) * 140))
    halo = 1.2 * np.clip(lamp, 0, 1) ** 18
    room: Floats = level + (blaze + halo)[:, None] * np.asarray(light.lamp)
    return room
