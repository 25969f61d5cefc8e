"""The keys of formats that state one time per text, not a span."""

from __future__ import annotations

from pydantic import Field

from actionpairs.keys import Config


class PointTimes(Config):
    """How one time becomes a span; the rule is ours.

    before_seconds, after_seconds: the span around the time. until_next: the span ends at the next time of the same
    annotation, if that is earlier.
    """

    before_seconds: float = Field(ge=0)
    after_seconds: float = Field(gt=0)
    until_next: bool
