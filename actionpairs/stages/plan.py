"""What extract would do, from the annotation files and the recipe alone: no video is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from actionpairs import selection, splits
from actionpairs.annotations import read
from actionpairs.configs import ExtractConfig, ShardConfig
from actionpairs.errors import AnnotationError
from actionpairs.recipe import Recipe
from actionpairs.records import Rejection, Segment


@dataclass(frozen=True, slots=True)
class Plan:
    """The segments that a recipe wants, and why it does not want the others."""

    rows: int
    segments: tuple[Segment, ...]
    rejections: tuple[Rejection, ...]

    @property
    def rejected(self) -> dict[str, int]:
        """Reason → count."""
        return dict(sorted(Counter(str(rejection.reason) for rejection in self.rejections).items()))

    @property
    def actions(self) -> int:
        """How many different actions are wanted."""
        return len({segment.action for segment in self.segments})

    def split_sizes(self, shard: ShardConfig) -> Mapping[str, int]:
        """How many of the segments each split would hold if every one became a pair that is kept."""
        ids = [segment.id for segment in self.segments]
        split_of = splits.assign(ids, tests=shard.splits.tests, train=shard.splits.train, seed=shard.splits.seed)
        return dict(sorted(Counter(split_of.values()).items()))


def make(urls: Sequence[str], config: ExtractConfig, *, limit: int | None) -> Plan:
    """Read the annotation files and choose; `limit` keeps the first so many of the chosen segments."""
    if not urls:
        raise AnnotationError("no annotation file was given.", cure="Name one or more with --annotations.")
    found: list[Segment] = []
    rejections: list[Rejection] = []
    for row in read(urls, config.annotations):
        if isinstance(row, Segment):
            found.append(row)
        else:
            rejections.append(row)
    chosen, unwanted = selection.choose(found, config.select)
    return Plan(len(found) + len(rejections), tuple(chosen[:limit]), (*rejections, *unwanted))


@dataclass(frozen=True, slots=True)
class Outline:
    """A plan in numbers."""

    rows: int
    rejected: Mapping[str, int]  # reason → count
    selected: int
    actions: int
    splits: Mapping[str, int]  # split → count, if every selected segment became a pair that is kept


def outline(recipe: Recipe, urls: Sequence[str], *, limit: int | None) -> Outline:
    """Say what a recipe would extract from annotation files."""
    plan = make(urls, recipe.extract, limit=limit)
    return Outline(plan.rows, plan.rejected, len(plan.segments), plan.actions, plan.split_sizes(recipe.shard))
