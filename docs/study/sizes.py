"""The sizes of the study: its synthetic sets, its base models and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from actionpairs.synthetic.synthetic_shards import SyntheticSet

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "pipelines/study"
HELD_BACK = (("take", "bowl"), ("put", "box"), ("move-left", "cup"), ("move-right", "plate"))
MAIN_ROWS = ("actions", "static-only", "no-action", "no-reg", "unfrozen")
ROWS = (*MAIN_ROWS, "hinge", "negated", "action-weight-1", "reg-weight-1", "unweighted")


@dataclass(frozen=True, slots=True)
class Base:
    """The recipe and the synthetic sets of the model that every row starts from."""

    recipe: Path
    sets: tuple[SyntheticSet, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """The synthetic sets, seeds and base of a study.

    static: a set of static edits, which shows what a row forgot. seeds: those of the main rows; other rows have
    `other_seeds`. base: None means the base that ships with the package.
    """

    sets: tuple[SyntheticSet, ...]
    static: SyntheticSet
    seeds: tuple[int, ...]
    other_seeds: tuple[int, ...]
    base: Base | None

    def runs(self, rows: Sequence[str]) -> list[tuple[str, int]]:
        """Return these rows with their seeds, ordered by seed."""
        return [(row, seed) for seed in self.seeds for row in rows if row in MAIN_ROWS or seed in self.other_seeds]


def _base(recipe: str, scenes: int, side: int) -> Base:
    """A base trained on static edits with both cameras, twice as many with the fixed one."""
    return Base(
        RECIPES / recipe,
        (
            SyntheticSet("static-LC", "fixed", "static edits", scenes, 8, side, 11),
            SyntheticSet("static-HC", "head", "static edits", scenes // 2, 8, side, 15),
        ),
    )


SHIPPED = _base("base.yaml", 1600, 64)
SIZES = {
    "cpu": Size(
        (SyntheticSet("LC", "fixed", "actions", 240, 12, 64, 12, HELD_BACK),),
        SyntheticSet("static", "fixed", "static edits", 1, 40, 64, 21),
        seeds=(0, 1, 2),
        other_seeds=(0,),
        base=None,
    ),
    "gpu": Size(
        (
            SyntheticSet("LC", "fixed", "actions", 2000, 40, 128, 12, HELD_BACK),
            SyntheticSet("HC", "head", "actions", 2000, 40, 128, 13, HELD_BACK),
        ),
        SyntheticSet("static", "fixed", "static edits", 1, 80, 128, 21),
        seeds=(0, 1, 2),
        other_seeds=(0, 1, 2),
        base=_base("gpu/base.yaml", 12000, 128),
    ),
}
