"""VIA 3, the VGG Image/Audio/Video Annotator: a project (JSON), or its export of all metadata or segments (CSV).

A project has `metadata: {id: {vid, z: [start, stop], xy, av: {attribute's id: value}}}`; `view` and `file` name
the video, `attribute` the attributes and their options. From VIA's via-3.x.y/src/js, version 3.0.10: _via_data.js,
_via_import_export.js.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from actionpairs.annotations.clips import Clip, malformed, unreadable, unwanted
from actionpairs.annotations.documents import load_object
from actionpairs.annotations.rows import Row, file_name, load_text, map_rows, parse_rows
from actionpairs.annotations.tools.media import media_name
from actionpairs.errors import AnnotationError
from actionpairs.formats import ViaFormat
from actionpairs.records import Rejection

_OF_A_SEGMENT = "FILE1_Z2_XY0"  # the anchor of attributes of temporal segments
_PARTS = ("project", "attribute", "file", "view", "metadata")
_ALL_METADATA = ("metadata_id", "file_list", "flags", "temporal_coordinates", "spatial_coordinates", "metadata")
_SEGMENTS = ("metadata_id", "file_list", "temporal_segment_start", "temporal_segment_end", "metadata")
_HEADER, _ATTRIBUTES = "# CSV_HEADER = ", "# ATTRIBUTE = "
_CURE = "Export it again from VIA 3 (Project > Save, or Export), or check the format in the recipe."


@dataclass(frozen=True, slots=True)
class _Attribute:
    """The key of an attribute in `av`, and its options: number → name."""

    key: str
    options: Mapping[str, object] = field(default_factory=dict)

    def words(self, values: object) -> object:
        """The value of a segment in words; None if it has none. Of a checkbox, `1,3` are two options."""
        value = values.get(self.key) if isinstance(values, dict) else None
        if not isinstance(value, str) or value in self.options:
            return self.options.get(value) if isinstance(value, str) else value
        chosen = value.split(",")
        if all(option in self.options for option in chosen):
            return ", ".join(str(self.options[option]) for option in chosen)
        return value


def read(urls: Sequence[str], via: ViaFormat) -> Iterator[Clip | Rejection]:
    """Read VIA projects and CSV exports; they name no participant, so the group is empty."""
    for url in urls:
        text = load_text(url)
        yield from _csv_clips(url, text, via) if text.startswith("# ") else _project_clips(url, via)


def _project_clips(url: str, via: ViaFormat) -> Iterator[Clip | Rejection]:
    project = load_object(url)
    parts = {name: value for name in _PARTS if isinstance(value := project.get(name), dict)}
    if len(parts) < len(_PARTS):
        kind = "a project of VIA 2, of pictures" if "_via_img_metadata" in project else "no project of VIA 3"
        raise AnnotationError(f"{url}: {kind}: it needs {', '.join(_PARTS)}.", cure=_CURE)
    attribute = _choose(url, parts["attribute"], via)
    for name, item in parts["metadata"].items():
        where = f"{file_name(url)}, metadata {name[:40]!r}"
        if isinstance(item, dict):
            yield _clip(where, _files(item.get("vid"), parts), item.get("z"), item.get("av"), attribute)
        else:
            yield malformed(where, "not an object")


def _files(view_id: object, parts: Mapping[str, dict[str, object]]) -> list[object]:
    """The names of a view's files."""
    view = parts["view"].get(str(view_id))
    numbers = view.get("fid_list") if isinstance(view, dict) else None
    files = [parts["file"].get(str(number)) for number in numbers] if isinstance(numbers, list) else []
    return [item.get("fname") for item in files if isinstance(item, dict)]


def _choose(url: str, attributes: Mapping[str, object], via: ViaFormat) -> _Attribute:
    """The attribute that the recipe names, or the only one of temporal segments."""
    of_segments = {
        str(item.get("aname")): _Attribute(
            key, options if isinstance(options := item.get("options"), dict) else {}
        )
        for key, item in attributes.items()
        if isinstance(item, dict) and item.get("anchor_id") == _OF_A_SEGMENT
    }
    name = via.attribute if via.attribute is not None or len(of_segments) != 1 else next(iter(of_segments))
    if name is None or name not in of_segments:
        what = "several attributes" if name is None and of_segments else f"no attribute {name or ''}".rstrip()
        raise AnnotationError(
            f"{url}: {what} of temporal segments; it has: {', '.join(of_segments)[:200] or 'none'}.",
            cure="Name the one that says what is done: `attribute` under `extract.annotations` in the recipe.",
        )
    return of_segments[name]


def _clip(
    where: str, files: Sequence[object], times: object, values: object, attribute: _Attribute
) -> Clip | Rejection:
    clip = Clip(where, None, media_name(files[0]) if files else "", "", "")
    if not isinstance(times, list):
        return unreadable(clip, "its temporal coordinates (z) are no list")
    if len(times) != 2:
        return unwanted(clip, "a region of one frame, or a value of the whole file: not a segment")
    if len(files) > 1:
        return unwanted(clip, f"its view shows {len(files)} files at once")
    return replace(clip, start=times[0], stop=times[1], label=attribute.words(values))


def _csv_clips(url: str, text: str, via: ViaFormat) -> Iterator[Clip | Rejection]:
    lines = text.split("\n")
    notes = [line.strip() for line in lines if line.startswith("#")]
    header = tuple(next((line for line in notes if line.startswith(_HEADER)), "").removeprefix(_HEADER).split(","))
    if header not in (_ALL_METADATA, _SEGMENTS):
        raise AnnotationError(f"{url}: no CSV export of VIA 3: it has no line {_HEADER}…", cure=_CURE)
    body = "\n".join("" if line.startswith("#") else line for line in lines)
    rows = list(parse_rows(url, body, needs=header, header=header, delimiter=","))
    line = next((line for line in notes if line.startswith(_ATTRIBUTES)), "")
    attributes = _parsed(line.removeprefix(_ATTRIBUTES)) if header == _ALL_METADATA else _attributes(rows)
    attribute = _choose(url, attributes if isinstance(attributes, dict) else {}, via)
    yield from map_rows(rows, lambda row: _csv_clip(row, attribute, is_short=header == _SEGMENTS))


def _attributes(rows: Sequence[Row | Rejection]) -> dict[str, object]:
    """The attributes of the segments, whose values stand under their names in the export of segments."""
    of_segments = [row for row in rows if isinstance(row, Row) and row["temporal_segment_end"] != "undefined"]
    values = [cell for row in of_segments if isinstance(cell := _parsed(row["metadata"]), dict)]
    return {name: {"aname": name, "anchor_id": _OF_A_SEGMENT} for cell in values for name in cell}


def _csv_clip(row: Row, attribute: _Attribute, *, is_short: bool) -> Clip | Rejection:
    files, values = _parsed(row["file_list"]), _parsed(row["metadata"])
    times = _parsed(row["temporal_coordinates"])
    if is_short:
        times = [time for time in (row[_SEGMENTS[2]], row[_SEGMENTS[3]]) if time != "undefined"]
    clip = _clip(row.where, files if isinstance(files, list) else [], times, values, attribute)
    if is_short and isinstance(clip, Clip) and str(clip.label).replace(",", "").isdecimal():
        return unreadable(clip, "this export has the number of an option, not its name: give the project's JSON")
    return clip


def _parsed(cell: object) -> object:
    """The JSON in a cell; None if it is none."""
    try:
        return json.loads(cell) if isinstance(cell, str) else None
    except (ValueError, RecursionError):
        return None
