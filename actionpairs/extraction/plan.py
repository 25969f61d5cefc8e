"""What extract would do, computed from the annotation files and the recipe. No video is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from actionpairs.annotations import FilePaths, list_files, missing_names, read, without_guesses
from actionpairs.configs import ExtractConfig, FramesConfig, ShardConfig
from actionpairs.curation import selection, splits
from actionpairs.errors import AnnotationError
from actionpairs.extraction.nothing_selected import nothing_selected
from actionpairs.recipe import Recipe
from actionpairs.records import Rejection, Segment


@dataclass(frozen=True, slots=True)
class Plan:
    """The segments that a recipe selects, and the rejections of the others. `notes` are warnings."""

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
        """The number of different actions of the selected segments."""
        return len({segment.action for segment in self.segments})

    def split_sizes(self, shard: ShardConfig) -> dict[str, int]:
        """Split → number of segments, if every segment became a pair and no filter dropped it."""
        values = ([getattr(each, name) for each in self.segments] for name in ("id", "video", "verb", "group"))
        sizes = Counter(splits.assign(shard.splits, *values))
        return {name: sizes[number] for number, name in enumerate(shard.splits.names)}


def make_plan(urls: FilePaths, config: ExtractConfig, *, limit: int | None) -> Plan:
    """Read the annotation files and select segments. limit: keep only the first so many selected segments.

    Raises AnnotationError if there is no file, or if nothing in the files is selected.
    """
    files = list_files(urls, config.annotations)
    if not files:
        raise AnnotationError("there is no annotation file.", cure="Name one or more with --annotations.")
    annotations, guesses = without_guesses(files, config.annotations)
    segments: list[Segment] = []
    rejections: list[Rejection] = []
    for row in read(files, annotations):
        if isinstance(row, Segment):
            segments.append(row)
        else:
            rejections.append(row)
    chosen, unwanted = selection.select_segments(segments, config.select)
    notes = (*guesses, *selection.unmatched_names(segments, config.select))
    if not chosen:
        raise nothing_selected(segments, [*rejections, *unwanted], notes)
    return Plan(len(segments) + len(rejections), tuple(chosen[:limit]), (*rejections, *unwanted), notes)


def check_names(urls: FilePaths, config: ExtractConfig) -> None:
    """Raise AnnotationError if these files lack names that the recipe needs. A dry run does not need them."""
    missing = missing_names(list_files(urls, config.annotations), config.annotations)
    if missing:
        raise AnnotationError(
            f"the annotation files lack: {'; '.join(missing)}.",
            cure="Add that file with another --annotations, or change the recipe.",
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """Published figures for the same data set. source: who published them."""

    source: str
    actions: int | None
    splits: Mapping[str, int]  # split → count


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """The counts of a plan, and the published figures to compare them with."""

    rows: int
    rejected: Mapping[str, int]  # reason → count
    selected: int
    actions: int
    splits: Mapping[str, int]  # split → count, if no selected segment is rejected or dropped
    expected: Expected | None
    notes: tuple[str, ...]


def summarize_plan(recipe: Recipe, urls: FilePaths, *, limit: int | None) -> PlanSummary:
    """Count what a recipe would extract from annotation files."""
    plan = make_plan(urls, recipe.extract, limit=limit)
    theirs, sizes = recipe.shard.expected, plan.split_sizes(recipe.shard)
    return PlanSummary(
        rows=plan.rows,
        rejected=plan.rejected,
        selected=len(plan.segments),
        actions=plan.actions,
        splits=sizes,
        expected=Expected(theirs.source, theirs.actions, theirs.splits) if theirs else None,
        notes=(
            *(
                f"the annotation files lack: {missing}"
                for missing in missing_names(
                    list_files(urls, recipe.extract.annotations), recipe.extract.annotations
                )
            ),
            *_frames_notes(recipe.extract.frames),
            *_split_notes(recipe.shard, sizes),
            *plan.notes,
        ),
    )


def _split_notes(shard: ShardConfig, sizes: Mapping[str, int]) -> Iterator[str]:
    """Splits that stay empty or smaller than the recipe wants, even if every segment becomes a pair."""
    for name, count in shard.splits.tests.items():
        if sizes[name] < count:
            yield f"{name} has {sizes[name]:,} of the {count:,} samples of the recipe: lower `shard.splits.tests`"
    for name in (shard.splits.train, *shard.splits.unseen_verbs):
        if not sizes[name]:
            yield f"{name} is empty"


def _frames_notes(rule: FramesConfig) -> Iterator[str]:
    if rule.pairs > 1 or rule.every_seconds is not None:
        often = f"{rule.pairs} pairs" if rule.every_seconds is None else f"a pair every {rule.every_seconds:g} s"
        yield f"these are counts of segments; `extract.frames` takes up to {often} of each"


def describe(summary: PlanSummary) -> str:
    """A plan's summary as a text table, with the differences from the published figures."""
    expected = summary.expected or Expected("", None, {})
    lines = [f"{summary.rows:>12,}  rows", f"{sum(summary.rejected.values()):>12,}  rejected"]
    lines += [f"{count:>16,}  {reason}" for reason, count in summary.rejected.items()]
    lines.append(f"{summary.selected:>12,}  selected")
    lines.append(f"{summary.actions:>12,}  actions{_beside(summary.actions, expected.actions, expected.source)}")
    lines.append(f"{sum(summary.splits.values()):>12,}  in splits")
    for name, count in summary.splits.items():
        lines.append(f"{count:>16,}  {name}{_beside(count, expected.splits.get(name), expected.source)}")
    lines += _only_expected(summary, expected)
    return "\n".join([*lines, *(f"note: {note}" for note in summary.notes)])


def _only_expected(summary: PlanSummary, expected: Expected) -> Iterator[str]:
    for name, count in expected.splits.items():
        if name not in summary.splits:
            yield f"{'–':>16}  {name}: not in this recipe; {expected.source} {count:,}"


def _beside(ours: int, theirs: int | None, source: str) -> str:
    if theirs is None:
        return ""
    difference = f"{ours - theirs:+,}" if ours != theirs else "±0"
    return f": {source} {theirs:,}, difference {difference}"
