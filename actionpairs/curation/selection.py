"""Which segments are wanted: nothing, or the reason why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from actionpairs.configs import SelectConfig
from actionpairs.records import Reason, Rejection, Segment

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
