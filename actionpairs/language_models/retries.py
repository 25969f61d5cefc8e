"""How long to wait before a question is sent again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from threading import Event, Lock

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 30.0
# What a server may ask for. openai-python (pull request 3555) has the same limit: longer waits are hours or days.
LONGEST_ASKED_SECONDS = 120.0


def asked_wait(headers: Mapping[str, str], *, now: float) -> float | None:
    """The seconds that a server asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date.

    None if it asks for nothing that can be read. now: seconds since 1970.
    """
    milliseconds, after = _number(headers.get("retry-after-ms", "")), headers.get("retry-after", "")
    seconds = milliseconds / 1000 if milliseconds is not None else _number(after)
    if seconds is None and after:
        try:
            seconds = max(parsedate_to_datetime(after).timestamp() - now, 0.0)
        except (ValueError, OverflowError, TypeError):
            return None
    return seconds


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def backoff(attempt: int, *, digest: str) -> float:
    """The wait after a failed attempt (the first is 1): doubled each time, and spread by the question's digest."""
    spread = 0.75 + int(digest[attempt : attempt + 4], 16) / 0xFFFF / 2  # [0.75, 1.25]
    return min(_FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1), _LONGEST_WAIT_SECONDS) * spread


class Pause:
    """The time before which no thread may send: a rate limit is one for all questions."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._until = 0.0

    def extend(self, seconds: float) -> None:
        """Pause for so many seconds from now, or longer if that was agreed before."""
        with self._lock:
            self._until = max(self._until, time.monotonic() + seconds)

    def wait(self, *, stopped: Event) -> None:
        """Wait until the pause is over, or until stopped."""
        while (left := self._until - time.monotonic()) > 0:
            if stopped.wait(left):
                return
