"""The config of robot data sets."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from actionpairs.formats.base import Annotations


class LerobotFormat(Annotations):
    """LeRobot data sets, versions 2.0, 2.1 and 3.0: a folder, or hf://datasets/OWNER/NAME.

    segments: whole `episodes`, whose task is {narration}; `subtasks`, from `subtask_index` or from
    `language_persistent`; or `column`: frames in a row with the same value of a column, which is a text or the
    number of a task. style: which rows of `language_persistent` are subtasks. cameras: whose pictures become
    pairs, such as `top` for `observation.images.top`; null for all. group: a column of the episodes or frames that
    leak-free splits hold apart by, such as `collector_id`; null for the episode itself.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["lerobot"]
    instruction: str = "{narration}"
    segments: Literal["episodes", "subtasks", "column"] = "episodes"
    column: str | None = None
    style: str = "subtask"
    cameras: tuple[str, ...] | None = None
    group: str | None = None

    @model_validator(mode="after")
    def _check_column(self) -> LerobotFormat:
        if (self.segments == "column") != (self.column is not None):
            raise ValueError("`column` (a column of the frames) goes with `segments: column`, and with no other")
        return self

    @property
    def needs_frames(self) -> bool:
        """Whether the tables of the frames are read, not only those of the episodes."""
        return self.segments != "episodes" or self.group is not None
