"""What can be done in the kitchen, and its states before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

Verb = Literal["open", "close", "turn-on", "turn-off", "move-left", "move-right", "move-away", "move-near"]
VERBS: tuple[Verb, ...] = get_args(Verb)


@dataclass(frozen=True, slots=True)
class Appliance:
    """Something that is opened or turned on.

    name: in an instruction. joints: each with its value when fully open or on, in radians or meters. bodies: the
    parts that move. site: where a hand takes hold of it.
    """

    name: str
    noun: str
    joints: tuple[tuple[str, float], ...]
    bodies: tuple[str, ...]
    site: str


_BURNER_RISE = 0.025  # meters: a red disk appears on the stove; the model's own 0.009 hides it under a grate


def _burner(number: int, name: str, joint: str) -> Appliance:
    joints = ((f"knob_Joint_{number}", -1.57), (joint, -_BURNER_RISE))
    return Appliance(name, "burner", joints, (f"knob {number}", f"Burner {number}"), f"knob{number}_site")


APPLIANCES = (
    Appliance("the microwave", "microwave", (("microwave", -2.0),), ("microdoorroot",), "microhandle_site"),
    Appliance(
        "the left cupboard", "cupboard", (("left_hinge_cabinet", -1.57),), ("hingeleftdoor",), "hinge_site1"
    ),
    Appliance(
        "the middle cupboard", "cupboard", (("right_hinge_cabinet", 1.57),), ("hingerightdoor",), "hinge_site2"
    ),
    Appliance("the right cupboard", "cupboard", (("slide_cabinet", 0.44),), ("slidelink",), "slide_site"),
    _burner(1, "the front right burner", "bottom_right_burner"),
    _burner(2, "the front left burner", "bottom_left_burner"),
    _burner(3, "the back right burner", "top_right_burner"),
    _burner(4, "the back left burner", "top_left_burner"),
    Appliance(
        "the light",
        "light",
        (("light_switch", -0.7), ("light_joint", -0.05)),
        ("lightswitchroot", "lightblock_hinge"),
        "light_site",
    ),
)
LIGHT = len(APPLIANCES) - 1
CHOICES: tuple[tuple[Verb, str], ...] = (  # the verbs and nouns
    ("open", "microwave"),
    ("close", "microwave"),
    ("open", "cupboard"),
    ("close", "cupboard"),
    ("turn-on", "burner"),
    ("turn-off", "burner"),
    ("turn-on", "light"),
    ("turn-off", "light"),
    ("move-left", "kettle"),
    ("move-right", "kettle"),
    ("move-away", "kettle"),
    ("move-near", "kettle"),
)
_PHRASES: dict[Verb, str] = {"open": "open", "close": "close", "turn-on": "turn on", "turn-off": "turn off"}
_WAYS: dict[Verb, tuple[str, int, int]] = {  # its words, and its steps to the right and away
    "move-left": ("to the left", -1, 0),
    "move-right": ("to the right", 1, 0),
    "move-away": ("away", 0, 1),
    "move-near": ("near", 0, -1),
}
_BURNER_X, _BURNER_Y = (-0.22, 0.22), (0.34, 0.78)  # meters
_AJAR = 0.65  # an open door is at least this far open
_LEVELS = (0.65, 0.8, 0.95)  # how far "open" may open a door
_REACHES = (0.28, 0.36)  # meters: how far a kettle may be moved, beside all the way to the next burner


@dataclass(frozen=True, slots=True)
class KitchenState:
    """`levels`: of each appliance, 0 (closed, off) to 1. `kettle`: x (right) and y (away) in meters, yaw."""

    levels: tuple[float, ...]
    kettle: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class KitchenAction:
    """One action; `bodies` are the parts that it moves, and `site` is where a hand takes hold of them."""

    verb: Verb
    noun: str
    instruction: str
    before: KitchenState
    after: KitchenState
    appliance: int | None  # None for the kettle

    @property
    def bodies(self) -> tuple[str, ...]:
        """The names of the bodies that may move."""
        return ("kettleroot",) if self.appliance is None else APPLIANCES[self.appliance].bodies

    @property
    def site(self) -> str:
        """The name of the place where a hand takes hold."""
        return "kettle_site" if self.appliance is None else APPLIANCES[self.appliance].site


def draw_action(rng: np.random.Generator, verb: Verb, noun: str) -> KitchenAction:
    """Draw an action of this verb and noun, and a kitchen where it is possible."""
    if noun == "kettle":
        return _move_kettle(rng, verb)
    index = int(rng.choice([number for number, item in enumerate(APPLIANCES) if item.noun == noun]))
    state = _draw_state(rng, rng.integers(0, 2, 2))
    level = float(rng.uniform(_AJAR, 1)) if verb in ("open", "close") else 1.0
    states = [_with_level(state, index, value) for value in (0.0, level)]
    before, after = states if verb in ("open", "turn-on") else states[::-1]
    return KitchenAction(verb, noun, f"{_PHRASES[verb]} {APPLIANCES[index].name}", before, after, index)


def list_allowed_states(action: KitchenAction) -> Iterator[KitchenState]:
    """Yield the states that an instruction allows; the true one comes first."""
    yield action.after
    if action.verb == "open" and action.appliance is not None:
        for level in _LEVELS:
            yield _with_level(action.before, action.appliance, level)
    elif action.noun == "kettle":
        _, right, away = _WAYS[action.verb]
        x, y, yaw = action.before.kettle
        for reach in _REACHES:
            yield replace(action.before, kettle=(x + right * reach, y + away * reach, yaw))


def _move_kettle(rng: np.random.Generator, verb: Verb) -> KitchenAction:
    words, right, away = _WAYS[verb]
    spot = rng.integers(0, 2, 2)
    axis, step = (0, right) if right else (1, away)
    spot[axis] = 0 if step > 0 else 1
    before = _draw_state(rng, spot)
    target = spot + np.array([right, away])
    after = replace(before, kettle=(*_near_burner(rng, target), before.kettle[2]))
    return KitchenAction(verb, "kettle", f"move the kettle {words}", before, after, None)


def _draw_state(rng: np.random.Generator, spot: np.ndarray) -> KitchenState:
    """Draw a kitchen whose kettle is on the burner of this column and row."""
    levels = [
        float(rng.uniform(_AJAR, 1) if item.noun in ("microwave", "cupboard") else 1.0) * int(rng.integers(0, 2))
        for item in APPLIANCES
    ]
    return KitchenState(tuple(levels), (*_near_burner(rng, spot), float(rng.uniform(-0.6, 0.6))))


def _near_burner(rng: np.random.Generator, spot: np.ndarray) -> tuple[float, float]:
    x, y = rng.uniform(-0.02, 0.02, 2)
    return _BURNER_X[spot[0]] + float(x), _BURNER_Y[spot[1]] + float(y)


def _with_level(state: KitchenState, index: int, level: float) -> KitchenState:
    return replace(state, levels=(*state.levels[:index], level, *state.levels[index + 1 :]))
