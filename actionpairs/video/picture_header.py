"""The header of one packet's picture, and what a parser of such headers does."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class HeaderError(ValueError):
    """A packet whose header cannot be parsed or is not supported; the message says what it holds."""


class PictureHeader(NamedTuple):
    """One packet's picture.

    Pictures are shown in the order of (sequence, order). is_shown: false for a picture that is only a reference.
    is_entry: decoding can start here, and later pictures come out as if decoded from the beginning.
    parameter_sets_changed: the packet replaces parameter sets of the sequence or the picture.
    """

    sequence: int
    order: int
    is_shown: bool = True
    is_entry: bool = False
    parameter_sets_changed: bool = False


class HeaderParser(Protocol):
    """Parses the packets of one stream, in order from the first."""

    def parse(self, data: memoryview) -> PictureHeader:
        """The header of a packet's picture; raises ValueError or IndexError if it cannot be parsed."""
