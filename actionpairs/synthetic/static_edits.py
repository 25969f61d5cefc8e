"""Static edits of a scene: recolor, remove, add, replace, restyle. A model trained on them has seen no action."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.actions import choose_action, name_thing
from actionpairs.synthetic.animation import Moment
from actionpairs.synthetic.camera import Camera, choose_camera
from actionpairs.synthetic.episode import make_generator
from actionpairs.synthetic.frame_renderer import FrameRenderer, Style, choose_style
from actionpairs.synthetic.scene import PALETTES, Scene, compose_scene, find_spot, is_free
from actionpairs.synthetic.table_texture import COVERS, make_table_texture
from actionpairs.synthetic.world import (
    FURNITURE,
    CameraKind,
    Kind,
    Placement,
    World,
    find_things_on,
    replace_placement,
)

Pixels = npt.NDArray[np.uint8]
StaticVerb = Literal["recolor", "remove", "add", "replace", "restyle"]
STATIC_VERBS: tuple[StaticVerb, ...] = get_args(StaticVerb)
_SHARES = (0.26, 0.22, 0.22, 0.22, 0.08)
_MOST_ACTIONS = 7  # done before the first picture, so that stacks and upside-down cups occur too


@dataclass(frozen=True, slots=True)
class StaticEdit:
    """An instruction, and the pictures before and after it (H W 3 RGB)."""

    verb: StaticVerb
    noun: str
    instruction: str
    before: Pixels
    after: Pixels


@dataclass(frozen=True, slots=True)
class _Table:
    """A scene, its current world and its style."""

    scene: Scene
    world: World
    style: Style


@dataclass(frozen=True, slots=True)
class _Change:
    """An edit: the noun and text of its instruction, and the table after it."""

    noun: str
    instruction: str
    after: _Table


def render_static_edits(
    *, camera: CameraKind, edits: int, seed: int, index: int, size: tuple[int, int]
) -> Iterator[StaticEdit]:
    """Render up to `edits` edits of the index-th table of a set; edits without free space are skipped."""
    rng = make_generator(seed, camera, "static", index)
    scene = compose_scene(rng, choose_camera(rng, camera, size), 0.03)
    style = choose_style(rng, index + 1, size[1])
    world = scene.opening
    for _ in range(int(rng.integers(0, _MOST_ACTIONS))):
        world = choose_action(rng, scene, world, []).after
    table = _Table(scene, world, style)
    before = _render(rng, table)
    for _ in range(edits):
        verb = STATIC_VERBS[int(rng.choice(len(STATIC_VERBS), p=_SHARES))]
        change = _change(rng, table, verb)
        if change is not None:
            yield StaticEdit(verb, change.noun, change.instruction, before, _render(rng, change.after))


def _render(rng: np.random.Generator, table: _Table) -> Pixels:
    camera: Camera = table.scene.camera
    return FrameRenderer(table.scene, table.style, rng).render(camera, Moment(table.world, None, None))


def _change(rng: np.random.Generator, table: _Table, verb: StaticVerb) -> _Change | None:
    """Make a random change of this verb. None where the table has none."""
    if verb == "restyle":
        return _restyle(rng, table)
    chosen = _choose_thing(rng, table, verb)
    if chosen is None:
        return None
    changes = {"recolor": _recolor, "remove": _remove, "add": _add, "replace": _replace}
    return changes[verb](rng, table, chosen)


def _choose_thing(rng: np.random.Generator, table: _Table, verb: StaticVerb) -> int | None:
    """Choose a thing that stands by itself; for "add", one that is absent."""
    things, world = table.scene.things, table.world
    if verb == "add":
        free = [index for index, placement in enumerate(world) if placement.state == "absent"]
    else:
        free = [
            index
            for index, placement in enumerate(world)
            if placement.state not in ("absent", "covered")
            and placement.on is None
            and not find_things_on(world, index)
            and (verb == "recolor" or things[index].kind not in FURNITURE)
        ]
    return free[int(rng.integers(0, len(free)))] if free else None


def _recolor(rng: np.random.Generator, table: _Table, index: int) -> _Change | None:
    thing = table.scene.things[index]
    color = _choose_color(rng, table, index, thing.kind)
    after = _with_thing(table.scene, index, thing.kind, color)
    return _Change(thing.kind, f"make {name_thing(table.scene, index)} {color}", replace(table, scene=after))


def _remove(rng: np.random.Generator, table: _Table, index: int) -> _Change | None:
    after = replace_placement(table.world, index, Placement("absent"))
    name = name_thing(table.scene, index)
    return _Change(table.scene.things[index].kind, f"remove {name}", replace(table, world=after))


def _add(rng: np.random.Generator, table: _Table, index: int) -> _Change | None:
    spot = find_spot(rng, table.scene, table.world, index)
    if spot is None:
        return None
    after = replace_placement(table.world, index, Placement("standing", *spot))
    name = _with_article(name_thing(table.scene, index))
    return _Change(table.scene.things[index].kind, f"add {name}", replace(table, world=after))


def _replace(rng: np.random.Generator, table: _Table, index: int) -> _Change | None:
    kinds: list[Kind] = [kind for kind in PALETTES if kind not in (*FURNITURE, table.scene.things[index].kind)]
    kind = kinds[int(rng.integers(0, len(kinds)))]
    after = _with_thing(table.scene, index, kind, _choose_color(rng, table, index, kind))
    placement = table.world[index]
    if not is_free(after, table.world, index, (placement.x, placement.y)):
        return None
    world = replace_placement(table.world, index, Placement("standing", placement.x, placement.y))
    names = name_thing(table.scene, index), _with_article(name_thing(after, index))
    return _Change(kind, f"replace {names[0]} with {names[1]}", replace(table, scene=after, world=world))


def _restyle(rng: np.random.Generator, table: _Table) -> _Change:
    cover = COVERS[int(rng.integers(0, len(COVERS)))]
    texture = make_table_texture(rng, cover, table.style.light, table.style.table.density)
    return _Change(
        "table", f"turn the table into {cover}", replace(table, style=replace(table.style, table=texture))
    )


def _with_thing(scene: Scene, index: int, kind: Kind, color: str) -> Scene:
    """Return the scene with another kind or color for one thing."""
    thing = replace(scene.things[index], kind=kind, color=color)
    return replace(scene, things=(*scene.things[:index], thing, *scene.things[index + 1 :]))


def _choose_color(rng: np.random.Generator, table: _Table, index: int, kind: Kind) -> str:
    """Choose a color that no other thing of this kind has."""
    taken = {thing.color for thing in table.scene.things if thing.kind == kind}
    free = [color for color in PALETTES[kind] if color not in taken and color != table.scene.things[index].color]
    return free[int(rng.integers(0, len(free)))]


def _with_article(name: str) -> str:
    """Return "an orange cup" for "the orange cup"."""
    bare = name.removeprefix("the ")
    return f"{'an' if bare[0] in 'aeiou' else 'a'} {bare}"
