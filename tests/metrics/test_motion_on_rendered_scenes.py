"""Motion alignment on scenes whose motion is known: the truth is 100, a copy 0, the reverse below half."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from actionpairs.metrics import motion
from actionpairs.metrics.metric import EditBatch
from actionpairs.synthetic.animation import Moment
from actionpairs.synthetic.episode import Episode, make_generator, plan_episode
from actionpairs.synthetic.frame_renderer import FrameRenderer, choose_style
from actionpairs.synthetic.world import World, replace_placement

SIDE = 256


def render(episode: Episode, world: World, *, noise: int) -> np.ndarray:
    """A world without the hand, each with a sensor's noise of its own: SIDE SIDE 3 uint8."""
    style = choose_style(make_generator(3, episode.camera_kind, "style", 1), 1, SIDE)
    renderer = FrameRenderer(episode.scene, style, np.random.default_rng(noise))
    return renderer.render(episode.scene.camera, Moment(world, None, None))


def moves(camera: str) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The input, the truth, and the same thing moved as far the other way."""
    for index in range(4):
        episode = plan_episode(
            seed=3, camera_kind=camera, index=index, actions=6, size=(SIDE, SIDE), frame_rate=30
        )
        for action in (segment.action for segment in episode.segments):
            if action.verb.startswith("move"):
                here, there = action.before[action.acted], action.after[action.acted]
                back = replace(here, x=2 * here.x - there.x, y=2 * here.y - there.y)
                worlds = action.before, action.after, replace_placement(action.before, action.acted, back)
                before, after, reverse = (render(episode, world, noise=i) for i, world in enumerate(worlds))
                yield before, after, reverse


@pytest.mark.parametrize("camera", ["fixed", "head"])
def test_motion_alignment_tells_the_truth_from_a_copy_and_from_the_reverse(camera: str) -> None:
    originals, truths, reverses = (np.stack(pictures) for pictures in zip(*moves(camera), strict=True))
    keys = tuple(f"{number}" for number in range(len(originals)))
    values = {
        name: motion.MotionAlignment().score(EditBatch(keys, keys, keys, originals, edits, truths)).values
        for name, edits in {"truth": truths, "copy": originals, "reverse": reverses}.items()
    }
    assert len(keys) >= 3
    assert values["truth"][motion.COLUMN.name] == pytest.approx(100)
    assert (values["copy"][motion.COLUMN.name] == 0).all()
    assert (values["reverse"][motion.COLUMN.name] < 50).all()
