"""EgoExoLearn: fine-grained narrations as CSV, coarse steps as one JSON file per video, in seconds.

Layout: annotations/ of OpenGVLab/EgoExoLearn, whose README.md calls the column `annotation_uid`, and whose files
call it `annotation_id`. Coarse files are `<video_uid>.json` of coarse_annotations.tar.gz, all of the egocentric
view; their classes are numbers, and semantic_en.json has the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from actionpairs.annotations.clips import Clip, unreadable, unwanted
from actionpairs.annotations.datasets.entries import need_level
from actionpairs.annotations.documents import load_list, objects
from actionpairs.annotations.rows import file_name, load_text, parse_rows
from actionpairs.annotations.times import quoted
from actionpairs.formats import EgoExoLearnFormat
from actionpairs.records import Rejection

_WITHOUT_HANDS = "narration_en_no_hand_prompt"
_COLUMNS = ("video_uid", "view", "start_sec", "end_sec", "narration_en", _WITHOUT_HANDS)


def read(urls: Sequence[str], learn: EgoExoLearnFormat) -> Iterator[Clip | Rejection]:
    """Read EgoExoLearn files; they name no participant, so the group is empty."""
    levels = {url: _level(url) for url in urls}
    level = need_level(learn.level, set(levels.values()) - {"names"}, ("fine", "coarse"), urls)
    names = _names([url for url, of_file in levels.items() if of_file == "names"])
    for url, of_file in levels.items():
        if of_file == "names":
            continue
        for item in _fine(url) if of_file == "fine" else _coarse(url, names):
            if isinstance(item, Rejection):
                yield item
                continue
            clip, view = item
            if of_file != level:
                yield unwanted(clip, f"of the level {of_file}, not {level}")
            elif learn.views and view not in learn.views:
                yield unwanted(clip, f"of the view {quoted(view)}")
            else:
                yield clip


def missing_names(urls: Sequence[str], learn: EgoExoLearnFormat) -> tuple[str, ...]:
    """The names of the coarse classes, if the recipe uses them and semantic_en.json is not among the files."""
    levels = {_level(url) for url in urls}
    if "names" in levels or "coarse" not in levels or (learn.level != "coarse" and "fine" in levels):
        return ()
    return ("the names of the classes, which stand in semantic_en.json",)


def _level(url: str) -> str:
    if not load_text(url).lstrip().startswith("["):
        return "fine"
    is_table = any(isinstance(item, dict) and {"key", "value"} <= item.keys() for item in load_list(url))
    return "names" if is_table else "coarse"


def _names(urls: Sequence[str]) -> dict[str, object]:
    """Class number → name."""
    rows = (item for url in urls for item in load_list(url))
    return {str(item.get("value")): item.get("key") for item in rows if isinstance(item, dict)}


def _fine(url: str) -> Iterator[tuple[Clip, object] | Rejection]:
    for row in parse_rows(url, load_text(url), needs=_COLUMNS):
        if isinstance(row, Rejection):
            yield row
            continue
        clip = Clip(
            where=row.where,
            id=row["annotation_id"] or row["annotation_uid"],
            video=row["video_uid"],
            start=row["start_sec"],
            stop=row["end_sec"],
            label=row[_WITHOUT_HANDS],
            narration=row["narration_en"],
        )
        yield clip, row["view"]


def _coarse(url: str, names: Mapping[str, object]) -> Iterator[tuple[Clip, object] | Rejection]:
    video = file_name(url).removesuffix(".json")
    for row in objects(load_list(url), where=file_name(url), video=video):
        if isinstance(row, Rejection):
            yield row
            continue
        number = row["attribute"]
        clip = Clip(
            where=row.where,
            id=row["id"],
            video=video,
            start=row["start"],
            stop=row["end"],
            label=names.get(str(number), number),
            narration=row["textAttribute_en"],
        )
        if names and str(number) not in names:
            yield unreadable(clip, f"{quoted(number)} is no class in semantic_en.json")
        else:
            yield clip, "ego"
