"""Convert a row's raw values to a Segment, or to a Rejection with its reason."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from sys import intern

from actionpairs.annotations.times import Times, number, quoted
from actionpairs.annotations.words import spoken, text
from actionpairs.formats import Annotations
from actionpairs.records import Reason, Rejection, Segment

_SLACK_SECONDS = 1e-6  # an equal stop and length can differ in binary
_SECONDS = Times()


@dataclass(frozen=True, slots=True)
class Clip:
    """One action as it is in the file; values are not checked, so they can be of any type.

    where: the file and the row. id: None if the format has none; then it is made from the content, so that it
    does not depend on the order of rows. label: the file's name of the action. length: the video's length in
    seconds, or None; past_length: how many seconds a clip may extend beyond it.
    """

    where: str
    id: object
    video: object
    start: object
    stop: object
    times: Times = _SECONDS
    group: object = ""
    verb: object = ""
    noun: object = ""
    label: object = ""
    narration: object = ""
    length: object = None
    past_length: float = 0.0


def to_segment(clip: Clip, annotations: Annotations) -> Segment | Rejection:
    """Convert a clip to a Segment, or to a Rejection if it is not valid."""
    try:
        return _segment(clip, annotations)
    except ValueError as error:
        return unreadable(clip, str(error))


def _segment(clip: Clip, annotations: Annotations) -> Segment | Rejection:
    fields = {
        "verb": text(clip.verb, "the verb"),
        "noun": text(clip.noun, "the noun"),
        "label": text(clip.label, "the label"),
        "narration": " ".join(text(clip.narration, "the narration").split()),
    }
    spoken_fields = {name: spoken(words) if name != "narration" else words for name, words in fields.items()}
    segment_id = text(clip.id, "the id") or _content_id(clip, fields)
    start, stop = clip.times.span(clip.start, clip.stop)
    if start < 0:
        raise ValueError(f"starts {-start:.3f} s before the video: does the file count frames from 0?")
    if stop <= start:
        return reject(clip, Reason.STOP_NOT_AFTER_START, f"start {quoted(clip.start)}, stop {quoted(clip.stop)}")
    if clip.length is not None and stop > number(clip.length) + clip.past_length + _SLACK_SECONDS:
        return reject(clip, Reason.PAST_END, f"stops at {stop:.2f} s, the video lasts {number(clip.length):.2f} s")
    if fields["label"] in annotations.background:
        return reject(clip, Reason.NOT_SELECTED, f"{fields['label']!r} is background, not an action")
    # Interned: a million rows stay in memory, and they repeat few different texts.
    return Segment(
        id=segment_id,
        video=intern(annotations.video.format(video=_require(text(clip.video, "the video"), "video"))),
        start_seconds=start,
        stop_seconds=stop,
        instruction=intern(
            _require(" ".join(annotations.instruction.format_map(spoken_fields).split()), "instruction")
        ),
        verb=intern(fields["verb"]),
        noun=intern(fields["noun"]),
        action=intern(_require(annotations.action.format_map(fields).strip(), "action")),
        group=intern(text(clip.group, "the group")),
        tolerance_seconds=clip.times.tolerance_seconds,
    )


def _require(words: str, what: str) -> str:
    if not words:
        raise ValueError(f"no {what}")
    return words


def _content_id(clip: Clip, fields: dict[str, str]) -> str:
    content = "\0".join(fields.values())
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    is_timed = clip.times.unit != "whole clip"
    times = f"_{quoted(clip.start)}_{quoted(clip.stop)}".replace("'", "") if is_timed else ""
    return f"{text(clip.video, 'the video')}{times}_{digest}"


def reject(clip: Clip, reason: Reason, detail: str) -> Rejection:
    """A rejection of a clip, with its id and video if they can be read."""
    return Rejection(_name(clip.id) or clip.where, _name(clip.video), "extract", reason, f"{clip.where}: {detail}")


def unreadable(clip: Clip, detail: str) -> Rejection:
    """A rejection of a clip whose values cannot be parsed."""
    return reject(clip, Reason.UNREADABLE_ROW, detail)


def malformed(where: str, detail: str, *, video: object = "") -> Rejection:
    """A rejection of a row that does not have the structure of a clip."""
    return unreadable(Clip(where, "", video, "", ""), detail)


def unwanted(clip: Clip, detail: str) -> Rejection:
    """A rejection of a valid clip that the recipe or the format does not select."""
    return reject(clip, Reason.NOT_SELECTED, detail)


def _name(value: object) -> str:
    try:
        return text(value, "the name")
    except ValueError:
        return ""
