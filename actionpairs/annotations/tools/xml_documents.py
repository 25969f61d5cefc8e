"""Parse XML documents; one with a document type is refused, since it could define entities."""

from __future__ import annotations

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from actionpairs.errors import AnnotationError

_DEEPEST = 100  # elements within elements


def parse_xml(url: str, text: str, *, root: str) -> Element:
    """The root element of an XML text; raises AnnotationError if it is not XML, or has another root element."""
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise AnnotationError(f"{url}: nested too deeply.", cure="Export the file again.")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> NoReturn:
        raise AnnotationError(
            f"{url}: it has a document type (<!DOCTYPE …>), which could define entities.",
            cure="Remove the <!DOCTYPE …> line, or export the file again.",
        )

    parser = expat.ParserCreate("utf-8")  # the text is decoded, whatever encoding its first line states
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise AnnotationError(f"{url}: not XML: {error}.", cure="Give an XML file, or another format.") from None
    document = builder.close()
    if document.tag != root:
        raise AnnotationError(
            f"{url}: its first element is <{document.tag[:40]}>, not <{root}>.",
            cure="Check the format in the recipe, or give another file.",
        )
    return document
