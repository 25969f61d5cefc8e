"""The configs of annotation tools' exports, and of subtitles."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from actionpairs.formats.base import Annotations, FrameTimes, Rate
from actionpairs.keys import Positive

ElanColumn = Literal["tier", "participant", "begin", "end", "annotation", "skip"]


class ViaFormat(Annotations):
    """VIA 3: a project's JSON, or its CSV exports; temporal segments in seconds.

    attribute: the name of the attribute that says what is done; null if the segments have one attribute only.
    """

    format: Literal["via"]
    attribute: str | None = None


class ElanFormat(Annotations):
    """ELAN: .eaf files, or their export as tab-delimited text; {label} and {narration} are the annotation's text.

    tiers: the tiers whose annotations are instructions, with `*` for any characters; empty if a file has one tier
    only. video_from: what names the video; `linked media` takes linked_video, counted from 1 without audio files,
    and its offset. columns: those of a tab-delimited text without column headers; begin and end are
    `HH:MM:SS.mmm`, seconds with a point, or whole milliseconds.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["elan"]
    instruction: str = "{narration}"
    tiers: tuple[str, ...] = ()
    video_from: Literal["linked media", "file name"] = "linked media"
    linked_video: Positive = 1
    columns: tuple[ElanColumn, ...] = (
        *("tier", "participant", "begin", "skip", "end", "skip", "skip", "skip", "annotation"),
    )

    @model_validator(mode="after")
    def _check_columns(self) -> ElanFormat:
        for name in ("begin", "end", "annotation"):
            if self.columns.count(name) != 1:
                raise ValueError(f"`columns` must name {name!r} once")
        if self.columns.count("tier") > 1 or self.columns.count("participant") > 1:
            raise ValueError("`columns` may name 'tier' and 'participant' once")
        return self


class LabelStudioFormat(Annotations, FrameTimes):
    """Label Studio: JSON or JSON-MIN; timeline regions in frames, audio regions in seconds.

    {label} is the region's labels, {narration} the text typed for the region, or its labels if there is none;
    JSON-MIN has no such texts. media: the key of a task's data that holds the video. annotator: whose annotations
    to use; `first` is the one made first for each task, otherwise an email address or a user's number. rate: the
    Video tag's `frameRate`, which need not be the video's; it is 24 where the tag has none.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["label-studio"]
    media: str = "video"
    annotator: Literal["first", "all"] | str = "first"
    rate: Rate = 24.0


class CvatFormat(Annotations):
    """CVAT: annotations.xml of `CVAT for video 1.1` (tracks) or `CVAT for images 1.1` (tags).

    attribute: the attribute that says what is done, such as a person's `action`; null for the label itself.
    {noun} is the label; {label} and {verb} are the attribute's value, or the label. rate: the video's frames per
    second, which the file does not have.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("verb", "noun", "label")

    format: Literal["cvat"]
    attribute: str | None = None
    rate: Rate


class BorisFormat(Annotations):
    """BORIS: .boris projects, and tabular or aggregated events as TSV or CSV; state events only.

    {label} and {verb} are the behavior, {noun} its modifiers, {narration} the comment at its start.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("verb", "noun", "label", "narration")

    format: Literal["boris"]


class SubtitlesFormat(Annotations):
    """Subtitles, SRT or WebVTT: every cue is an instruction; the file has its video's name.

    language: what stands between the video's name and the suffix, as `en` in `video.en.srt`; empty for nothing.
    encoding: of text that is neither UTF-8 nor has a byte order mark.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["subtitles"]
    instruction: str = "{narration}"
    language: str = ""
    encoding: Literal["cp1252", "cp1250", "cp1251", "iso-8859-15", "gb18030", "big5", "shift_jis"] | None = None
