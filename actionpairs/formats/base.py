"""What the config of every annotation format shares."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, field_validator

from actionpairs.keys import Config
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
