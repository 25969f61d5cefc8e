"""The configs of data sets of head cameras."""

from __future__ import annotations

from typing import ClassVar, Literal

from actionpairs.formats.base import Annotations, Rate


class Ego4dFormat(Annotations):
    """Ego4D FHO (fho_main.json): the camera wearer's actions.

    span: from pre-frame to post-frame, or the narrated action's seconds. {narration} is without its `#C C`.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "verb", "label")

    format: Literal["ego4d"]
    instruction: str = "{narration}"
    span: Literal["pre to post", "action"] = "pre to post"
    rate: Rate = 30.0
    first_frame: Literal[0, 1] = 0


class HoloAssistFormat(Annotations):
    """HoloAssist: fine-grained actions in seconds."""

    template_fields: ClassVar[tuple[str, ...]] = ("verb", "noun", "label")

    format: Literal["holoassist"]
    instruction: str = "{verb} {noun}"
    video: str = "{video}/Export_py/Video.mp4"
