"""The sizes of the study: its synthetic sets, its base models, its screening and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from actionpairs.synthetic.conditions import Conditions
from actionpairs.synthetic.synthetic_shards import SyntheticSet

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "pipelines/study"
HELD_BACK = (
    ("take", "bowl"),
    ("put", "box"),
    ("move-left", "cup"),
    ("move-right", "bottle"),
    ("turn-over", "bowl"),
)


@dataclass(frozen=True, slots=True)
class Base:
    """The recipe and the synthetic sets of the model that every row starts from."""

    recipe: Path
    sets: tuple[SyntheticSet, ...]


@dataclass(frozen=True, slots=True)
class Screening:
    """Successive halving: every setting is trained for few steps, and the better half goes on to the next round.

    actions, static: scenes that no row is trained or tested on, so that nothing is chosen on the test set.
    rounds: steps of each round's training, for a setting of as many steps as the reference; others in proportion.
    sampling_steps: of the edits.
    """

    actions: SyntheticSet
    static: SyntheticSet
    rounds: tuple[int, ...]
    sampling_steps: int

    @property
    def sets(self) -> tuple[SyntheticSet, SyntheticSet]:
        """Both sets."""
        return self.actions, self.static


@dataclass(frozen=True, slots=True)
class Size:
    """One size of the study.

    recipes: the folder of its rows; those of the screening are in its folder `screening`. sets: of actions.
    static: a set of static edits, which shows what a row forgot. rows: each row's seeds. reported: rows whose
    seed 0 gets a whole report of `actionpairs eval`. base: None means the base that ships with the package.
    threads: of each row's process; None leaves torch its own choice.
    """

    name: str
    recipes: Path
    sets: tuple[SyntheticSet, ...]
    static: SyntheticSet
    rows: Mapping[str, tuple[int, ...]]
    reported: tuple[str, ...]
    base: Base | None
    screening: Screening | None
    threads: int | None


BUSY = Conditions(hands=0.75, clutter=6, camera_motion=1.5, steps=2)  # as footage of a head camera is
MAIN_ROWS = ("actions", "static-only", "no-action", "no-reg", "plus")
_WORLD_ROWS = ("static-only", "actions", "plus")  # whose order the other worlds should repeat
_OTHER_ROWS = (
    *("unweighted", "unfrozen", "static-only-long", "static-only-min-snr"),
    *("static-only-interpolated-85", "static-only-interpolated-70"),
    *("plus-interpolated-80", "plus-interpolated-60", "plus-less-reg", "plus-batch-16"),
    *("plus-text-4", "plus-text-1.5", "plus-image-1.5", "plus-negatives"),
)


def _seeds(main: tuple[int, ...], other: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {**dict.fromkeys(MAIN_ROWS, main), **dict.fromkeys(_OTHER_ROWS, other)}


def _base(recipe: str, scenes: int, side: int) -> Base:
    """A base trained on static edits with both cameras, twice as many with the fixed one."""
    return Base(
        RECIPES / recipe,
        (
            SyntheticSet("static-LC", "fixed", "static edits", scenes, 8, side, 11),
            SyntheticSet("static-HC", "head", "static edits", scenes // 2, 8, side, 15),
        ),
    )


def _world(actions: SyntheticSet) -> Size:
    """A study of the main rows in another world, with one seed. Its rows are those of `cpu`."""
    return Size(
        name=actions.name,
        recipes=RECIPES / "cpu",
        sets=(actions,),
        static=STATIC,
        rows=dict.fromkeys(_WORLD_ROWS, (0,)),
        reported=(),
        base=None,
        screening=None,
        threads=1,
    )


STATIC = SyntheticSet("static", "fixed", "static edits", 1, 96, 64, 21)
SHIPPED = _base("base.yaml", 1600, 64)
SIZES = {
    "cpu": Size(
        name="cpu",
        recipes=RECIPES / "cpu",
        sets=(SyntheticSet("LC", "fixed", "actions", 240, 36, 64, 12, HELD_BACK),),
        static=STATIC,
        rows=_seeds((0, 1, 2), (0,)),
        reported=MAIN_ROWS,
        base=None,
        screening=Screening(
            SyntheticSet("screening-actions", "fixed", "actions", 1, 12, 64, 31),
            SyntheticSet("screening-static", "fixed", "static edits", 1, 40, 64, 32),
            rounds=(200,),
            sampling_steps=10,
        ),
        threads=1,
    ),
    "busy": _world(SyntheticSet("busy", "head", "actions", 240, 34, 64, 14, HELD_BACK, BUSY)),
    "kitchen": _world(SyntheticSet("kitchen", "fixed", "kitchen", 120, 20, 64, 16)),
    "gpu": Size(
        name="gpu",
        recipes=RECIPES / "gpu",
        sets=(
            SyntheticSet("LC", "fixed", "actions", 2000, 40, 128, 12, HELD_BACK),
            SyntheticSet("HC", "head", "actions", 2000, 40, 128, 13, HELD_BACK),
        ),
        static=SyntheticSet("static", "fixed", "static edits", 1, 96, 128, 21),
        rows=dict.fromkeys((*MAIN_ROWS, "unfrozen", "unweighted"), (0, 1, 2)),
        reported=MAIN_ROWS,
        base=_base("gpu/base.yaml", 12000, 128),
        screening=None,
        threads=None,
    ),
}
