"""The things on the table and their placements, without pixels."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["cup", "plate", "bowl", "bottle", "pan", "box", "ball", "drawer", "cupboard"]
Material = Literal["ceramic", "plastic", "glass", "metal", "card", "rubber", "wood"]
State = Literal["standing", "upside_down", "stacked", "covered", "open", "closed", "absent"]
CameraKind = Literal["fixed", "head"]

FURNITURE: tuple[Kind, ...] = ("drawer", "cupboard")

# Linear-light albedo, red green blue.
COLORS: dict[str, tuple[float, float, float]] = {
    "red": (0.62, 0.035, 0.03),
    "orange": (0.80, 0.24, 0.025),
    "yellow": (0.84, 0.56, 0.045),
    "green": (0.07, 0.36, 0.09),
    "blue": (0.03, 0.14, 0.55),
    "turquoise": (0.03, 0.42, 0.42),
    "purple": (0.22, 0.06, 0.38),
    "pink": (0.80, 0.23, 0.34),
    "white": (0.80, 0.79, 0.76),
    "black": (0.025, 0.025, 0.03),
    "grey": (0.26, 0.27, 0.28),
    "brown": (0.30, 0.13, 0.05),
}


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of a kind in meters: footprint radius, height, and at what height a thing stands on it."""

    radius: float
    height: float
    support: float


EXTENTS: dict[Kind, Extent] = {
    "cup": Extent(0.046, 0.092, 0.092),
    "plate": Extent(0.092, 0.018, 0.007),
    "bowl": Extent(0.072, 0.062, 0.022),
    "bottle": Extent(0.036, 0.190, 0.190),
    "pan": Extent(0.088, 0.046, 0.046),
    "box": Extent(0.062, 0.072, 0.072),
    "ball": Extent(0.036, 0.072, 0.072),
    "drawer": Extent(0.100, 0.105, 0.105),
    "cupboard": Extent(0.115, 0.200, 0.200),
}


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a scene, constant over the video; yaw is in radians."""

    id: str
    kind: Kind
    color: str
    material: Material
    scale: float
    yaw: float

    @property
    def radius(self) -> float:
        """The radius of the footprint in meters."""
        return EXTENTS[self.kind].radius * self.scale

    @property
    def height(self) -> float:
        """The height in meters."""
        return EXTENTS[self.kind].height * self.scale

    @property
    def support(self) -> float:
        """How far above its base a thing stacked on this one stands, in meters."""
        return EXTENTS[self.kind].support * self.scale


@dataclass(frozen=True, slots=True)
class Placement:
    """Position and state of one thing at one time: base point in meters, tilt in radians, openness 0 to 1."""

    state: State
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    tilt: float = 0.0
    openness: float = 0.0
    on: int | None = None  # index of the thing that it stands on or covers


World = tuple[Placement, ...]  # one placement per thing, in the order of the things


def replace_placement(world: World, index: int, placement: Placement) -> World:
    """Return the world with another placement for one thing."""
    return (*world[:index], placement, *world[index + 1 :])


def find_things_on(world: World, index: int) -> list[int]:
    """Return the indices of the things that stand on or cover a thing."""
    return [other for other, placement in enumerate(world) if placement.on == index]
