"""The tabletop: annotated action videos with known truth, rendered for demo, tests and studies."""

from actionpairs.synthetic.actions import Verb
from actionpairs.synthetic.frame_index import read_frame_index
from actionpairs.synthetic.outcomes import Outcome, Verdict, differ, judge, paint_outcomes
from actionpairs.synthetic.rendering import RenderedSet, RenderedVideo, paint_pairs, render_set, render_video
from actionpairs.synthetic.static import StaticEdit, paint_static_edits
from actionpairs.synthetic.truth import (
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
    "Outcome",
    "RenderedSet",
    "RenderedVideo",
    "SegmentTruth",
    "StaticEdit",
    "ThingTruth",
    "Truth",
    "Verb",
    "Verdict",
    "VideoTruth",
    "differ",
    "judge",
    "paint_outcomes",
    "paint_pairs",
    "paint_static_edits",
    "read_frame_index",
    "read_truth",
    "render_set",
    "render_video",
]
