"""The tabletop: annotated action videos with known truth, rendered for demo, tests and studies."""

from actionpairs.tabletop.frame_index import read_frame_index
from actionpairs.tabletop.rendering import RenderedSet, RenderedVideo, paint_pairs, render_set, render_video
from actionpairs.tabletop.truth import (
    Arguments,
    Blemish,
    MomentTruth,
    SegmentTruth,
    ThingTruth,
    Truth,
    VideoTruth,
    read_truth,
)

__all__ = [
    "Arguments",
    "Blemish",
    "MomentTruth",
    "RenderedSet",
    "RenderedVideo",
    "SegmentTruth",
    "ThingTruth",
    "Truth",
    "VideoTruth",
    "paint_pairs",
    "read_frame_index",
    "read_truth",
    "render_set",
    "render_video",
]
