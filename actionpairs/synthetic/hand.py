"""A hand with forearm and sleeve: limbs blended into one height map, shaded as skin and cloth."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.light import Light, encode_srgb

Floats = npt.NDArray[np.float64]
Grid = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

SKINS = ((0.62, 0.36, 0.25), (0.50, 0.27, 0.17), (0.33, 0.17, 0.10), (0.70, 0.43, 0.32), (0.19, 0.09, 0.05))
SLEEVES = (
    (0.05, 0.09, 0.20),
    (0.30, 0.05, 0.05),
    (0.12, 0.13, 0.14),
    (0.10, 0.20, 0.13),
    (0.52, 0.50, 0.45),
    (0.36, 0.20, 0.05),
)
# lateral place of the knuckle, its reach, phalanx lengths and radius at the knuckle, in meters
_FINGERS = (
    (-0.0315, 0.088, (0.043, 0.026, 0.020), 0.0098),
    (-0.0105, 0.093, (0.047, 0.030, 0.021), 0.0102),
    (0.0105, 0.089, (0.043, 0.028, 0.020), 0.0097),
    (0.0300, 0.080, (0.034, 0.021, 0.018), 0.0086),
)
_SPREAD = (-0.10, -0.02, 0.06, 0.15)  # radians
_BLEND = 0.0026  # meters over which limbs blend


@dataclass(frozen=True, slots=True)
class Limb:
    """A tapered rod of skin or cloth in the hand's own frame (right, forward, up; meters)."""

    start: Floats
    stop: Floats
    start_radius: float
    stop_radius: float
    part: int  # 0 skin, 1 sleeve, 2 fingertip


@dataclass(frozen=True, slots=True)
class HandPicture:
    """A rendered hand: RGBA with premultiplied alpha (H W 4), and its grip point in pixels."""

    rgba: Pixels
    grip: tuple[float, float]


def pose_limbs(closure: float) -> tuple[list[Limb], Floats]:
    """Return the limbs of a right hand closed by 0 to 1, and its grip point between thumb and fingers."""
    limbs, index_tip = _pose_fingers(closure)
    thumb_tip = _pose_thumb(limbs, closure)
    wrist = np.zeros(3)
    for lateral, reach, _, radius in _FINGERS:
        heel = np.array([lateral * 0.55, 0.004, 0.0])
        limbs.append(Limb(heel, np.array([lateral, reach, 0.0]), 0.0165, radius * 1.22, 0))
    back = np.array([0.0, -0.30, 0.012])
    limbs.append(Limb(wrist + np.array([0.001, 0.014, -0.002]), back * 0.5, 0.0225, 0.027, 0))
    along = back / np.linalg.norm(back)
    limbs.append(Limb(along * 0.070, along * 1.00, 0.0375, 0.066, 1))
    return limbs, (thumb_tip + index_tip) / 2


def _pose_fingers(closure: float) -> tuple[list[Limb], Floats]:
    limbs: list[Limb] = []
    tips = []
    bends = np.radians([14 + 26 * closure, 16 + 32 * closure, 8 + 20 * closure])
    for (lateral, reach, lengths, radius), spread in zip(_FINGERS, _SPREAD, strict=True):
        joint = np.array([lateral, reach, 0.0])
        fan = spread * (1.25 - 1.0 * closure)
        bend = 0.0
        for step, (length, more) in enumerate(zip(lengths, bends, strict=True)):
            bend += float(more) * (1.0 + 0.25 * lateral / 0.03 * 0.3)
            ahead = np.array([np.sin(fan) * np.cos(bend), np.cos(fan) * np.cos(bend), -np.sin(bend)])
            after = joint + ahead * length
            thick = radius * (1 - 0.10 * step)
            limbs.append(Limb(joint, after, thick, thick * 0.90, 2 if step == 2 else 0))
            joint = after
        tips.append(joint)
    return limbs, (tips[0] + tips[1]) / 2


def _pose_thumb(limbs: list[Limb], closure: float) -> Floats:
    joint = np.array([-0.022, 0.022, -0.006])
    out = 1.0 - 0.62 * closure
    ways = [(-0.75 * out - 0.08, 0.62, -0.30), (-0.50 * out, 0.82, -0.34), (-0.12 * out + 0.10, 0.92, -0.36)]
    sizes = [(0.042, 0.0185, 0.0135), (0.033, 0.0120, 0.0105), (0.026, 0.0105, 0.0082)]
    for step, (way, (length, thick, thin)) in enumerate(zip(ways, sizes, strict=True)):
        ahead = np.array(way)
        after = joint + ahead / np.linalg.norm(ahead) * length
        limbs.append(Limb(joint, after, thick, thin, 2 if step == 2 else 0))
        joint = after
    return joint


@dataclass(frozen=True, slots=True)
class HandStyle:
    """The linear-light colors of skin and sleeve."""

    skin: tuple[float, float, float]
    sleeve: tuple[float, float, float]


def draw_hand(  # 7 parameters: pose, view, and what it looks like
    closure: float,
    heading: float,
    left_handed: bool,
    axes: Floats,
    density: float,
    style: HandStyle,
    light: Light,
) -> HandPicture:
    """Draw a hand that points along a heading (radians), seen along the camera's axes.

    axes: 3 3, rows right, down, forward. density: pixels per meter.
    """
    limbs, _ = pose_limbs(closure)
    _, anchor = pose_limbs(0.8)
    forward = np.array([np.cos(heading), np.sin(heading), -0.10])
    forward /= np.linalg.norm(forward)
    right = np.array([np.sin(heading), -np.cos(heading), 0.0])
    frame = np.stack([-right if left_handed else right, forward, np.cross(right, forward)])
    look = frame @ axes.T * (1.0, 1.0, -1.0)  # to right, down, towards the eye
    projected = [(limb, (limb.start - anchor) @ look, (limb.stop - anchor) @ look) for limb in limbs]
    flesh = [spot[:2] for limb, start, stop in projected if limb.part != 1 for spot in (start, stop)]
    reach = np.abs(np.array([*flesh, projected[-1][2][:2]])).max(axis=0) + 0.07
    size = (2 * np.ceil(reach * density)).astype(int)
    across = ((np.arange(size[0]) + 0.5 - size[0] / 2) / density).astype(np.float32)
    along = ((np.arange(size[1]) + 0.5 - size[1] / 2) / density).astype(np.float32)
    relief, cover, part, tint = _blend_limbs(projected, across, along, density)
    color = _shade_relief(relief, part, tint, axes, density, style, light)
    rgba = np.dstack([color * cover[:, :, None], cover * 255])
    return HandPicture(np.clip(np.round(rgba), 0, 255).astype(np.uint8), (size[0] / 2, size[1] / 2))


def _blend_limbs(
    projected: list[tuple[Limb, Floats, Floats]], across: Grid, along: Grid, density: float
) -> tuple[Grid, Grid, Pixels, Grid]:
    """Blend limbs into one relief: height towards the camera, coverage, part, redness of the tips.  Each H W"""
    shape = (len(along), len(across))
    relief, cover = np.full(shape, -9.0, np.float32), np.zeros(shape, np.float32)
    part, blush = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    best = np.full(shape, -9.0, np.float32)
    for limb, start, stop in projected:
        thick = max(limb.start_radius, limb.stop_radius) + 2 / density
        low, high = np.minimum(start, stop)[:2] - thick, np.maximum(start, stop)[:2] + thick
        x0, x1 = np.searchsorted(across, [low[0], high[0]])
        y0, y1 = np.searchsorted(along, [low[1], high[1]])
        if x0 >= x1 or y0 >= y1:
            continue
        window = (slice(y0, y1), slice(x0, x1))
        dx, dy = across[x0:x1][None, :] - np.float32(start[0]), along[y0:y1][:, None] - np.float32(start[1])
        way = (stop - start).astype(np.float32)
        length2 = float(way[0] ** 2 + way[1] ** 2) + 1e-9
        share = (dx * way[0] + dy * way[1]) / np.float32(length2)
        inside = np.clip(share, 0, 1)
        away = np.hypot(dx - inside * way[0], dy - inside * way[1])
        radius = limb.start_radius + inside * np.float32(limb.stop_radius - limb.start_radius)
        level = np.float32(start[2]) + inside * way[2]
        dome = np.sqrt(np.clip(1 - (away / radius) ** 2, 0, 1)) * radius
        covers = np.clip((radius - away) * density + 0.5, 0, 1)
        if limb.part == 1:  # the sleeve ends at a curved cuff
            beyond_cuff = share * np.float32(length2**0.5) + 0.35 * dome - 0.3 * limb.start_radius
            covers *= np.clip(beyond_cuff * density + 0.5, 0, 1)
        height = np.where(covers > 0, level + dome, -9.0).astype(np.float32)
        relief[window] = np.logaddexp(relief[window] / _BLEND, height / _BLEND) * _BLEND
        wins = height > best[window]
        best[window] = np.where(wins, height, best[window])
        part[window] = np.where(wins, 1 if limb.part == 1 else 0, part[window])
        tip = np.clip(share, 0, 1) if limb.part == 2 else np.zeros_like(share)
        blush[window] = np.where(wins, tip, blush[window])
        cover[window] = np.maximum(cover[window], covers)
    return relief, cover, part, blush


def _shade_relief(  # 7 parameters: three maps of one relief, and how it is seen and lit
    relief: Grid, part: Pixels, blush: Grid, axes: Floats, density: float, style: HandStyle, light: Light
) -> Grid:
    """Shade a relief as skin and cloth.  H W 3, sRGB 0-255"""
    solid = relief > -1.0
    filled = np.where(solid, relief, 0).astype(np.float32)
    weight = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 0.007 * density) + 1e-4
    around = cv2.GaussianBlur(filled, (0, 0), 0.007 * density) / weight
    crease = np.clip(1.04 + (filled - around) * 26, 0.62, 1.06)
    sleeve = (part == 1) & solid
    if sleeve.any():
        rows, columns = np.indices(relief.shape, dtype=np.float32)
        folds = np.sin(rows / density * 95 + np.sin(columns / density * 60 + rows / density * 37) * 1.9) * 0.0016
        filled = filled + np.where(sleeve, folds, 0).astype(np.float32)
    smooth = cv2.GaussianBlur(np.where(solid, filled, around).astype(np.float32), (0, 0), 0.0013 * density)
    slope_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=density / 8)
    slope_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=density / 8)
    normal = np.stack([-slope_x[solid], -slope_y[solid], np.ones(int(solid.sum()), np.float32)], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    shaded = np.zeros((*relief.shape, 3), np.float32)
    lit = _shade_points(normal, sleeve[solid], blush[solid], axes, style, light)
    shaded[solid] = encode_srgb(lit * crease[solid][:, None])
    return shaded


def _shade_points(
    normal: Grid, sleeve: npt.NDArray[np.bool_], blush: Grid, axes: Floats, style: HandStyle, light: Light
) -> Grid:
    """Shade points of skin or cloth by their normals (N 3); skin lets red light through.  N 3, linear light"""
    lamp = (axes @ np.asarray(light.direction)) * (1, 1, -1)
    overhead = (axes @ np.array([0.0, 0.0, 1.0])) * (1, 1, -1)
    facing = normal @ lamp.astype(np.float32)
    upness = (normal @ overhead.astype(np.float32) + 1)[:, None] / 2
    wrap = np.stack([np.clip((facing + w) / (1 + w), 0, 1) for w in (0.45, 0.28, 0.22)], axis=1)
    skin = np.asarray(style.skin) * (1 + blush[:, None] * np.array([0.10, -0.10, -0.08]))
    albedo = np.where(sleeve[:, None], np.asarray(style.sleeve), skin)
    glow = np.asarray(light.sky) * upness + np.asarray(light.bounce) * (1 - upness)
    half = lamp + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    shine = np.clip(normal @ half.astype(np.float32), 0, 1) ** 26 * np.where(sleeve, 0.0, 0.11)
    lit = albedo * (wrap * np.asarray(light.lamp) * 0.95 + glow) + shine[:, None]
    flesh: Grid = lit.astype(np.float32)
    return flesh
