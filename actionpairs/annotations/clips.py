"""A row as its format read it, and the judgment: a Segment, or a Rejection with its reason."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from sys import intern

from actionpairs.annotations.times import Times, number, shown
from actionpairs.annotations.words import spoken, text
from actionpairs.formats import Annotations
from actionpairs.records import Reason, Rejection, Segment

_SLACK_SECONDS = 1e-6  # a stop and a length that are one decimal number can differ in binary
_SECONDS = Times()


@dataclass(frozen=True, slots=True)
class Clip:
    """One action as a file has it; nothing is checked yet, so any value can be of any type.

    where: the file and the row in it. id: None where the format has none; one is then made of the content, so
    that it does not depend on the order of rows. label: what the file calls the action. length: the video's, in
    seconds, None where the file does not say it; past_length: how far beyond it a clip may reach.
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


def judge(clip: Clip, annotations: Annotations) -> Segment | Rejection:
    """Make a segment of a clip, or say why that cannot be."""
    try:
        return _segment(clip, annotations)
    except ValueError as error:
        return unreadable(clip, str(error))


def _segment(clip: Clip, annotations: Annotations) -> Segment | Rejection:
    known = {
        "verb": text(clip.verb, "the verb"),
        "noun": text(clip.noun, "the noun"),
        "label": text(clip.label, "the label"),
        "narration": " ".join(text(clip.narration, "the narration").split()),
    }
    said = {name: spoken(words) if name != "narration" else words for name, words in known.items()}
    segment_id = text(clip.id, "the id") or _content_id(clip, known)
    start, stop = clip.times.span(clip.start, clip.stop)
    if start < 0:
        raise ValueError(f"starts {-start:.3f} s before the video: does the file count frames from 0?")
    if stop <= start:
        return reject(clip, Reason.STOP_NOT_AFTER_START, f"start {shown(clip.start)}, stop {shown(clip.stop)}")
    if clip.length is not None and stop > number(clip.length) + clip.past_length + _SLACK_SECONDS:
        return reject(clip, Reason.PAST_END, f"stops at {stop:.2f} s, the video lasts {number(clip.length):.2f} s")
    if known["label"] in annotations.background:
        return reject(clip, Reason.NOT_SELECTED, f"{known['label']!r} is background, not an action")
    # Interned: the rows of a data set say few things many times, and a million of them stay in memory.
    return Segment(
        id=segment_id,
        video=intern(annotations.video.format(video=_needed(text(clip.video, "the video"), "video"))),
        start_seconds=start,
        stop_seconds=stop,
        instruction=intern(_needed(" ".join(annotations.instruction.format_map(said).split()), "instruction")),
        verb=intern(known["verb"]),
        noun=intern(known["noun"]),
        action=intern(_needed(annotations.action.format_map(known).strip(), "action")),
        group=intern(text(clip.group, "the group")),
        tolerance_seconds=clip.times.tolerance_seconds,
    )


def _needed(words: str, what: str) -> str:
    if not words:
        raise ValueError(f"no {what}")
    return words


def _content_id(clip: Clip, known: dict[str, str]) -> str:
    content = "\0".join(known.values())
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    times = "" if clip.times.unit == "whole clip" else f"_{shown(clip.start)}_{shown(clip.stop)}".replace("'", "")
    return f"{text(clip.video, 'the video')}{times}_{digest}"


def reject(clip: Clip, reason: Reason, detail: str) -> Rejection:
    """Turn a clip down, naming it as well as can be."""
    return Rejection(_name(clip.id) or clip.where, _name(clip.video), "extract", reason, f"{clip.where}: {detail}")


def unreadable(clip: Clip, detail: str) -> Rejection:
    """Turn a clip down that cannot be discrimination."""
    return reject(clip, Reason.UNREADABLE_ROW, detail)


def malformed(where: str, detail: str, *, video: object = "") -> Rejection:
    """Turn something down that is not even a clip."""
    return unreadable(Clip(where, "", video, "", ""), detail)


def unwanted(clip: Clip, detail: str) -> Rejection:
    """Turn a clip down that is whole, but not of the kind that the format is read for."""
    return reject(clip, Reason.NOT_SELECTED, detail)


def _name(value: object) -> str:
    try:
        return text(value, "the name")
    except ValueError:
        return ""
