"""The configs of data sets of people who cook or build."""

from __future__ import annotations

from typing import ClassVar, Literal

from actionpairs.formats.base import Annotations, FrameTimes, Rate
from actionpairs.keys import Weight


class EpicFormat(Annotations):
    """EPIC-KITCHENS: the timestamps are used, never the frame columns.

    names: what {verb} and {noun} are. `class keys` need the two class tables among the files; `words` are those of
    the row. {label} is the pair of verb class and noun class: their keys, or their numbers without the tables.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("verb", "noun", "narration", "label")

    instruction: str = "{verb} {noun}"
    names: Literal["class keys", "words"] = "words"


class Epic100Format(EpicFormat):
    """EPIC-KITCHENS-100: EPIC_100_train.csv, EPIC_100_validation.csv and others with the same columns."""

    format: Literal["epic100"]


class Epic55Format(EpicFormat):
    """EPIC-KITCHENS-55: EPIC_train_action_labels.csv."""

    format: Literal["epic55"]


class Mpii2012Format(Annotations, FrameTimes):
    """MPII Cooking Activities (2012): headerless `subject,file,start_frame,end_frame,category_id,category`."""

    format: Literal["mpii2012"]
    background: tuple[str, ...] = ("Background activity",)
    rate: Rate = 29.4


class Mpii2Format(Annotations):
    """MPII Cooking 2: attributesAnnotations_MPII-Cooking-2.mat, which contains its frame rate.

    {verb} is the activity, {noun} its objects without those in leave_out, {label} both.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("verb", "noun", "label")

    format: Literal["mpii2"]
    action: str = "{verb}"
    leave_out: tuple[str, ...] = ("hand",)
    first_frame: Literal[0, 1] = 1
    end_included: bool = True


class TacosFormat(Annotations):
    """TACoS: sentences on MPII Cooking 2 videos, in frames of a rate that the file contains.

    past_length_seconds: a sentence is rejected if it ends more than this after the video's length.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["tacos"]
    instruction: str = "{narration}"
    video: str = "{video}-cam-002"
    first_frame: Literal[0, 1] = 1
    end_included: bool = True
    past_length_seconds: Weight = 0.0


class BreakfastFormat(Annotations, FrameTimes):
    """Breakfast: a text file per video, lines such as `31-150 take_bowl`."""

    format: Literal["breakfast"]
    background: tuple[str, ...] = ("SIL",)
    rate: Rate = 15.0


class SaladsFormat(Annotations):
    """50 Salads: activity annotations and, among the files, the timestamps of every video.

    rate: frames per second of the videos. parts: which parts of an action to use.
    """

    format: Literal["salads50"]
    video: str = "rgb-{video}"
    rate: Rate = 30.0
    parts: tuple[Literal["prep", "core", "post"], ...] = ("core",)


class EgteaFormat(Annotations, FrameTimes):
    """EGTEA Gaze+: action_labels.csv in ms, or RULSTM's CSV in frames of a 30 fps copy (with actions.csv)."""

    template_fields: ClassVar[tuple[str, ...]] = ("verb", "noun", "label")

    format: Literal["egtea"]
    instruction: str = "{verb} {noun}"
    rate: Rate = 30.0


class MeccanoFormat(Annotations, FrameTimes):
    """MECCANO: CSV with frames such as `07931.jpg`."""

    template_fields: ClassVar[tuple[str, ...]] = ("verb", "noun", "label")

    format: Literal["meccano"]
    rate: Rate = 12.0
