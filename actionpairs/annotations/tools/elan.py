"""ELAN: annotation documents (.eaf), and their export as tab-delimited text (elan_tables.py).

A document has time slots in milliseconds, and tiers of annotations: an alignable one has two time slots, a
reference has those of the annotation that it refers to. A linked video starts TIME_ORIGIN before the annotations'
clock. From the schema EAFv3.0.xsd; the offset, from what ELAN's ExportTabdelimited.java adds as media offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element

from actionpairs.annotations.clips import Clip, unreadable, unwanted
from actionpairs.annotations.rows import file_name, load_text
from actionpairs.annotations.times import Times, number, quoted
from actionpairs.annotations.tools.elan_tables import chosen_tiers, table_clips
from actionpairs.annotations.tools.media import media_name
from actionpairs.annotations.tools.xml_documents import parse_xml
from actionpairs.errors import AnnotationError
from actionpairs.formats import ElanFormat
from actionpairs.records import Rejection

_MILLISECONDS = Times("milliseconds")
_DEEPEST = 100  # references to references


def read(urls: Sequence[str], elan: ElanFormat) -> Iterator[Clip | Rejection]:
    """Read ELAN files; the group is the tier's participant."""
    for url in urls:
        text = load_text(url)
        yield from _clips(url, text, elan) if text.lstrip().startswith("<") else table_clips(url, text, elan)


def _clips(url: str, text: str, elan: ElanFormat) -> Iterator[Clip | Rejection]:
    root = parse_xml(url, text, root="ANNOTATION_DOCUMENT")
    video, offset = _linked_video(url, root, elan)
    slots = {slot.get("TIME_SLOT_ID"): slot for slot in root.iterfind("TIME_ORDER/TIME_SLOT")}
    elements = {element.get("ANNOTATION_ID"): element for element in root.iterfind("TIER/ANNOTATION/*")}
    tiers = {tier.get("TIER_ID", ""): tier for tier in root.iterfind("TIER")}
    filled = [name for name, tier in tiers.items() if tier.find("ANNOTATION") is not None]
    for name in chosen_tiers(url, list(tiers) if elan.tiers else filled, elan):
        for element in tiers[name].iterfind("ANNOTATION/*"):
            value = element.findtext("ANNOTATION_VALUE")
            where = f"{file_name(url)}, tier {name[:60]!r}, {element.get('ANNOTATION_ID', '')[:20]}"
            group = tiers[name].get("PARTICIPANT")
            clip = Clip(where, None, video, "", "", _MILLISECONDS, group=group, label=value, narration=value)
            yield _timed(clip, _aligned(element, elements), slots, offset)


def _linked_video(url: str, root: Element, elan: ElanFormat) -> tuple[object, int]:
    """The video's name, and how many milliseconds of it come before the annotations' clock."""
    header = root.find("HEADER")
    if header is None or header.get("TIME_UNITS", "milliseconds") != "milliseconds":
        units = "no header" if header is None else f"times in {header.get('TIME_UNITS')}"
        raise AnnotationError(f"{url}: {units[:60]}, not milliseconds.", cure="Save it with a current ELAN.")
    media = [item for item in header.iterfind("MEDIA_DESCRIPTOR") if item.get("MIME_TYPE", "")[:6] != "audio/"]
    linked = media[elan.linked_video - 1] if elan.linked_video <= len(media) else None
    if elan.video_from == "linked media" and linked is None:
        raise AnnotationError(
            f"{url}: it links {len(media)} videos, not {elan.linked_video}.",
            cure="Set `video_from: file name` in the recipe if the video is named like this file.",
        )
    try:
        offset = int(number(linked.get("TIME_ORIGIN", 0) if linked is not None else 0))
    except ValueError as error:
        raise AnnotationError(
            f"{url}: the video's TIME_ORIGIN is {error}.", cure="Save it again in ELAN."
        ) from None
    if elan.video_from == "file name" or linked is None:
        return file_name(url).rpartition(".")[0] or file_name(url), offset
    return media_name(linked.get("MEDIA_URL") or linked.get("RELATIVE_MEDIA_URL")), offset


def _aligned(element: Element | None, elements: Mapping[str | None, Element]) -> Element | None:
    """The annotation with time slots that an annotation is, or refers to; None if it leads to none."""
    for _ in range(_DEEPEST):
        if element is None or element.tag == "ALIGNABLE_ANNOTATION":
            return element
        element = elements.get(element.get("ANNOTATION_REF", ""))
    return None


def _timed(
    clip: Clip, aligned: Element | None, slots: Mapping[str | None, Element], offset: int
) -> Clip | Rejection:
    if not str(clip.narration or "").strip():
        return unwanted(clip, "an annotation without text")
    if aligned is None:
        return unreadable(clip, "it refers to no annotation that has times")
    times = []
    for key in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"):
        slot = slots.get(aligned.get(key, ""))
        if slot is None:
            return unreadable(clip, f"its time slot {quoted(aligned.get(key))} is not in the file")
        value = slot.get("TIME_VALUE")
        if value is None:
            return unreadable(
                clip, f"time slot {quoted(aligned.get(key))} has no time: only its neighbors place it"
            )
        if not value.isdecimal() or len(value) > 18:
            return unreadable(clip, f"not a time in milliseconds: {quoted(value)}")
        times.append(int(value) + offset)
    return replace(clip, start=times[0], stop=times[1])
