"""The recipe's config of every annotation format; configs.py makes them part of a recipe."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from actionpairs.keys import Config, Weight
from actionpairs.rates import format_rate

Rate = Annotated[float | str, BeforeValidator(format_rate)]


class Annotations(Config):
    """What every format shares.

    instruction, action: templates with the fields of the format, such as `{verb} the {noun}`. In an instruction,
    {verb}, {noun} and {label} become plain words (`put-down` is put down, `box:lunch` is lunch box), {narration}
    stays as it is; in an action, all stay as in the file. background: labels that are no actions. video: a video's
    path below the videos folder, or its file name or stem.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("label",)

    instruction: str = "{label}"
    action: str = "{label}"
    background: tuple[str, ...] = ()
    video: str = "{video}"

    @field_validator("instruction", "action")
    @classmethod
    def _check_fields(cls, template: str) -> str:
        return _check_template(template, cls.template_fields)

    @field_validator("video")
    @classmethod
    def _check_video(cls, template: str) -> str:
        if "{video}" not in template:
            raise ValueError("without {video} in it, every row would mean one file")
        return _check_template(template, ("video",))


def _check_template(template: str, template_fields: tuple[str, ...]) -> str:
    for _, name, spec, conversion in Formatter().parse(template):
        if name is not None and (name not in template_fields or spec or conversion):
            fields = ", ".join(f"{{{field}}}" for field in template_fields)
            raise ValueError(f"{{{name}}} is not a field of this format; the fields are: {fields}")
    return template


class FrameTimes(Config):
    """How frame numbers become times.

    rate: frames per second of the annotated videos; 29.97 and similar rates mean n·1000/1001, and fractions such
    as 30000/1001 are possible. first_frame: the number of the video's first frame. end_included: whether the stop
    frame belongs to the action.
    """

    rate: Rate
    first_frame: Literal[0, 1] = 1
    end_included: bool = True


class TableColumns(Config):
    """The names of a table's columns; null for a column that it does not have."""

    id: str | None = None
    video: str = "video"
    start: str = "start"
    stop: str = "stop"
    instruction: str | None = "instruction"
    verb: str | None = None
    noun: str | None = None
    group: str | None = None


class TableFormat(Annotations):
    """CSV or TSV with a header, JSON lines, or Parquet; the file's content decides which.

    {narration} is the column `instruction`; {label} is verb and noun if the table has one of them, else the
    narration. unit: `clock` takes `HH:MM:SS.ss`. rate, first_frame, end_included: for frames.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "verb", "noun", "label")

    format: Literal["table"]
    instruction: str = "{narration}"
    columns: TableColumns = TableColumns()
    unit: Literal["seconds", "clock", "milliseconds", "frames"] = "seconds"
    rate: Rate | None = None
    first_frame: Literal[0, 1] = 0
    end_included: bool = False

    @model_validator(mode="after")
    def _check_rate(self) -> TableFormat:
        if (self.unit == "frames") != (self.rate is not None):
            raise ValueError("`rate` (frames per second) goes with `unit: frames`, and with no other unit")
        return self

    @model_validator(mode="after")
    def _check_columns(self) -> TableFormat:
        named = {"narration": self.columns.instruction, "verb": self.columns.verb, "noun": self.columns.noun}
        for field, column in named.items():
            if column is None and f"{{{field}}}" in self.instruction + self.action:
                raise ValueError(f"{{{field}}} is used, but `columns` names no column for it")
        if not any(named.values()):
            raise ValueError("`columns` must name `instruction`, `verb` or `noun`")
        return self


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
