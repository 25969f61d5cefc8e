"""Sprites: antialiased pictures of things with alpha, blended over a picture."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.light import Light, shade_patches
from actionpairs.synthetic.thing_meshes import build_thing
from actionpairs.synthetic.world import Placement, Thing

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
SUPERSAMPLING = 2


@dataclass(frozen=True, slots=True)
class Sprite:
    """RGBA with premultiplied alpha (H W 4), and the position of its top left corner in the picture."""

    rgba: Pixels
    left: int
    top: int


def transform_corners(thing: Thing, placement: Placement) -> Floats:
    """Return the corners of a placed thing's patches, in meters.  patches 4 3"""
    corners = build_thing(thing, placement.openness).corners
    if placement.tilt:
        middle = thing.height / 2
        cos, sin = np.cos(placement.tilt), np.sin(placement.tilt)
        tip = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
        corners = (corners - (0.0, 0.0, middle)) @ tip.T + (0.0, 0.0, middle)
    placed: Floats = corners + np.array([placement.x, placement.y, placement.z])
    return placed


def draw_thing(thing: Thing, placement: Placement, camera: Camera, light: Light) -> Sprite | None:
    """Draw a thing's patches from far to near (painter's algorithm). None if it is out of view."""
    corners = transform_corners(thing, placement)
    pixels, depth = camera.project(corners.reshape(-1, 3))
    left, top = np.floor(pixels.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(pixels.max(axis=0)).astype(int) + 3
    width, height = camera.size
    if right < 0 or bottom < 0 or left > width or top > height:
        return None
    mesh = build_thing(thing, placement.openness)
    colors, facing = shade_patches(mesh, corners, np.asarray(camera.position), light)
    far_to_near = np.argsort(-depth.reshape(-1, 4).mean(axis=1), kind="stable")
    far_to_near = far_to_near[facing[far_to_near]]
    spots = (pixels - (left, top)) * SUPERSAMPLING - (SUPERSAMPLING - 1) / 2
    quads = np.round(spots.reshape(-1, 4, 2) * 16).astype(np.int32)[far_to_near]
    fills = np.concatenate([colors, np.full((len(colors), 1), 255.0)], axis=1)[far_to_near].tolist()
    big = np.zeros(((bottom - top) * SUPERSAMPLING, (right - left) * SUPERSAMPLING, 4), np.uint8)
    for quad, fill in zip(quads, fills, strict=True):
        cv2.fillConvexPoly(big, quad, fill, cv2.LINE_8, 4)
    small = cv2.resize(big, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    return Sprite(np.asarray(small, np.uint8), int(left), int(top))


def blend_sprite(picture: Pixels, sprite: Sprite) -> None:
    """Blend a sprite over a picture (H W 3, RGB), in place."""
    height, width = picture.shape[:2]
    top, left = max(sprite.top, 0), max(sprite.left, 0)
    bottom = min(sprite.top + sprite.rgba.shape[0], height)
    right = min(sprite.left + sprite.rgba.shape[1], width)
    if top >= bottom or left >= right:
        return
    patch = sprite.rgba[top - sprite.top : bottom - sprite.top, left - sprite.left : right - sprite.left]
    under = picture[top:bottom, left:right]
    clear = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(patch, 3)), cv2.COLOR_GRAY2RGB)
    cv2.multiply(under, clear, dst=under, scale=1 / 255)
    cv2.add(under, cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB), dst=under)
