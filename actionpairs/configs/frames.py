"""The key `extract.frames` of a recipe: which two frames of a segment are a pair."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from actionpairs.keys import Config, Positive

_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class FramesConfig(Config):
    """Which two frames of a segment are a pair; docs/extraction.md defines each rule.

    rule: the first and the last frame, or a frame and the one that is `seconds` or `frames` ahead of it. pairs:
    how many such pairs of a segment, at even distances. every_seconds: in place of `pairs`, one pair so often.
    choose: of the frames within `within_seconds` of each of the two times, the sharpest or the stillest one; null
    takes the frames at these times.
    """

    rule: Literal["first and last", "ahead"] = "first and last"
    seconds: _Seconds | None = None
    frames: Positive | None = None
    pairs: Annotated[int, Field(gt=0, le=1000)] = 1
    every_seconds: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] | None = None
    choose: Literal["sharpest", "still"] | None = None
    within_seconds: _Seconds | None = None

    @model_validator(mode="after")
    def _check_rule(self) -> FramesConfig:
        if self.rule == "ahead":
            if (self.seconds is None) == (self.frames is None):
                raise ValueError("`rule: ahead` needs `seconds` or `frames`, one of the two")
            if self.pairs > 1 and self.every_seconds is not None:
                raise ValueError("`pairs` and `every_seconds` exclude each other")
        elif (self.seconds, self.frames, self.pairs, self.every_seconds) != (None, None, 1, None):
            raise ValueError("`seconds`, `frames`, `pairs` and `every_seconds` go with `rule: ahead`")
        if (self.choose is None) != (self.within_seconds is None):
            raise ValueError("`choose` and `within_seconds` go together")
        return self
