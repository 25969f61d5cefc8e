"""What extract would do, from the annotation files and the recipe alone: no video is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from actionpairs.annotations import files, read, untold
from actionpairs.configs import ExtractConfig, ShardConfig
from actionpairs.curation import selection, splits
from actionpairs.errors import AnnotationError
from actionpairs.recipe import Recipe
from actionpairs.records import Rejection, Segment


@dataclass(frozen=True, slots=True)
class Plan:
    """The segments that a recipe wants, and why it does not want the others; `notes` says what looks wrong."""

    rows: int
    segments: tuple[Segment, ...]
    rejections: tuple[Rejection, ...]
    notes: tuple[str, ...]

    @property
    def rejected(self) -> dict[str, int]:
        """Reason → count."""
        return dict(sorted(Counter(str(rejection.reason) for rejection in self.rejections).items()))

    @property
    def actions(self) -> int:
        """How many different actions are wanted."""
        return len({segment.action for segment in self.segments})

    def split_sizes(self, shard: ShardConfig) -> dict[str, int]:
        """How many of the segments each split would hold if every one became a pair that is kept."""
        told = ([getattr(each, name) for each in self.segments] for name in ("id", "video", "verb", "group"))
        sizes = Counter(splits.assign(shard.splits, *told))
        return {name: sizes[number] for number, name in enumerate(shard.splits.names)}


def make(urls: Sequence[str], config: ExtractConfig, *, limit: int | None) -> Plan:
    """Read the annotation files and choose; `limit` keeps the first so many of the chosen segments."""
    if not urls:
        raise AnnotationError("no annotation file was given.", cure="Name one or more with --annotations.")
    found: list[Segment] = []
    rejections: list[Rejection] = []
    for row in read(files(urls), config.annotations):
        if isinstance(row, Segment):
            found.append(row)
        else:
            rejections.append(row)
    chosen, unwanted = selection.choose(found, config.select)
    notes = selection.strangers(found, config.select)
    return Plan(len(found) + len(rejections), tuple(chosen[:limit]), (*rejections, *unwanted), tuple(notes))


def check_names(urls: Sequence[str], config: ExtractConfig) -> None:
    """Raise AnnotationError where pairs would lack names that the recipe asks for; a plan does without them."""
    missing = untold(files(urls), config.annotations)
    if missing:
        raise AnnotationError(
            f"not told by these files: {'; '.join(missing)}.",
            cure="Give that file too, with another --annotations, or change what the recipe asks for.",
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """Somebody else's figures for the same data set; `source` says whose."""

    source: str
    actions: int | None
    splits: Mapping[str, int]  # split → count


@dataclass(frozen=True, slots=True)
class Outline:
    """A plan in numbers."""

    rows: int
    rejected: Mapping[str, int]  # reason → count
    selected: int
    actions: int
    splits: Mapping[str, int]  # split → count, if every selected segment became a pair that is kept
    expected: Expected | None
    notes: tuple[str, ...]


def outline(recipe: Recipe, urls: Sequence[str], *, limit: int | None) -> Outline:
    """Say what a recipe would extract from annotation files."""
    plan = make(urls, recipe.extract, limit=limit)
    theirs = recipe.shard.expected
    return Outline(
        rows=plan.rows,
        rejected=plan.rejected,
        selected=len(plan.segments),
        actions=plan.actions,
        splits=plan.split_sizes(recipe.shard),
        expected=Expected(theirs.source, theirs.actions, theirs.splits) if theirs else None,
        notes=(
            *(
                f"not told by these files: {missing}"
                for missing in untold(files(urls), recipe.extract.annotations)
            ),
            *plan.notes,
        ),
    )


def describe(found: Outline) -> str:
    """An outline as a table to read, our figures beside the expected ones with the difference."""
    expected = found.expected or Expected("", None, {})
    lines = [f"{found.rows:>12,}  rows", f"{sum(found.rejected.values()):>12,}  rejected"]
    lines += [f"{count:>16,}  {reason}" for reason, count in found.rejected.items()]
    lines.append(f"{found.selected:>12,}  selected")
    lines.append(f"{found.actions:>12,}  actions{_beside(found.actions, expected.actions, expected.source)}")
    lines.append(f"{sum(found.splits.values()):>12,}  in splits")
    for name, count in found.splits.items():
        lines.append(f"{count:>16,}  {name}{_beside(count, expected.splits.get(name), expected.source)}")
    lines += _only_expected(found, expected)
    return "\n".join([*lines, *(f"note: {note}" for note in found.notes)])


def _only_expected(found: Outline, expected: Expected) -> Iterator[str]:
    for name, count in expected.splits.items():
        if name not in found.splits:
            yield f"{'–':>16}  {name}: not in this recipe; {expected.source} {count:,}"


def _beside(ours: int, theirs: int | None, source: str) -> str:
    if theirs is None:
        return ""
    difference = f"{ours - theirs:+,}" if ours != theirs else "±0"
    return f": {source} {theirs:,}, difference {difference}"
