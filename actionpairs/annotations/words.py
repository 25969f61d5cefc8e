"""Check the texts of an annotation, and convert keys such as `put-down` to plain words."""

from __future__ import annotations

from functools import lru_cache

from actionpairs.annotations.times import quoted

_LONGEST = 2000  # characters; a longer text is not one action's name or description


def text(value: object, what: str) -> str:
    """The text of a cell, stripped; empty for None. Raises ValueError if it is no text or cannot be stored."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        value = quoted(value) if isinstance(value, float) else str(value)
    if not isinstance(value, str):
        raise ValueError(f"{what} is {quoted(value)}, not a text")
    if len(value) > _LONGEST:
        raise ValueError(f"{what} has {len(value)} characters")
    if not value.isprintable():
        _refuse_unwritable(value, what)
    return value.strip()


def _refuse_unwritable(value: str, what: str) -> None:
    if "\0" in value:
        raise ValueError(f"{what} holds a NUL: {quoted(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half a character: {quoted(value)}") from None


@lru_cache(maxsize=1 << 14)
def spoken(key: str) -> str:
    r"""A key, or several, as plain words.

    `put-down` is put down, `box:lunch` is lunch box, `take_bowl` is take bowl, `take \& put` is take and put,
    `open/close` is open or close.
    """
    parts = [key] if ": " in key else key.split()  # a colon turns its own word round, or a sentence
    words = " ".join(" ".join(reversed(part.split(":"))) for part in parts)
    for mark, replacement in (("\\&", " and "), ("&", " and "), ("/", " or "), ("_", " "), ("-", " ")):
        words = words.replace(mark, replacement)
    return " ".join(words.split())
