"""Builds the mesh of every kind of thing, with its base at the origin, in meters."""

from functools import lru_cache

import numpy as np

from actionpairs.synthetic.mesh import (
    Albedo,
    Mesh,
    Surface,
    build_box,
    build_tube,
    join_meshes,
    revolve_profile,
    rotate_mesh,
    shift_mesh,
    smooth_profile,
)
from actionpairs.synthetic.world import COLORS, Material, Thing

OAK: Albedo = (0.42, 0.25, 0.12)
STEEL: Albedo = (0.62, 0.62, 0.63)
DRAWER_TRAVEL = 0.085  # meters that a drawer slides out
DOOR_SWING = np.radians(112)  # that a cupboard's door opens
_GLOSS: dict[Material, float] = {
    "ceramic": 0.9,
    "plastic": 0.55,
    "glass": 1.0,
    "metal": 0.8,
    "card": 0.12,
    "rubber": 0.35,
    "wood": 0.25,
}


@lru_cache(maxsize=256)
def build_thing(thing: Thing, openness: float) -> Mesh:
    """Build a thing's mesh with its scale and yaw, its drawer or door open by 0 to 1."""
    surface = Surface(COLORS[thing.color], _GLOSS[thing.material])
    builders = {
        "cup": _build_cup,
        "plate": _build_plate,
        "bowl": _build_bowl,
        "bottle": _build_bottle,
        "pan": _build_pan,
        "box": _build_box,
        "ball": _build_ball,
    }
    if thing.kind == "drawer":
        mesh = _build_drawer(surface, openness)
    elif thing.kind == "cupboard":
        mesh = _build_cupboard(surface, openness)
    else:
        mesh = builders[thing.kind](surface)
    scaled = Mesh(mesh.corners * thing.scale, mesh.albedo, mesh.gloss, mesh.metal, mesh.openness)
    return rotate_mesh(scaled, thing.yaw)


def _soften(albedo: Albedo, towards: float, share: float) -> Albedo:
    red, green, blue = (part + (towards - part) * share for part in albedo)
    return red, green, blue


def _build_cup(body: Surface) -> Mesh:
    inside = Surface(_soften(body.albedo, 0.75, 0.8), body.gloss, 0.0, 0.72)
    deep = Surface(inside.albedo, body.gloss * 0.5, 0.0, 0.42)
    foot = Surface(body.albedo, body.gloss, 0.0, 0.6)
    outer = [
        (0.0, 0.003, foot),
        (0.026, 0.003, foot),
        (0.029, 0.000, foot),
        (0.032, 0.003, foot),
        (0.037, 0.016, body),
        (0.041, 0.045, body),
        (0.0425, 0.075, body),
        (0.0430, 0.090, body),
        (0.0415, 0.092, inside),
        (0.0395, 0.089, inside),
        (0.0385, 0.060, deep),
        (0.0350, 0.025, deep),
        (0.0280, 0.009, deep),
        (0.0, 0.008, deep),
    ]
    angles = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 12)
    path = [(0.0435 + 0.025 * float(np.cos(a)), 0.0, 0.054 + 0.021 * float(np.sin(a))) for a in angles]
    return join_meshes(revolve_profile(smooth_profile(outer, 2)), build_tube(path, 0.0052, body))


def _build_plate(body: Surface) -> Mesh:
    under = Surface(body.albedo, body.gloss, 0.0, 0.5)
    ring = Surface(_soften(body.albedo, 0.03 if sum(body.albedo) > 2 else 0.85, 0.55), body.gloss)
    well = Surface(body.albedo, body.gloss, 0.0, 0.9)
    profile = [
        (0.0, 0.002, under),
        (0.050, 0.000, under),
        (0.056, 0.003, under),
        (0.088, 0.015, body),
        (0.092, 0.0175, body),
        (0.0905, 0.0185, body),
        (0.0875, 0.0172, ring),
        (0.0835, 0.0155, body),
        (0.066, 0.0085, well),
        (0.058, 0.0058, well),
        (0.054, 0.0050, well),
        (0.030, 0.0048, well),
        (0.0, 0.0048, well),
    ]
    return revolve_profile(profile, sides=80)


def _build_bowl(body: Surface) -> Mesh:
    inside = Surface(_soften(body.albedo, 0.78, 0.75), body.gloss, 0.0, 0.8)
    deep = Surface(inside.albedo, body.gloss * 0.6, 0.0, 0.6)
    foot = Surface(body.albedo, body.gloss, 0.0, 0.55)
    profile = [
        (0.0, 0.003, foot),
        (0.026, 0.003, foot),
        (0.030, 0.000, foot),
        (0.034, 0.004, foot),
        (0.050, 0.016, body),
        (0.063, 0.037, body),
        (0.0705, 0.058, body),
        (0.0718, 0.0615, body),
        (0.0700, 0.0625, inside),
        (0.0675, 0.058, inside),
        (0.0600, 0.038, inside),
        (0.0470, 0.020, deep),
        (0.0300, 0.011, deep),
        (0.0, 0.008, deep),
    ]
    return revolve_profile(smooth_profile(profile, 2), sides=72)


def _build_bottle(body: Surface) -> Mesh:
    foot = Surface(body.albedo, body.gloss, 0.0, 0.55)
    label = Surface((0.78, 0.74, 0.62), 0.15)
    stripe = Surface(_soften(body.albedo, 0.3, 0.15), 0.15)
    cap = Surface((0.07, 0.07, 0.075) if sum(body.albedo) > 0.25 else (0.75, 0.74, 0.72), 0.5)
    profile = [
        (0.0, 0.002, foot),
        (0.030, 0.000, foot),
        (0.0345, 0.004, foot),
        (0.0355, 0.012, body),
        (0.0355, 0.034, body),
        (0.0357, 0.036, label),
        (0.0357, 0.060, stripe),
        (0.0357, 0.068, label),
        (0.0357, 0.088, label),
        (0.0355, 0.090, body),
        (0.0355, 0.112, body),
        (0.0320, 0.128, body),
        (0.0210, 0.146, body),
        (0.0150, 0.158, body),
        (0.0140, 0.168, body),
        (0.0175, 0.169, cap),
        (0.0175, 0.188, cap),
        (0.0155, 0.190, cap),
        (0.0, 0.190, cap),
    ]
    return revolve_profile(profile)


def _build_pan(body: Surface) -> Mesh:
    rim = Surface(STEEL, 0.8, 0.9)
    inside = Surface((0.035, 0.035, 0.037), 0.3, 0.0, 0.75)
    floor = Surface((0.045, 0.045, 0.047), 0.35, 0.0, 0.85)
    foot = Surface(body.albedo, 0.4, 0.0, 0.5)
    profile = [
        (0.0, 0.001, foot),
        (0.068, 0.000, foot),
        (0.072, 0.003, body),
        (0.080, 0.020, body),
        (0.086, 0.043, rim),
        (0.0878, 0.0455, rim),
        (0.0860, 0.0465, rim),
        (0.0835, 0.0440, inside),
        (0.0770, 0.020, inside),
        (0.0690, 0.006, floor),
        (0.0400, 0.005, floor),
        (0.0, 0.005, floor),
    ]
    neck = build_tube([(0.082, 0, 0.036), (0.100, 0, 0.043)], 0.007, rim)
    reach = np.linspace(0.104, 0.190, 7)
    grip = build_tube(
        [(float(x), 0.0, 0.043 + 0.10 * float(x - 0.104)) for x in reach],
        0.0105,
        Surface((0.03, 0.028, 0.027), 0.3),
    )
    return join_meshes(revolve_profile(profile, sides=72), neck, grip)


def _build_box(body: Surface) -> Mesh:
    tape = Surface(_soften(body.albedo, 0.8, 0.45), 0.3)
    lid = Surface(_soften(body.albedo, 0.02, 0.25), body.gloss)
    return join_meshes(
        build_box((-0.048, -0.038, 0.0), (0.048, 0.038, 0.052), body),
        build_box((-0.0495, -0.0395, 0.052), (0.0495, 0.0395, 0.0715), body),
        build_box((-0.0495, -0.0395, 0.0515), (0.0495, 0.0395, 0.0535), lid),
        build_box((-0.010, -0.0397, 0.0540), (0.010, 0.0397, 0.0722), tape),
    )


def _build_ball(body: Surface) -> Mesh:
    band = Surface(_soften(body.albedo, 0.85, 0.75), body.gloss)
    angles = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 25)
    profile = []
    for angle in angles:
        surface = band if abs(angle) < 0.2 else body
        shade = Surface(
            surface.albedo, surface.gloss, 0.0, 0.65 + 0.35 * min(1.0, (1 + float(np.sin(angle))) / 0.9)
        )
        profile.append((0.036 * float(np.cos(angle)), 0.036 * float(np.sin(angle)), shade))
    ball = revolve_profile(profile, sides=48)
    cos, sin = np.cos(0.6), np.sin(0.6)  # tilted, so that the band is seen at an angle
    tip = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    rolled = Mesh(ball.corners @ tip.T, ball.albedo, ball.gloss, ball.metal, ball.openness)
    return shift_mesh(rolled, 0.0, 0.0, 0.036)


def _build_drawer(front: Surface, openness: float) -> Mesh:
    """Build a small chest whose single drawer slides towards the viewer."""
    wood = Surface(OAK, 0.25)
    dark = Surface((0.05, 0.03, 0.02), 0.0, 0.0, 0.5)
    inner = Surface((0.34, 0.22, 0.12), 0.1, 0.0, 0.45 + 0.3 * openness)
    knob = Surface(STEEL, 0.8, 0.9)
    slide = -DRAWER_TRAVEL * openness
    chest = [
        build_box((-0.100, 0.056, 0.0), (0.100, 0.062, 0.092), dark),
        build_box((-0.100, -0.058, 0.0), (0.100, 0.062, 0.013), wood),
        build_box((-0.100, -0.058, 0.0), (-0.088, 0.062, 0.092), wood),
        build_box((0.088, -0.058, 0.0), (0.100, 0.062, 0.092), wood),
        build_box((-0.102, -0.060, 0.093), (0.102, 0.064, 0.106), wood),
    ]
    tray = [
        build_box((-0.080, -0.058 + slide, 0.020), (0.080, -0.020, 0.024), inner),
        build_box((-0.080, -0.058 + slide, 0.020), (-0.076, -0.020, 0.076), inner),
        build_box((0.076, -0.058 + slide, 0.020), (0.080, -0.020, 0.076), inner),
        build_box((-0.086, -0.068 + slide, 0.014), (0.086, -0.059 + slide, 0.091), front),
        build_tube([(-0.022, -0.078 + slide, 0.055), (0.022, -0.078 + slide, 0.055)], 0.0055, knob),
    ]
    return join_meshes(*chest, *(tray if openness > 0.0 else tray[3:]))


def _build_cupboard(door: Surface, openness: float) -> Mesh:
    """Build a small cabinet whose door is hinged on the left."""
    wood = Surface(OAK, 0.25)
    inner = Surface((0.16, 0.10, 0.055), 0.05, 0.0, 0.5)
    shelf = Surface((0.30, 0.19, 0.10), 0.1, 0.0, 0.6)
    body = [
        build_box((-0.100, 0.056, 0.0), (0.100, 0.062, 0.191), inner),
        build_box((-0.100, -0.060, 0.0), (0.100, 0.062, 0.010), inner),
        build_box((-0.090, -0.050, 0.095), (0.090, 0.056, 0.102), shelf),
        build_box((-0.100, -0.060, 0.0), (-0.091, 0.062, 0.191), wood),
        build_box((0.091, -0.060, 0.0), (0.100, 0.062, 0.191), wood),
        build_box((-0.104, -0.064, 0.192), (0.104, 0.066, 0.202), wood),
    ]
    panel = join_meshes(
        build_box((0.0, -0.008, 0.006), (0.198, 0.0, 0.190), door),
        build_box((0.026, -0.0085, 0.034), (0.172, -0.0080, 0.162), Surface(_soften(door.albedo, 0.0, 0.18), 0.3)),
        build_tube([(0.184, -0.018, 0.082), (0.184, -0.018, 0.118)], 0.005, Surface(STEEL, 0.8, 0.9)),
    )
    hung = shift_mesh(rotate_mesh(panel, -float(DOOR_SWING) * openness), -0.099, -0.060, 0.0)
    return join_meshes(*body, hung)
