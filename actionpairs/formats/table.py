"""The config of your own tables."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from actionpairs.formats.base import Annotations, Rate
from actionpairs.keys import Config

TableUnit = Literal["seconds", "clock", "milliseconds", "microseconds", "frames", "timecode"]
_NEWER_KEYS = ("encoding", "separator", "decimal_comma", "sheet")


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
    """Text with any separator and a header, JSON, Excel, Parquet or Arrow; the file's content decides which.

    {narration} is the column `instruction`; {label} is verb and noun if the table has one of them, else the
    narration. columns, unit: `guess` goes by the names and values, and says what it takes. unit: `clock` takes
    `HH:MM:SS.ss`, `timecode` takes `HH:MM:SS:FF`. rate: for frames and timecode. first_frame: for frames.
    end_included: for both. encoding: of text that is neither UTF-8 nor has a byte order mark, such as cp1252.
    separator: of cells. decimal_comma: whether 1,5 is a number; null for tables separated by semicolons. sheet: of
    a workbook.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "verb", "noun", "label")

    format: Literal["table"]
    instruction: str = "{narration}"
    columns: TableColumns | Literal["guess"] = TableColumns()
    unit: TableUnit | Literal["guess"] = "seconds"
    rate: Rate | None = None
    first_frame: Literal[0, 1] = 0
    end_included: bool = False
    encoding: str | None = None
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal_comma: bool | None = None
    sheet: str | None = None

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, encoding: str | None) -> str | None:
        try:
            if encoding is None or "text".encode(encoding).decode(encoding) == "text":
                return encoding
        except (LookupError, UnicodeError, ValueError):
            pass
        raise ValueError(f"{encoding!r} is no encoding that Python knows, such as cp1252 or gb18030")

    @field_validator("separator")
    @classmethod
    def _check_separator(cls, separator: str | None) -> str | None:
        if separator is not None and separator in '"\r\n':
            raise ValueError("a quote or a line end cannot separate cells")
        return separator

    @model_validator(mode="after")
    def _check_rate(self) -> TableFormat:
        needs_rate = self.unit in ("frames", "timecode")
        if self.unit != "guess" and needs_rate != (self.rate is not None):
            raise ValueError(
                "`rate` (frames per second) goes with `unit: frames` and `timecode`, and no other unit"
            )
        if self.unit == "guess" and self.columns != "guess":
            raise ValueError("`unit: guess` goes with `columns: guess`")
        return self

    @model_validator(mode="after")
    def _check_columns(self) -> TableFormat:
        if not isinstance(self.columns, TableColumns):
            return self
        named = {"narration": self.columns.instruction, "verb": self.columns.verb, "noun": self.columns.noun}
        for field, column in named.items():
            if column is None and f"{{{field}}}" in self.instruction + self.action:
                raise ValueError(f"{{{field}}} is used, but `columns` names no column for it")
        if not any(named.values()):
            raise ValueError("`columns` must name `instruction`, `verb` or `noun`")
        return self

    @model_serializer(mode="wrap")
    def _without_newer_keys(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Pairs folders that were begun before there were these keys keep their digest."""
        content: dict[str, Any] = serialize(self)
        return {key: value for key, value in content.items() if key not in _NEWER_KEYS or value is not None}
