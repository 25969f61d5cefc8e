"""The configs of data sets of videos from the web and from homes."""

from __future__ import annotations

from typing import ClassVar, Literal

from actionpairs.formats.base import Annotations
from actionpairs.keys import Weight


class ActivityNetFormat(Annotations):
    """ActivityNet and its Captions, HACS, COIN, YouCook2: JSON, video → segments in seconds.

    subsets: which subsets to use; empty for all. past_length_seconds: a segment is rejected if it ends more than
    this after the stated duration.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["activitynet"]
    instruction: str = "{narration}"
    subsets: tuple[str, ...] = ()
    past_length_seconds: Weight = 0.0


class CharadesFormat(Annotations):
    """Charades and Charades-Ego: CSV with `actions` such as `c092 11.90 21.20;…`.

    Charades_v1_classes.txt among the files has the class names. past_length_seconds: an action is rejected if it
    ends more than this after the video's `length`.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["charades"]
    instruction: str = "{narration}"
    past_length_seconds: Weight = 0.0


class Ssv2Format(Annotations):
    """Something-Something v2: the whole clip is the action; {label} is the template."""

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["ssv2"]
    instruction: str = "{narration}"
