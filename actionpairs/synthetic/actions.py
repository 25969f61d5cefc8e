"""The actions that are possible in a world, each with the world after it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from actionpairs.synthetic.scene import Scene, apparent_distance, find_spot, is_free, touches_clutter
from actionpairs.synthetic.world import FURNITURE, Kind, Placement, World, find_things_on, replace_placement

Verb = Literal[
    "take",
    "put",
    "move-left",
    "move-right",
    "move-away",
    "move-near",
    "open",
    "close",
    "cover",
    "turn-over",
    "stack",
    "check",
]
VERBS: tuple[Verb, ...] = get_args(Verb)
_SHARES: dict[Verb, float] = {
    "take": 1.1,
    "put": 1.3,
    "cover": 1.2,
    "stack": 1.0,
    "turn-over": 0.8,
    "check": 0.6,
}
MOVES: dict[Verb, tuple[float, float]] = {  # right and away
    "move-left": (-1.0, 0.0),
    "move-right": (1.0, 0.0),
    "move-away": (0.0, 1.0),
    "move-near": (0.0, -1.0),
}
_WAYS: dict[Verb, str] = {
    "move-left": "to the left",
    "move-right": "to the right",
    "move-away": "away",
    "move-near": "near",
}
_BASES: dict[Kind, tuple[Kind, ...]] = {
    "cup": ("box", "plate"),
    "bowl": ("plate", "box"),
    "box": ("box",),
    "plate": ("plate",),
}
MIN_MOVE = 0.135  # of the frame height: rounding then never makes a move shorter than 12 %


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its verb, the index of the thing acted on and of the other one, the worlds before and after."""

    verb: Verb
    acted: int
    other: int | None
    before: World
    after: World
    narration: str
    nouns: tuple[Kind, ...]  # the acted thing's first


def choose_action(
    rng: np.random.Generator, scene: Scene, world: World, done: list[Verb], verbs: Sequence[Verb] = VERBS
) -> Action:
    """Choose the next action at random among these verbs, or "check" where none is possible.

    A verb is less likely the more often it was done.
    """
    choices: dict[Verb, list[Action]] = {}
    for action in list_actions(rng, scene, world):
        choices.setdefault(action.verb, []).append(action)
    able: list[Verb] = [verb for verb in VERBS if verb in choices and verb in verbs] or ["check"]
    shares = np.array([_SHARES.get(verb, 1.0) / (1 + 2 * done.count(verb)) ** 1.5 for verb in able])
    verb = able[int(rng.choice(len(able), p=shares / shares.sum()))]
    return choices[verb][int(rng.integers(0, len(choices[verb])))]


def list_actions(rng: np.random.Generator, scene: Scene, world: World) -> Iterator[Action]:
    """Yield the actions that are possible in a world; `rng` chooses the spots."""
    touchable = [index for index in range(len(world)) if not scene.is_clutter(index)]
    visible_count = sum(world[index].state not in ("absent", "covered") for index in touchable)
    for index in touchable:
        kind, placement = scene.things[index].kind, world[index]
        if placement.state == "absent":
            if visible_count < 7:
                yield from _list_puts(rng, scene, world, index)
        elif kind in FURNITURE:
            yield from _list_openings(scene, world, index)
            yield _check(scene, world, index)
        elif placement.state != "covered" and not find_things_on(world, index):
            yield _check(scene, world, index)
            yield from _list_turns(scene, world, index)
            yield from _list_stacks(scene, world, index)
            yield from _list_moves(rng, scene, world, index)
            if visible_count > 3:
                yield _take(scene, world, index)
    yield from _list_covers(scene, world)


def name_thing(scene: Scene, index: int) -> str:
    """Return a thing's name in an instruction, with its color where a scene can have two of its kind."""
    thing = scene.things[index]
    if thing.kind in (*FURNITURE, "pan"):
        return f"the {thing.kind}"
    return f"the {thing.color} {thing.kind}"


def _act(scene: Scene, world: World, verb: Verb, index: int, after: World, narration: str) -> Action:
    return Action(verb, index, None, world, after, narration, (scene.things[index].kind,))


def _check(scene: Scene, world: World, index: int) -> Action:
    return _act(scene, world, "check", index, world, f"check {name_thing(scene, index)}")


def _take(scene: Scene, world: World, index: int) -> Action:
    after = _uncover(replace_placement(world, index, Placement("absent")), world[index])
    return _act(scene, world, "take", index, after, f"take {name_thing(scene, index)}")


def _uncover(world: World, lifted: Placement) -> World:
    """Make what a lifted thing covered visible again."""
    if lifted.on is None or world[lifted.on].state != "covered":
        return world
    return replace_placement(world, lifted.on, replace(world[lifted.on], state="standing"))


def _list_puts(rng: np.random.Generator, scene: Scene, world: World, index: int) -> Iterator[Action]:
    spot = find_spot(rng, scene, world, index)
    if spot is not None:
        after = replace_placement(world, index, Placement("standing", *spot))
        yield _act(scene, world, "put", index, after, f"put {name_thing(scene, index)}")


def _list_openings(scene: Scene, world: World, index: int) -> Iterator[Action]:
    name = name_thing(scene, index)
    if world[index].state == "closed":
        after = replace_placement(world, index, replace(world[index], state="open", openness=1.0))
        yield _act(scene, world, "open", index, after, f"open {name}")
    else:
        after = replace_placement(world, index, replace(world[index], state="closed", openness=0.0))
        yield _act(scene, world, "close", index, after, f"close {name}")


def _list_turns(scene: Scene, world: World, index: int) -> Iterator[Action]:
    placement = world[index]
    if scene.things[index].kind not in ("cup", "bowl") or placement.on is not None:
        return
    if placement.state == "standing":
        turned = replace(placement, state="upside_down", tilt=float(np.pi))
    else:
        turned = replace(placement, state="standing", tilt=0.0)
    after = replace_placement(world, index, turned)
    yield _act(scene, world, "turn-over", index, after, f"turn over {name_thing(scene, index)}")


def _list_moves(rng: np.random.Generator, scene: Scene, world: World, index: int) -> Iterator[Action]:
    placement = world[index]
    if placement.on is not None:
        return
    for verb, (right, away) in MOVES.items():
        for reach in rng.uniform(0.10, 0.24, 4):
            spot = (placement.x + right * float(reach), placement.y + away * float(reach))
            far = apparent_distance(scene.camera, (placement.x, placement.y), spot)
            if far >= MIN_MOVE and is_free(scene, world, index, spot):
                after = replace_placement(world, index, replace(placement, x=spot[0], y=spot[1]))
                yield _act(scene, world, verb, index, after, f"move {name_thing(scene, index)} {_WAYS[verb]}")
                break


def _list_stacks(scene: Scene, world: World, index: int) -> Iterator[Action]:
    placement = world[index]
    if placement.state != "standing":
        return
    mover = scene.things[index]
    for other, base in enumerate(world):
        thing = scene.things[other]
        if other == index or scene.is_clutter(other) or base.state != "standing":
            continue
        if thing.kind not in _BASES.get(mover.kind, ()):
            continue
        if find_things_on(world, other) or touches_clutter(scene, world, index, (base.x, base.y)):
            continue
        on_top = Placement("stacked", base.x, base.y, base.z + thing.support, on=other)
        narration = f"stack {name_thing(scene, index)} on {name_thing(scene, other)}"
        after = replace_placement(world, index, on_top)
        yield Action("stack", index, other, world, after, narration, (mover.kind, thing.kind))


def _list_covers(scene: Scene, world: World) -> Iterator[Action]:
    for ball, below in enumerate(world):
        if scene.things[ball].kind != "ball" or scene.is_clutter(ball) or below.state != "standing":
            continue
        for index, placement in enumerate(world):
            kind = scene.things[index].kind
            if scene.is_clutter(index) or touches_clutter(scene, world, index, (below.x, below.y)):
                continue
            if kind not in ("bowl", "cup") or placement.state != "standing" or find_things_on(world, index):
                continue
            lid = Placement("upside_down", below.x, below.y, tilt=float(np.pi), on=ball)
            after = replace_placement(world, index, lid)
            after = replace_placement(after, ball, replace(below, state="covered"))
            narration = f"cover {name_thing(scene, ball)} with {name_thing(scene, index)}"
            yield Action("cover", index, ball, world, after, narration, ("ball", kind))
