"""The `extract` section of a recipe: from annotation files and videos to frame pairs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from actionpairs.configs.frames import FramesConfig
from actionpairs.formats import AnnotationFormat
from actionpairs.keys import Config, Positive, Share, Weight


class SelectConfig(Config):
    """Which segments are selected, before any video is opened. A list that is null selects all.

    Names are those of the segments (class keys, participants). min_clips_per_action is applied last, to the
    segments that the other rules keep.
    """

    min_seconds: Weight = 0.0
    max_seconds: float = float("inf")
    min_clips_per_action: Positive = 1
    groups: tuple[str, ...] | None = None
    verbs: tuple[str, ...] | None = None
    nouns: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None
    drop_groups: tuple[str, ...] = ()
    drop_verbs: tuple[str, ...] = ()
    drop_nouns: tuple[str, ...] = ()
    drop_actions: tuple[str, ...] = ()


class PictureConfig(Config):
    """How a decoded frame becomes a JPEG. Pictures are scaled down, never up.

    hdr: PQ and HLG are refused, or tone-mapped to BT.709. Dolby Vision profile 5 is always refused.
    """

    short_side: Positive = 512
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    chroma: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:4:4"
    hdr: Literal["refuse", "tonemap"] = "refuse"


class ReleasedFramesConfig(Config):
    """How a data set numbers the JPEGs that it releases instead of videos.

    rate: frame n is at n / rate seconds; "epic" is 60 per second for EPIC-KITCHENS' videos of 2018, whose
    names end in two digits, and 50 for the later ones. pattern: the file name of frame n.
    """

    rate: Literal["epic"] | Annotated[float, Field(gt=0)] = "epic"
    pattern: str = "frame_{:010d}.jpg"

    @field_validator("pattern")
    @classmethod
    def _has_one_number(cls, pattern: str) -> str:
        if pattern.count("{") != 1 or not pattern.format(7).count("7"):
            raise ValueError("needs one number, for example frame_{:010d}.jpg")
        return pattern


class ExtractConfig(Config):
    """From annotation files and videos to frame pairs.

    follow_links: also open symbolic links that point outside the videos folder. time_zero: time 0 of the
    annotations is the first frame (as in players), or pts 0 of the file. released_frames: the numbering of the
    JPEGs of --frames. frames: which two frames are a pair. past_end_seconds: how far a segment may extend past the
    end of its video. max_rejected: the run stops if a larger share of the segments fails.
    """

    annotations: AnnotationFormat
    follow_links: bool = False
    select: SelectConfig = SelectConfig()
    pictures: PictureConfig = PictureConfig()
    time_zero: Literal["first frame", "pts"] = "first frame"
    released_frames: ReleasedFramesConfig = ReleasedFramesConfig()
    frames: FramesConfig = FramesConfig()
    past_end_seconds: Weight = 0.5
    max_rejected: Share = 1.0

    @model_validator(mode="after")
    def _lengths_are_known(self) -> ExtractConfig:
        limited = self.select.min_seconds > 0 or self.select.max_seconds < float("inf")
        if limited and self.annotations.format == "ssv2":
            raise ValueError("ssv2 annotates whole clips without lengths: remove min_seconds and max_seconds")
        return self

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The keys and values, without `frames` where it is the default: older pairs folders keep their digest."""
        content = super().model_dump(**options)
        if self.frames == FramesConfig():
            content.pop("frames", None)
        return content
