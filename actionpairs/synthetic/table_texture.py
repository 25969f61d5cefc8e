"""Procedural textures of the table: wood, stone and cloth from seeded noise, seen from above."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.light import Light

Pixels = npt.NDArray[np.uint8]
Grid = npt.NDArray[np.float32]
Cover = Literal["oak", "gingham", "marble", "walnut", "slate", "linen"]

COVERS: tuple[Cover, ...] = ("oak", "gingham", "marble", "walnut", "linen", "slate")
WEST, EAST, NORTH, SOUTH = -0.98, 0.98, 1.00, -0.45  # the edges of the rendered table, in meters
_CLOTHS = ((196, 84, 80), (84, 128, 176), (98, 150, 112), (214, 170, 82))
_LINENS = ((206, 196, 178), (160, 178, 186), (186, 170, 176), (172, 182, 158))


@dataclass(frozen=True, slots=True)
class TableTexture:
    """A table seen from above: its picture (H W 3 RGB; north up) and its pixels per meter."""

    picture: Pixels
    density: float

    def map_to_meters(self) -> npt.NDArray[np.float64]:
        """Return the homography from the picture's pixels to meters on the table.  3 3"""
        step = 1.0 / self.density
        half = step / 2
        return np.array([[step, 0.0, WEST + half], [0.0, -step, NORTH - half], [0.0, 0.0, 1.0]])


def make_table_texture(rng: np.random.Generator, cover: Cover, light: Light, density: float) -> TableTexture:
    """Make the texture of a cover, lit by a scene's light. density: pixels per meter."""
    width, height = int((EAST - WEST) * density), int((NORTH - SOUTH) * density)
    makers = {
        "oak": _make_wood,
        "walnut": _make_wood,
        "gingham": _make_gingham,
        "linen": _make_linen,
        "marble": _make_marble,
        "slate": _make_slate,
    }
    picture = makers[cover](rng, width, height, cover)
    warmth = np.asarray(light.lamp) / np.mean(light.lamp)
    lit = picture * _spread_light(light, width, height)[:, :, None] * (warmth**0.6).astype(np.float32)
    return TableTexture(np.clip(lit, 0, 255).astype(np.uint8), density)


def _spread_light(light: Light, width: int, height: int) -> Grid:
    """Return the brightness of the table: higher on the lamp's side.  H W"""
    across, along = np.meshgrid(np.linspace(WEST, EAST, width), np.linspace(NORTH, SOUTH, height))
    away = np.hypot(across - light.direction[0] * 0.55, along - 0.05 - light.direction[1] * 0.55)
    return (1.07 - 0.24 * np.clip(away / 0.9, 0, 1.2) ** 1.4).astype(np.float32)


def _tint(color: tuple[int, int, int]) -> Grid:
    return np.array(color, np.float32)


def _make_noise(
    rng: np.random.Generator, width: int, height: int, cells: tuple[float, float], octaves: int
) -> Grid:
    """Make smooth noise of about -1 to 1: so many cells across and along, twice as many with each octave."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        columns = max(2, round(cells[0] * 2**octave)) + 3
        rows = max(2, round(cells[1] * 2**octave)) + 3
        grid = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    return total


def _make_wood(rng: np.random.Generator, width: int, height: int, cover: str) -> Grid:
    """Planks that run from left to right, each with its own rings and tone."""
    light_tone, dark_tone = ((206, 163, 112), (158, 110, 66)) if cover == "oak" else ((132, 88, 58), (82, 50, 32))
    planks = 9
    edges = np.linspace(0, height, planks + 1).astype(int)
    tone = np.empty((height, width), np.float32)
    for top, bottom in pairwise(edges.tolist()):
        rows = bottom - top
        warp = _make_noise(rng, width, rows, (2.5, 1.2), 3)
        across = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        rings = np.sin((across * rng.uniform(2.5, 5) + warp * 0.75 + rng.uniform(0, 6)) * 6.0)
        fiber = _make_noise(rng, width, rows, (14, rows / 2.2), 2)
        tone[top:bottom] = 0.5 + 0.16 * rings + 0.13 * fiber + rng.uniform(-0.13, 0.13)
        tone[top : top + max(2, height // 420)] += 0.5
    share = np.clip(tone, 0, 1.1)[:, :, None]
    wood: Grid = _tint(light_tone) * (1 - share) + _tint(dark_tone) * share
    return wood


def _make_gingham(rng: np.random.Generator, width: int, height: int, _cover: str) -> Grid:
    """A checked cloth of white and one color."""
    color = _tint(_CLOTHS[int(rng.integers(0, len(_CLOTHS)))])
    pitch = width / 30
    columns = (np.sin(np.arange(width) * np.pi / pitch + 0.4) > 0).astype(np.float32)
    rows = (np.sin(np.arange(height) * np.pi / pitch + 1.1) > 0).astype(np.float32)
    share = cv2.GaussianBlur((columns[None, :] + rows[:, None]) * 0.30, (0, 0), 0.9)
    cloth = _tint((228, 224, 214)) * (1 - share[:, :, None]) + color * share[:, :, None]
    return _add_threads(rng, cloth, 0.05)


def _make_linen(rng: np.random.Generator, width: int, height: int, _cover: str) -> Grid:
    """A plain cloth with two stitched stripes."""
    cloth = np.empty((height, width, 3), np.float32)
    cloth[:] = _LINENS[int(rng.integers(0, len(_LINENS)))]
    for spot in (0.19, 0.205, 0.78, 0.795):
        cloth[:, int(spot * width) : int((spot + 0.006) * width)] *= 0.72
    return _add_threads(rng, cloth, 0.10)


def _add_threads(rng: np.random.Generator, cloth: Grid, strength: float) -> Grid:
    height, width = cloth.shape[:2]
    warp = _make_noise(rng, width, height, (width / 3, 24), 1)
    weft = _make_noise(rng, width, height, (24, height / 3), 1)
    folds = _make_noise(rng, width, height, (3, 2.4), 2)
    threads: Grid = cloth * (1 + strength * (warp + weft) * 0.6 + 0.035 * folds)[:, :, None]
    return threads


def _make_marble(rng: np.random.Generator, width: int, height: int, _cover: str) -> Grid:
    """A pale stone with soft gray veins."""
    bend = _make_noise(rng, width, height, (4, 3), 5)
    veins = np.exp(-np.abs(bend + 0.15) * 13) * np.clip(0.6 + _make_noise(rng, width, height, (3, 3), 2), 0, 1.4)
    cloud = _make_noise(rng, width, height, (5, 4), 4)
    tone = np.clip(1 - 0.16 * veins + 0.028 * cloud, 0, 1.06)
    marble: Grid = _tint((214, 210, 203)) * tone[:, :, None]
    return marble


def _make_slate(rng: np.random.Generator, width: int, height: int, _cover: str) -> Grid:
    """A dark speckled stone."""
    cloud = _make_noise(rng, width, height, (6, 5), 5)
    speckle = np.clip(_make_noise(rng, width, height, (width / 4, height / 4), 1) - 0.55, 0, 1)
    tone = 1 + 0.10 * cloud + 0.75 * speckle
    slate: Grid = _tint((92, 97, 102)) * tone[:, :, None]
    return slate
