"""Which segments a recipe selects, and the reason for every other one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from actionpairs.configs import SelectConfig
from actionpairs.records import Reason, Rejection, Segment

# 3.0 s written as two decimal times is 3.0000000000000004 s in binary.
_SLACK_SECONDS = 1e-6


def select_segments(segments: Sequence[Segment], config: SelectConfig) -> tuple[list[Segment], list[Rejection]]:
    """Split segments into those that a recipe selects and the rejections of the others.

    `min_clips_per_action` is applied last: it counts the segments that all other rules keep.
    """
    selected: list[Segment] = []
    rejections: list[Rejection] = []
    for segment in segments:
        failure = _failed_rule(segment, config)
        if failure is None:
            selected.append(segment)
        else:
            rejections.append(_rejection(segment, *failure))
    clips = Counter(segment.action for segment in selected)
    rare = [segment for segment in selected if clips[segment.action] < config.min_clips_per_action]
    for segment in rare:
        detail = f"{clips[segment.action]} clips of {segment.action!r}"
        rejections.append(_rejection(segment, Reason.RARE_ACTION, detail))
    dropped = {segment.id for segment in rare}
    return [segment for segment in selected if segment.id not in dropped], rejections


def unmatched_names(segments: Sequence[Segment], config: SelectConfig) -> list[str]:
    """A note for each name in the recipe that no segment has: most often a spelling error."""
    notes: list[str] = []
    for kind, names, present in (
        ("group", config.groups, {segment.group for segment in segments}),
        ("verb", config.verbs, {segment.verb for segment in segments}),
        ("noun", config.nouns, {segment.noun for segment in segments}),
        ("action", config.actions, {segment.action for segment in segments}),
    ):
        notes += [f"no row has the {kind} {name!r}" for name in names or () if name not in present]
    return notes


def _failed_rule(segment: Segment, config: SelectConfig) -> tuple[Reason, str] | None:
    """The first rule that a segment fails: reason and detail; None if the recipe selects it."""
    for kind, name, allowed, dropped in (
        ("group", segment.group, config.groups, config.drop_groups),
        ("verb", segment.verb, config.verbs, config.drop_verbs),
        ("noun", segment.noun, config.nouns, config.drop_nouns),
        ("action", segment.action, config.actions, config.drop_actions),
    ):
        if name in dropped or (allowed is not None and name not in allowed):
            return Reason.NOT_SELECTED, f"the recipe leaves out the {kind} {name!r}"
    seconds = segment.duration_seconds
    if seconds < config.min_seconds - _SLACK_SECONDS:
        return Reason.TOO_SHORT, f"{seconds:.2f} s < {config.min_seconds} s"
    if seconds > config.max_seconds + _SLACK_SECONDS:
        return Reason.TOO_LONG, f"{seconds:.2f} s > {config.max_seconds} s"
    return None


def _rejection(segment: Segment, reason: Reason, detail: str) -> Rejection:
    return Rejection(segment.id, segment.video, "extract", reason, detail)
