"""Subtitles whose cues are instructions: SubRip (.srt) and WebVTT (.vtt).

WebVTT is read by its specification (w3.org/TR/webvtt1). SRT has none: a cue's text goes up to the next cue, blank
lines included, as players show it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip, malformed, unwanted
from actionpairs.annotations.rows import file_name, load_text
from actionpairs.annotations.times import Times, quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import SubtitlesFormat
from actionpairs.records import Rejection

_STAMP = r"((?:\d{1,6}:)?\d{1,6}:\d{1,2}(?:[.,]\d{1,9})?)"
_TIMING = re.compile(rf"\s*{_STAMP}\s*-->\s*{_STAMP}(?:\s.*)?", re.ASCII)  # after them: positions, settings
# What stands for the times of a cue, also with a broken arrow or blanks in the times: else the line, and the cue
# below it, would be read as text of the cue before.
_TIME_LIKE = r"\d[\d:., ]*:[\d:., ]*\d"
_CUE_START = re.compile(
    rf"\s*(?:\d\S*:\S*\s*-->|{_TIME_LIKE}\s*(?:[-=\u2010-\u2015\u2212]+\s*(?:>|&gt;)|\u2192)\s*{_TIME_LIKE})",
    re.ASCII,
)
_CLOCK = Times("clock")
_NO_CUES = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")
_SRT_TAGS = re.compile(r"</?(?:i|b|u|s|font)(?:\s[^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)  # {\an8}: its place
_VTT_TAGS = re.compile(r"<[^<>]*>")
_NO_SHIFT = re.compile(r"LOCAL:(00:)?00:00\.000,MPEGTS:0|MPEGTS:0,LOCAL:(00:)?00:00\.000")


def read(urls: Sequence[str], subtitles: SubtitlesFormat) -> Iterator[Clip | Rejection]:
    """Read subtitle files; they name no participant, so the group is empty."""
    for url in urls:
        lines = re.split(r"\r\n|\r|\n", load_text(url, encoding=subtitles.encoding))
        is_vtt = lines[0].lstrip().startswith("WEBVTT")
        if is_vtt:
            _refuse_shifted(url, lines)
            lines = _without_blocks(lines)
        numbers = [number for number, line in enumerate(lines) if _CUE_START.match(line)]
        if not any(_TIMING.fullmatch(lines[number]) for number in numbers):
            raise AnnotationError(
                f"{url}: no cue in it (a line such as `00:00:01,000 --> 00:00:04,000`).",
                cure="Give SRT or WebVTT, with times from the start of the video.",
            )
        for number, after in zip(numbers, [*numbers[1:], None], strict=True):
            text = lines[number + 1 : after]
            words = _vtt_text(text) if is_vtt else _srt_text(text, after)
            yield _clip(
                f"{file_name(url)}, line {number + 1}", _video(url, subtitles.language), lines[number], words
            )


def _video(url: str, language: str) -> str:
    stem = re.sub(r"\.(srt|vtt)$", "", file_name(url), flags=re.IGNORECASE)
    return stem.removesuffix(f".{language}") if language else stem


def _refuse_shifted(url: str, lines: Sequence[str]) -> None:
    """Raise AnnotationError if the header maps the cues to the clock of a broadcast (HLS)."""
    for line in lines[: lines.index("") if "" in lines else None]:
        key, _, mapping = line.partition("=")
        if key.strip() == "X-TIMESTAMP-MAP" and not _NO_SHIFT.fullmatch(mapping.replace(" ", "")):
            raise AnnotationError(
                f"{url}: its times are those of a stream: {line.strip()[:80]}.",
                cure="Shift the cues to the start of the video, and remove X-TIMESTAMP-MAP.",
            )


def _without_blocks(lines: Sequence[str]) -> list[str]:
    """The lines of a WebVTT file, with those of comments and styles empty."""
    kept, is_block = [], False
    for number, line in enumerate(lines):
        starts_block = number > 0 and not lines[number - 1].strip() and _NO_CUES.match(line) is not None
        is_block = (is_block or starts_block) and bool(line.strip())
        kept.append("" if is_block else line)
    return kept


def _clip(where: str, video: str, line: str, words: str) -> Clip | Rejection:
    timing = _TIMING.fullmatch(line)
    if timing is None:
        return malformed(where, f"not `start --> stop`: {quoted(line)}", video=video)
    start, stop = (stamp.replace(",", ".") for stamp in timing.groups())
    clip = Clip(where, None, video, start, stop, _CLOCK, label=words, narration=words)
    return clip if words else unwanted(clip, "a cue without text")


def _vtt_text(lines: Sequence[str]) -> str:
    """The text up to the first empty line, without tags. A line of one blank, as YouTube writes, is not empty."""
    end = lines.index("") if "" in lines else len(lines)
    return " ".join(html.unescape(_VTT_TAGS.sub("", " ".join(lines[:end]))).split())


def _srt_text(lines: Sequence[str], next_cue: int | None) -> str:
    """The text without tags, and without the number of the next cue, if there is one."""
    filled = [line.strip() for line in lines if line.strip()]
    if next_cue is not None and filled and filled[-1].isdecimal():
        filled = filled[:-1]
    return " ".join(_SRT_TAGS.sub("", " ".join(filled)).split())
