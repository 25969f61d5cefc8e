"""Soft shadows: things projected along the light onto the table; higher things have blurrier shadows."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.light import Light
from actionpairs.synthetic.sprites import transform_corners
from actionpairs.synthetic.table_texture import EAST, NORTH, SOUTH, WEST
from actionpairs.synthetic.world import Placement, Thing

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.uint8]

DENSITY = 220.0  # pixels per meter
_STRENGTH = 0.52  # of the shade in the middle of a shadow
_CONTACT = 0.34  # of the contact shadow, where a thing meets the table


@dataclass(frozen=True, slots=True)
class Shadow:
    """How much light reaches the table around one thing (255 is all), and where on the table, at DENSITY."""

    kept: Mask  # H W
    left: int
    top: int

    def map_to_meters(self) -> Floats:
        """Return the homography from the mask's pixels to meters on the table.  3 3"""
        step = 1 / DENSITY
        west = WEST + (self.left + 0.5) * step
        north = NORTH - (self.top + 0.5) * step
        return np.array([[step, 0.0, west], [0.0, -step, north], [0.0, 0.0, 1.0]])


def cast_shadow(thing: Thing, placement: Placement, light: Light) -> Shadow:
    """Cast the shadow of one thing."""
    corners = transform_corners(thing, placement)
    lamp = np.asarray(light.direction)
    height = np.maximum(corners[..., 2:], 0.0)
    cast = _to_pixels(corners[..., :2] - height * lamp[:2] / lamp[2])
    foot = _to_pixels(corners[..., :2])
    spots = np.concatenate([cast, foot]).reshape(-1, 2)
    pad = 16
    left, top = np.floor(spots.min(axis=0)).astype(int) - pad
    right, bottom = np.ceil(spots.max(axis=0)).astype(int) + pad
    canvas = np.zeros((bottom - top, right - left), np.uint8)
    origin = np.array([left, top])
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    for quad in np.round((cast[normal @ lamp > 0] - origin) * 16).astype(np.int32):
        cv2.fillConvexPoly(canvas, quad, 255, cv2.LINE_8, 4)
    softness = 1.5 + placement.z * 38
    near = cv2.GaussianBlur(canvas, (0, 0), softness)
    far = cv2.GaussianBlur(canvas, (0, 0), softness * 2.4)
    shade = _STRENGTH * (0.6 * near + 0.4 * far)
    if placement.z < 0.03:
        shade = shade + _contact_shadow(thing, corners, foot - origin, canvas.shape) * (1 - placement.z / 0.03)
    return Shadow(np.clip(255 - shade, 60, 255).astype(np.uint8), int(left), int(top))


def _contact_shadow(
    thing: Thing, corners: Floats, foot: Floats, shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """Return the contact shadow, where a thing meets the table.  H W"""
    low = corners[..., 2].mean(axis=1) < corners[..., 2].min() + 0.35 * thing.height
    canvas = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.round(foot[low].reshape(-1, 2) * 16).astype(np.int32))
    cv2.fillConvexPoly(canvas, hull, 255, cv2.LINE_8, 4)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 2.4), np.float32) * np.float32(_CONTACT)


def combine_shadows(shadows: list[Shadow]) -> Mask:
    """Multiply the shadows of resting things on the whole table.  H W at DENSITY"""
    height, width = int((NORTH - SOUTH) * DENSITY), int((EAST - WEST) * DENSITY)
    kept = np.full((height, width), 255, np.uint8)
    for shadow in shadows:
        y0, x0 = max(shadow.top, 0), max(shadow.left, 0)
        y1, x1 = (
            min(shadow.top + shadow.kept.shape[0], height),
            min(shadow.left + shadow.kept.shape[1], width),
        )
        if y0 < y1 and x0 < x1:
            window = kept[y0:y1, x0:x1]
            part = shadow.kept[y0 - shadow.top : y1 - shadow.top, x0 - shadow.left : x1 - shadow.left]
            cv2.multiply(window, part, dst=window, scale=1 / 255)
    return kept


def _to_pixels(spots: Floats) -> Floats:
    return (spots - (WEST, NORTH)) * (DENSITY, -DENSITY) - 0.5
