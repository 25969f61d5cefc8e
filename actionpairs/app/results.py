"""What a run has made so far, as the page shows it: pictures side by side, and one of them over the input."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ResultPicture:
    """One picture beside the others: its file, and what stands below it."""

    path: str
    caption: str


@dataclass(frozen=True, slots=True)
class Results:
    """The input as it was edited, its edits, and the real last frame if it is a sample's."""

    before: str
    edits: tuple[ResultPicture, ...] = ()
    real: ResultPicture | None = None
    selected: int = 0

    def with_edit(self, edit: ResultPicture) -> Results:
        """The same and one more edit, before the real last frame if that is there."""
        return replace(self, edits=(*self.edits, edit))

    def select(self, number: int) -> Results:
        """The same, with another picture over the input."""
        return replace(self, selected=min(number, len(self.pictures) - 1))

    @property
    def pictures(self) -> tuple[ResultPicture, ...]:
        """What is compared with the input."""
        return self.edits if self.real is None else (*self.edits, self.real)

    @property
    def gallery(self) -> list[tuple[str, str]]:
        """Files and captions."""
        return [(picture.path, picture.caption) for picture in self.pictures]

    @property
    def chosen(self) -> ResultPicture:
        """The picture over the input."""
        return self.pictures[self.selected]

    @property
    def pair(self) -> tuple[str, str]:
        """The files of the input and of the picture over it."""
        return self.before, self.chosen.path


def status(text: str, *, warnings: Sequence[str] = (), is_error: bool = False) -> str:
    """Lines of text as HTML that assistive programs read out when it changes."""
    lines = [
        f"<p>{html.escape(text)}</p>",
        *(f"<p class='warning'>Warning: {html.escape(line)}</p>" for line in warnings),
    ]
    role = "alert" if is_error else "status"
    return f"<div class='status{' error' if is_error else ''}' role='{role}'>{''.join(lines)}</div>"
