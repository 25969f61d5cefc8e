"""Composes scenes: chooses things, and finds free spots for them in view."""

from dataclasses import dataclass, replace

import numpy as np

from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.world import FURNITURE, Kind, Material, Placement, Thing, World

_MATERIALS: dict[Kind, tuple[Material, ...]] = {
    "cup": ("ceramic", "plastic"),
    "plate": ("ceramic",),
    "bowl": ("ceramic", "plastic"),
    "bottle": ("glass", "plastic"),
    "pan": ("metal",),
    "box": ("card", "plastic"),
    "ball": ("rubber",),
    "drawer": ("wood",),
    "cupboard": ("wood",),
}
_SCALES: dict[Kind, float] = {
    "bowl": 1.16,
    "cupboard": 0.90,
    "drawer": 1.0,
    "ball": 0.90,
    "box": 1.08,
    "plate": 1.0,
    "pan": 1.0,
}
_BRIGHT = ("red", "orange", "yellow", "green", "blue", "turquoise", "purple", "pink")
PALETTES: dict[Kind, tuple[str, ...]] = {
    "cup": (*_BRIGHT, "white"),
    "plate": ("white", "white", "blue", "turquoise", "pink", "yellow", "green"),
    "bowl": (*_BRIGHT, "white"),
    "bottle": ("green", "blue", "red", "brown", "white", "orange"),
    "pan": ("black", "red", "grey"),
    "box": (*_BRIGHT, "brown", "white"),
    "ball": ("red", "yellow", "orange", "green", "blue", "pink"),
    "drawer": ("white", "turquoise", "red", "brown"),
    "cupboard": ("white", "turquoise", "green", "brown"),
}
_MOVABLE: tuple[Kind, ...] = ("cup", "plate", "bowl", "bottle", "pan", "box", "ball")
_CLUTTER: tuple[Kind, ...] = ("cup", "plate", "bowl", "bottle", "box", "ball")
_FEWEST = 4  # things in view at the start
_TRIES = 12
_SHARES = np.array([0.24, 0.12, 0.16, 0.09, 0.07, 0.18, 0.14])


@dataclass(frozen=True, slots=True)
class Scene:
    """The things of one video, their placements at its start, and the camera at rest."""

    things: tuple[Thing, ...]
    opening: World
    camera: Camera
    margin: float  # free space around the things, in frame heights: a head camera moves
    clutter: int = 0  # so many things at the end are clutter, which no action touches

    def is_clutter(self, index: int) -> bool:
        """Return whether a thing is clutter."""
        return index >= len(self.things) - self.clutter


def compose_scene(rng: np.random.Generator, camera: Camera, margin: float) -> Scene:
    """Compose a scene with four to six things in view, the best of twelve tries; more things can come in later."""
    tries: list[Scene] = []
    while len(tries) < _TRIES and not (tries and _count_present(tries[-1].opening) >= _FEWEST):
        tries.append(_try_scene(rng, camera, margin))
    return max(tries, key=lambda scene: _count_present(scene.opening))


def add_clutter(rng: np.random.Generator, scene: Scene, count: int) -> Scene:
    """Add at most `count` things that no action touches, where there is room; the border cuts some."""
    taken = {(thing.kind, thing.color) for thing in scene.things}
    for number in range(count):
        kind = _CLUTTER[int(rng.integers(0, len(_CLUTTER)))]
        colors = [color for color in dict.fromkeys(PALETTES[kind]) if (kind, color) not in taken]
        color = colors[int(rng.integers(0, len(colors)))]
        material = _MATERIALS[kind][int(rng.integers(0, len(_MATERIALS[kind])))]
        scale = _SCALES.get(kind, 1.06) * float(rng.uniform(0.65, 1.0))
        thing = Thing(f"clutter_{number}", kind, color, material, scale, _choose_yaw(rng, kind))
        more = replace(scene, things=(*scene.things, thing), opening=(*scene.opening, Placement("absent")))
        spot = _find_clutter_spot(rng, more, len(scene.things))
        if spot is not None:
            taken.add((kind, color))
            opening = (*scene.opening, Placement("standing", *spot))
            scene = replace(more, opening=opening, clutter=scene.clutter + 1)
    return scene


def _find_clutter_spot(rng: np.random.Generator, scene: Scene, index: int) -> tuple[float, float] | None:
    """Find a random spot, the middle of the thing in view. None after 60 tries."""
    thing, (width, height) = scene.things[index], scene.camera.size
    for _ in range(60):
        spot = (float(rng.uniform(-0.36, 0.36)), float(rng.uniform(-0.24, 0.36)))
        x, y = scene.camera.project_point(*spot, thing.height / 2)
        if 0 <= x < width and 0 <= y < height and _is_clear(scene, scene.opening, index, spot):
            return spot
    return None


def _count_present(world: World) -> int:
    return sum(placement.state != "absent" for placement in world)


def _try_scene(rng: np.random.Generator, camera: Camera, margin: float) -> Scene:
    things = _choose_things(rng)
    scene = Scene(things, tuple(Placement("absent") for _ in things), camera, margin)
    target_count = int(rng.integers(_FEWEST, 7))
    placements = list(scene.opening)
    for index, thing in enumerate(things):
        if thing.kind not in FURNITURE and _count_present(tuple(placements)) >= target_count:
            continue
        spot = find_spot(rng, scene, tuple(placements), index)
        if spot is None:
            continue
        openness = float(rng.integers(0, 2)) if thing.kind in FURNITURE else 0.0
        placements[index] = stand_thing(thing, spot, openness)
    return _drop_absent_furniture(replace(scene, opening=tuple(placements)))


def _drop_absent_furniture(scene: Scene) -> Scene:
    """Remove a drawer or cupboard for which there was no free spot: no action carries one in."""
    kept = [
        index
        for index, thing in enumerate(scene.things)
        if thing.kind not in FURNITURE or scene.opening[index].state != "absent"
    ]
    things = tuple(scene.things[index] for index in kept)
    return replace(scene, things=things, opening=tuple(scene.opening[index] for index in kept))


def stand_thing(thing: Thing, spot: tuple[float, float], openness: float = 0.0) -> Placement:
    """Stand a thing on the table at a spot (meters)."""
    if thing.kind in FURNITURE:
        return Placement("open" if openness else "closed", spot[0], spot[1], openness=openness)
    return Placement("standing", spot[0], spot[1])


def find_spot(rng: np.random.Generator, scene: Scene, world: World, index: int) -> tuple[float, float] | None:
    """Find a random free spot in view for a thing. None after 60 tries."""
    thing = scene.things[index]
    for _ in range(60):
        if thing.kind in FURNITURE:
            spot = (float(rng.uniform(-0.17, 0.17)), float(rng.uniform(0.08, 0.24)))
        else:
            back = 0.10 if thing.kind != "bottle" else 0.20
            front = -0.16 if thing.kind != "bottle" else 0.0
            spot = (float(rng.uniform(-0.21, 0.21)), float(rng.uniform(front, back)))
        if is_free(scene, world, index, spot):
            return spot
    return None


def is_free(scene: Scene, world: World, index: int, spot: tuple[float, float]) -> bool:
    """Return whether a thing can stand at a spot: in view, without contact and with little occlusion."""
    thing = scene.things[index]
    return _is_in_square(scene, _bounding_box(scene.camera, thing, spot)) and _is_clear(scene, world, index, spot)


def _is_clear(scene: Scene, world: World, index: int, spot: tuple[float, float]) -> bool:
    """Return whether a thing at a spot touches no other, and hides or is hidden by others little."""
    thing = scene.things[index]
    mine = _bounding_box(scene.camera, thing, spot)
    for other, placement in enumerate(world):
        if other == index or placement.state == "absent":
            continue
        there = scene.things[other]
        apart = np.hypot(spot[0] - placement.x, spot[1] - (placement.y - _protrusion(there) / 2))
        if apart < thing.radius + there.radius + _protrusion(there) / 2 + 0.008:
            return False
        if _overlap(mine, _bounding_box(scene.camera, there, (placement.x, placement.y), placement.z)) > 0.22:
            return False
    return True


def touches_clutter(scene: Scene, world: World, index: int, spot: tuple[float, float]) -> bool:
    """Return whether a thing at a spot would touch clutter, as a bowl can that covers a ball."""
    return any(
        np.hypot(spot[0] - world[other].x, spot[1] - world[other].y)
        < scene.things[index].radius + scene.things[other].radius
        for other in range(len(scene.things))
        if scene.is_clutter(other)
    )


def apparent_distance(camera: Camera, start: tuple[float, float], stop: tuple[float, float]) -> float:
    """Return the distance of two spots on the table as the camera sees it, in frame heights."""
    first = camera.project_point(start[0], start[1], 0.03)
    last = camera.project_point(stop[0], stop[1], 0.03)
    return float(np.hypot(last[0] - first[0], last[1] - first[1])) / camera.size[1]


def _choose_things(rng: np.random.Generator) -> tuple[Thing, ...]:
    kinds: list[Kind] = []
    if rng.random() < 0.72:
        kinds.append(FURNITURE[int(rng.integers(0, 2))])
    singles = {"pan", "bottle"}
    while len(kinds) < 8:
        kind = _MOVABLE[int(rng.choice(len(_MOVABLE), p=_SHARES))]
        if kinds.count(kind) >= (1 if kind in singles else 2):
            continue
        kinds.append(kind)
    taken: set[tuple[Kind, str]] = set()
    things = []
    used: list[str] = []
    for number, kind in enumerate(kinds):
        palette = [color for color in PALETTES[kind] if (kind, color) not in taken]
        fresh = [color for color in palette if used.count(color) == 0] or palette
        color = fresh[int(rng.integers(0, len(fresh)))]
        taken.add((kind, color))
        used.append(color)
        material = _MATERIALS[kind][int(rng.integers(0, len(_MATERIALS[kind])))]
        scale = _SCALES.get(kind, 1.06) * float(rng.uniform(0.96, 1.06))
        things.append(Thing(f"{kind}_{number}", kind, color, material, scale, _choose_yaw(rng, kind)))
    return tuple(things)


def _choose_yaw(rng: np.random.Generator, kind: Kind) -> float:
    if kind in FURNITURE:
        return float(rng.uniform(-0.12, 0.12))
    if kind == "pan":
        return float(rng.uniform(-1.9, -1.2) + rng.choice([-0.5, 0.5]))
    if kind == "box":
        return float(rng.uniform(-0.7, 0.7))
    return float(rng.uniform(-2.6, 0.4))


def _protrusion(thing: Thing) -> float:
    """Free space needed in front of a thing, in meters: a drawer slides out and a door swings."""
    return {"drawer": 0.10, "cupboard": 0.11}.get(thing.kind, 0.0)


def _bounding_box(
    camera: Camera, thing: Thing, spot: tuple[float, float], base: float = 0.0
) -> tuple[float, float, float, float]:
    """Return a thing's bounding box: left, top, right and bottom in pixels."""
    reach = thing.radius
    deep = 0.065 * thing.scale if thing.kind in FURNITURE else reach
    sides = [(dx, dy, z) for dx in (-reach, reach) for dy in (-deep, deep) for z in (base, base + thing.height)]
    pixels, _ = camera.project(np.array([[spot[0] + dx, spot[1] + dy, z] for dx, dy, z in sides]))
    left, top = pixels.min(axis=0)
    right, bottom = pixels.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _is_in_square(scene: Scene, box: tuple[float, float, float, float]) -> bool:
    width, height = scene.camera.size
    margin = scene.margin * height
    middle, half = width / 2, height / 2 - margin
    left, top, right, bottom = box
    return left > middle - half and right < middle + half and top > margin and bottom < height - margin


def _overlap(first: tuple[float, float, float, float], second: tuple[float, float, float, float]) -> float:
    """Return the share of the smaller box that lies in the other."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return width * height / min(areas)
