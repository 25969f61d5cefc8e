"""The recipe's config of every annotation format; configs make them part of a recipe."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from actionpairs.formats.base import Annotations, FrameTimes, Rate
from actionpairs.formats.egocentric import (
    Assembly101Format,
    Ego4dFormat,
    EgoExo4dDescriptionsFormat,
    EgoExo4dFormat,
    EgoExo4dKeystepsFormat,
    EgoExoLearnFormat,
    GoalStepFormat,
    HdEpicFormat,
    HoloAssistFormat,
)
from actionpairs.formats.instructional import CrossTaskFormat, HowTo100mFormat
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
from actionpairs.formats.points import PointTimes
from actionpairs.formats.robots import LerobotFormat
from actionpairs.formats.table import TableColumns, TableFormat
from actionpairs.formats.tools import (
    BorisFormat,
    CvatFormat,
    ElanFormat,
    LabelStudioFormat,
    SubtitlesFormat,
    ViaFormat,
)
from actionpairs.formats.web import ActivityNetFormat, CharadesFormat, Ssv2Format

__all__ = [
    "ActivityNetFormat",
    "AnnotationFormat",
    "Annotations",
    "Assembly101Format",
    "BorisFormat",
    "BreakfastFormat",
    "CharadesFormat",
    "CrossTaskFormat",
    "CvatFormat",
    "Ego4dFormat",
    "EgoExo4dDescriptionsFormat",
    "EgoExo4dFormat",
    "EgoExo4dKeystepsFormat",
    "EgoExoLearnFormat",
    "EgteaFormat",
    "ElanFormat",
    "Epic100Format",
    "Epic55Format",
    "EpicFormat",
    "FrameTimes",
    "GoalStepFormat",
    "HdEpicFormat",
    "HoloAssistFormat",
    "HowTo100mFormat",
    "LabelStudioFormat",
    "LerobotFormat",
    "MeccanoFormat",
    "Mpii2012Format",
    "Mpii2Format",
    "PointTimes",
    "Rate",
    "SaladsFormat",
    "Ssv2Format",
    "SubtitlesFormat",
    "TableColumns",
    "TableFormat",
    "TacosFormat",
    "ViaFormat",
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
    | MeccanoFormat
    | GoalStepFormat
    | EgoExo4dKeystepsFormat
    | EgoExo4dDescriptionsFormat
    | HdEpicFormat
    | Assembly101Format
    | EgoExoLearnFormat
    | CrossTaskFormat
    | HowTo100mFormat
    | LerobotFormat
    | ViaFormat
    | ElanFormat
    | LabelStudioFormat
    | CvatFormat
    | BorisFormat
    | SubtitlesFormat,
    Field(discriminator="format"),
]
