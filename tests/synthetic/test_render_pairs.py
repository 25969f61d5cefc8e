"""Pairs can be rendered without their video."""

import numpy as np

from actionpairs.synthetic import RenderedSet, render_pairs
from tests.synthetic.conftest import SIZE, decode


def test_rendered_pairs_are_the_frames_of_the_video_except_for_noise(fixed_set: RenderedSet) -> None:
    frames = [frame[:150].astype(float) for frame in decode(fixed_set.videos / "P01_02.MP4")]  # above the stamp
    pairs = list(render_pairs(camera="fixed", actions=3, seed=5, index=1, size=SIZE, frame_rate=20))
    assert [segment.id for segment, *_ in pairs] == [f"P01_02_{number}" for number in range(3)]
    for segment, before, after in pairs:
        first, last = frames[segment.first_frame], frames[segment.last_frame]
        assert np.abs(before[:150] - first).mean() < 4
        assert np.abs(after[:150] - last).mean() < 4
        if segment.action.verb != "check":
            assert np.abs(before[:150] - last).mean() > 1.2 * np.abs(before[:150] - first).mean()
