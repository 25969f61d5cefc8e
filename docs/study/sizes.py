"""How large a study is: what is painted, what every row starts from, and which rows there are."""

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
    """How the model that every row starts from is trained, and on what."""

    recipe: Path
    sets: tuple[SyntheticSet, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a study is.

    static: edits that show what was forgotten. seeds: of the main rows; the others have `other_seeds`. base: null
    takes the one that ships.
    """

    sets: tuple[SyntheticSet, ...]
    static: SyntheticSet
    seeds: tuple[int, ...]
    other_seeds: tuple[int, ...]
    base: Base | None

    def runs(self, rows: Sequence[str]) -> list[tuple[str, int]]:
        """These rows with their seeds: all with the first seed first."""
        return [(row, seed) for seed in self.seeds for row in rows if row in MAIN_ROWS or seed in self.other_seeds]


def _base(recipe: str, scenes: int, side: int) -> Base:
    """Static edits under both cameras, twice as many under the one that stands still."""
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
