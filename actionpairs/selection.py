"""Which segments are wanted and which pairs are kept: nothing, or the reason why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from actionpairs.configs import FilterConfig, SelectConfig
from actionpairs.records import Measures, PairFacts, Reason, Rejection, Segment

# 3.0 s written as two decimal times is 3.0000000000000004 s in binary.
_SLACK_SECONDS = 1e-6


def choose(segments: Sequence[Segment], select: SelectConfig) -> tuple[list[Segment], list[Rejection]]:
    """Part the segments that a recipe wants from those that it does not.

    The count of clips per action is taken last, over what the other rules leave.
    """
    chosen: list[Segment] = []
    rejections: list[Rejection] = []
    for segment in segments:
        verdict = _unwanted(segment, select)
        if verdict is None:
            chosen.append(segment)
        else:
            rejections.append(_rejection(segment, *verdict))
    clips = Counter(segment.action for segment in chosen)
    rare = [segment for segment in chosen if clips[segment.action] < select.min_clips_per_action]
    for segment in rare:
        detail = f"{clips[segment.action]} clips of {segment.action!r}"
        rejections.append(_rejection(segment, Reason.RARE_ACTION, detail))
    dropped = {segment.id for segment in rare}
    return [segment for segment in chosen if segment.id not in dropped], rejections


def strangers(segments: Sequence[Segment], select: SelectConfig) -> list[str]:
    """What the recipe asks for by name and no segment has: most often a typing error."""
    unknown: list[str] = []
    for kind, wanted, known in (
        ("group", select.groups, {segment.group for segment in segments}),
        ("verb", select.verbs, {segment.verb for segment in segments}),
        ("noun", select.nouns, {segment.noun for segment in segments}),
        ("action", select.actions, {segment.action for segment in segments}),
    ):
        unknown += [f"no row has the {kind} {name!r}" for name in wanted or () if name not in known]
    return unknown


@dataclass(frozen=True, slots=True)
class Line:
    """A threshold drawn through a measure: a pair below it (`is_least`) or above it goes, for the reason."""

    measure: str  # a field of Measures; `sharpness` stands for the less sharp frame's
    reason: Reason
    bound: float
    is_least: bool

    def value(self, measures: Measures) -> float | None:
        """The measure that the line is drawn through; None where the pair has none."""
        return value_of(measures, self.measure)

    def margin(self, measures: Measures) -> float | None:
        """How far on the good side a pair lies; negative where it goes."""
        value = self.value(measures)
        if value is None:
            return None
        return value - self.bound if self.is_least else self.bound - value


def value_of(measures: Measures, name: str) -> float | None:
    """A measure by its name; `sharpness` is that of the less sharp frame."""
    if name == "sharpness":
        return min(measures.sharpness_before, measures.sharpness_after)
    value: float | None = getattr(measures, name)
    return value


def lines(filters: FilterConfig) -> list[Line]:
    """The thresholds that a recipe draws, in the order in which they are judged."""
    drawn = (
        ("cut", Reason.SCENE_CUT, filters.max_cut, False),
        ("camera_shift", Reason.CAMERA_MOVED, filters.max_camera_shift, False),
        ("sharpness", Reason.BLURRED, filters.min_sharpness, True),
        ("dark", Reason.TOO_DARK, filters.max_dark, False),
        ("blown", Reason.BLOWN_OUT, filters.max_blown, False),
        ("change", Reason.NOTHING_CHANGED, filters.min_change, True),
        ("displacement", Reason.MOVED_TOO_LITTLE, filters.min_displacement, True),
    )
    return [Line(measure, reason, bound, least) for measure, reason, bound, least in drawn if bound is not None]


def judge(facts: PairFacts, filters: FilterConfig) -> tuple[Reason, str] | None:
    """Why a pair is not worth keeping: the first reason, and every measure that failed with its margin.

    None for a pair that is.
    """
    failed: list[tuple[Reason, str]] = []
    for line in lines(filters):
        value, margin = line.value(facts.measures), line.margin(facts.measures)
        if value is None or margin is None:
            inliers = facts.measures.camera_inliers
            failed.append(
                (Reason.UNMEASURED, f"no {line.measure}: only {inliers} features agree between the frames")
            )
        elif margin < 0:
            sign = "<" if line.is_least else ">"
            failed.append((line.reason, f"{line.measure} {value:.4f} {sign} {line.bound:g} (by {-margin:.4f})"))
    if not failed:
        return None
    return failed[0][0], "; ".join(detail for _, detail in failed)


def _unwanted(segment: Segment, select: SelectConfig) -> tuple[Reason, str] | None:
    for kind, name, wanted, dropped in (
        ("group", segment.group, select.groups, select.drop_groups),
        ("verb", segment.verb, select.verbs, select.drop_verbs),
        ("noun", segment.noun, select.nouns, select.drop_nouns),
        ("action", segment.action, select.actions, select.drop_actions),
    ):
        if name in dropped or (wanted is not None and name not in wanted):
            return Reason.NOT_SELECTED, f"the recipe leaves out the {kind} {name!r}"
    seconds = segment.duration_seconds
    if seconds < select.min_seconds - _SLACK_SECONDS:
        return Reason.TOO_SHORT, f"{seconds:.2f} s < {select.min_seconds} s"
    if seconds > select.max_seconds + _SLACK_SECONDS:
        return Reason.TOO_LONG, f"{seconds:.2f} s > {select.max_seconds} s"
    return None


def _rejection(segment: Segment, reason: Reason, detail: str) -> Rejection:
    return Rejection(segment.id, segment.video, "extract", reason, detail)
