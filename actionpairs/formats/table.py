"""The config of your own tables."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from actionpairs.formats.base import Annotations, Rate
from actionpairs.keys import Config


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
