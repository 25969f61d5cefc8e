"""The words of an annotation: as a file may write them, and as people say them."""

from __future__ import annotations

from functools import lru_cache

from actionpairs.annotations.times import shown

_LONGEST = 2000  # characters; whatever is longer is not the name or the description of one action


def text(value: object, what: str) -> str:
    """The text of a cell, trimmed; empty for None. Raises ValueError where it is no text, or cannot be kept."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        value = shown(value) if isinstance(value, float) else str(value)
    if not isinstance(value, str):
        raise ValueError(f"{what} is {shown(value)}, not a text")
    if len(value) > _LONGEST:
        raise ValueError(f"{what} has {len(value)} characters")
    if not value.isprintable():
        _refuse_unwritable(value, what)
    return value.strip()


def _refuse_unwritable(value: str, what: str) -> None:
    if "\0" in value:
        raise ValueError(f"{what} holds a NUL: {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half a character: {shown(value)}") from None


@lru_cache(maxsize=1 << 14)
def spoken(key: str) -> str:
    r"""Say a key as people do.

    `put-down` is put down, `box:lunch` is lunch box, `take_bowl` is take bowl, `take \& put` is take and put,
    `open/close` is open or close.
    """
    words = " ".join(reversed(key.split(":")))
    for mark, said in (("\\&", " and "), ("&", " and "), ("/", " or "), ("_", " "), ("-", " ")):
        words = words.replace(mark, said)
    return " ".join(words.split())
