"""The configs of data sets of how-to videos from the web."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from actionpairs.formats.base import Annotations
from actionpairs.formats.points import PointTimes


class CrossTaskFormat(Annotations):
    """CrossTask: a CSV per video, `<task>_<video>.csv`, with lines `step,start,end` in seconds.

    tasks_primary.txt among the files has the names of the steps.
    """

    format: Literal["crosstask"]


class HowTo100mFormat(Annotations, PointTimes):
    """HowTo100M's captions, also as sentences, aligned by hand (HTM-Align) or by a model (HTM-AA).

    Captions are what the speaker says, often not what can be seen: weak instructions. before_seconds,
    after_seconds and until_next are for HTM-AA, which has one time per sentence.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["howto100m"]
    instruction: str = "{narration}"
    before_seconds: float = Field(default=1.6, ge=0)
    after_seconds: float = Field(default=1.6, gt=0)
    until_next: bool = False
