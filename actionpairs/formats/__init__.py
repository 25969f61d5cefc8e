"""The recipe's config of every annotation format; configs make them part of a recipe."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from actionpairs.formats.base import Annotations, FrameTimes, Rate
from actionpairs.formats.egocentric import Ego4dFormat, HoloAssistFormat
from actionpairs.formats.kitchens import (
    BreakfastFormat,
    EgteaFormat,
    Epic55Format,
    Epic100Format,
    EpicFormat,
    MeccanoFormat,
    Mpii2Format,
    Mpii2012Format,
    SaladsFormat,
    TacosFormat,
)
from actionpairs.formats.table import TableColumns, TableFormat
from actionpairs.formats.web import ActivityNetFormat, CharadesFormat, Ssv2Format

__all__ = [
    "ActivityNetFormat",
    "AnnotationFormat",
    "Annotations",
    "BreakfastFormat",
    "CharadesFormat",
    "Ego4dFormat",
    "EgteaFormat",
    "Epic100Format",
    "Epic55Format",
    "EpicFormat",
    "FrameTimes",
    "HoloAssistFormat",
    "MeccanoFormat",
    "Mpii2012Format",
    "Mpii2Format",
    "Rate",
    "SaladsFormat",
    "Ssv2Format",
    "TableColumns",
    "TableFormat",
    "TacosFormat",
]

AnnotationFormat = Annotated[
    TableFormat
    | Epic100Format
    | Epic55Format
    | Mpii2012Format
    | Mpii2Format
    | TacosFormat
    | ActivityNetFormat
    | CharadesFormat
    | Ssv2Format
    | Ego4dFormat
    | HoloAssistFormat
    | BreakfastFormat
    | SaladsFormat
    | EgteaFormat
    | MeccanoFormat,
    Field(discriminator="format"),
]
