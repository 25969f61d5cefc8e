"""Renders annotated action videos of a table with their ground truth, for the demo, the tests and the study."""

from actionpairs.synthetic.actions import Verb
from actionpairs.synthetic.conditions import Conditions
from actionpairs.synthetic.frame_index import decode_frame_index
from actionpairs.synthetic.outcomes import EditScore, Outcome, find_changed_pixels, render_outcomes, score_edit
from actionpairs.synthetic.rendering import RenderedSet, RenderedVideo, render_pairs, render_set, render_video
from actionpairs.synthetic.static_edits import StaticEdit, render_static_edits
from actionpairs.synthetic.truth import (
    Arguments,
    Blemish,
    MomentTruth,
    SegmentTruth,
    ThingTruth,
    Truth,
    VideoTruth,
    load_truth,
)

__all__ = [
    "Arguments",
    "Blemish",
    "Conditions",
    "EditScore",
    "MomentTruth",
    "Outcome",
    "RenderedSet",
    "RenderedVideo",
    "SegmentTruth",
    "StaticEdit",
    "ThingTruth",
    "Truth",
    "Verb",
    "VideoTruth",
    "decode_frame_index",
    "find_changed_pixels",
    "load_truth",
    "render_outcomes",
    "render_pairs",
    "render_set",
    "render_static_edits",
    "render_video",
    "score_edit",
]
