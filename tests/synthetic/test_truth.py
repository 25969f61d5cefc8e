"""The truth agrees with the pixels."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from actionpairs.synthetic import MomentTruth, RenderedSet, SegmentTruth, ThingTruth, load_truth
from actionpairs.synthetic.actions import MIN_MOVE, list_actions
from actionpairs.synthetic.animation import compute_moment
from actionpairs.synthetic.camera import Camera, choose_camera
from actionpairs.synthetic.episode import Episode, make_generator, plan_episode
from actionpairs.synthetic.frame_renderer import FrameRenderer, choose_style
from actionpairs.synthetic.scene import compose_scene
from actionpairs.synthetic.truth import format_truth
from tests.synthetic.conftest import SIZE, decode

Picture = npt.NDArray[np.float32]
STAMPED = 14  # rows at the bottom that carry the frame index


def find_thing(moment: MomentTruth, thing_id: str) -> ThingTruth:
    return next(thing for thing in moment.things if thing.id == thing_id)


def load_pairs(rendered: RenderedSet) -> list[tuple[SegmentTruth, Picture, Picture]]:
    pairs = []
    for video in load_truth(rendered.truth).videos:
        pictures = [
            cv2.GaussianBlur(picture, (0, 0), 1.2)[:-STAMPED].astype(np.float32)
            for picture in decode(rendered.videos / f"{video.id}.MP4")
        ]
        pairs += [(one, pictures[one.first.frame], pictures[one.last.frame]) for one in video.segments]
    return pairs


def change_in_box(before: Picture, after: Picture, thing: ThingTruth) -> float:
    assert thing.box is not None
    left, top, right, bottom = (round(edge) for edge in thing.box)
    return float(np.abs(after - before)[top:bottom, left:right].mean())


def render_at(episode: Episode, seed: int, frame: int) -> Picture:
    """Render one frame of a fixed video with a still sensor."""
    rng = make_generator(seed, episode.camera_kind, "style", 1)
    renderer = FrameRenderer(episode.scene, choose_style(rng, 1, SIZE[1]), np.random.default_rng(0))
    return renderer.render(episode.scene.camera, compute_moment(episode, frame)).astype(np.float32)


def test_what_was_acted_on_changes_and_the_rest_stays(fixed_set: RenderedSet) -> None:
    for segment, before, after in load_pairs(fixed_set):
        change = np.abs(after - before).mean(axis=2)
        if not segment.moved:
            assert np.percentile(change, 99.9) < 9
            continue
        acted = [find_thing(moment, segment.acted) for moment in (segment.first, segment.last)]
        assert any(change_in_box(before, after, thing) > 8 for thing in acted if thing.box)
        assert np.median(change) < 3


def test_formatting_a_loaded_truth_gives_the_same_bytes(fixed_set: RenderedSet) -> None:
    assert format_truth(load_truth(fixed_set.truth)) == fixed_set.truth.read_text()
    assert fixed_set.truth.read_text().endswith("}\n")


def test_homography_carries_the_table_into_the_picture(head_set: RenderedSet) -> None:
    segment = load_truth(head_set.truth).videos[0].segments[0]
    moment = segment.last
    camera = Camera(moment.camera_position, moment.camera_target, moment.camera_roll, 1.80, SIZE)
    for x, y in ((0.0, 0.0), (0.2, -0.1), (-0.15, 0.2)):
        mapped = np.array(moment.table_to_pixels) @ (x, y, 1.0)
        assert mapped[:2] / mapped[2] == pytest.approx(camera.project_point(x, y, 0.0), abs=0.05)


def test_fixed_camera_rests_and_head_camera_wanders(fixed_set: RenderedSet, head_set: RenderedSet) -> None:
    fixed = [one for video in load_truth(fixed_set.truth).videos[:1] for one in video.segments]
    head = [one for video in load_truth(head_set.truth).videos for one in video.segments]
    assert len({one.first.table_to_pixels for one in fixed}) == 1
    assert all(one.first.table_to_pixels != one.last.table_to_pixels for one in head)


@pytest.mark.parametrize("camera", ["fixed", "head"])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_hand_is_out_of_view_next_to_both_ends(camera: str, index: int) -> None:
    episode = plan_episode(seed=21, camera_kind=camera, index=index, actions=6, size=SIZE, frame_rate=30)
    style = choose_style(make_generator(21, camera, "style", 1), 1, SIZE[1])
    for segment in episode.segments:
        for frame, world in (
            (segment.first_frame, segment.action.before),
            (segment.last_frame, segment.action.after),
        ):
            moment = compute_moment(episode, frame)
            assert moment.hand is None
            assert moment.world == world
        renderer = FrameRenderer(episode.scene, style, np.random.default_rng(0))
        second = compute_moment(episode, segment.first_frame + 1)
        bare = compute_moment(episode, segment.first_frame)
        with_hand = renderer.render(episode.scene.camera, second).astype(np.float32)
        without = renderer.render(episode.scene.camera, bare).astype(np.float32)
        assert cv2.GaussianBlur(np.abs(with_hand - without), (0, 0), 3).max() < 6


def test_hand_comes_into_view_in_the_middle() -> None:
    episode = plan_episode(seed=21, camera_kind="fixed", index=0, actions=4, size=SIZE, frame_rate=30)
    for segment in episode.segments:
        middle = (segment.first_frame + segment.last_frame) // 2
        with_hand = render_at(episode, 21, middle)
        bare = render_at(episode, 21, segment.first_frame)
        assert (np.abs(with_hand - bare).mean(axis=2) > 25).mean() > 0.02


def test_verbs_restricts_the_actions() -> None:
    size = {"size": SIZE, "frame_rate": 30}
    episodes = [
        plan_episode(seed=1, camera_kind="fixed", index=index, actions=20, verbs=("open", "close", "put"), **size)
        for index in range(4)
    ]
    done = [segment.action.verb for episode in episodes for segment in episode.segments]
    assert set(done) - {"check"} == {"open", "close", "put"}
    assert done.count("check") < done.count("open")
    assert "move-left" in {
        segment.action.verb
        for segment in plan_episode(seed=1, camera_kind="fixed", index=0, actions=20, **size).segments
    }


def test_moves_are_far_enough_to_be_seen() -> None:
    for index in range(6):
        rng = np.random.default_rng(index)
        scene = compose_scene(rng, choose_camera(rng, "fixed", (640, 360)), 0.03)
        for action in list_actions(rng, scene, scene.opening):
            if not action.verb.startswith("move"):
                continue
            spots = [
                scene.camera.project_point(world[action.acted].x, world[action.acted].y, 0.03)
                for world in (action.before, action.after)
            ]
            assert np.hypot(*np.subtract(*spots)) >= MIN_MOVE * 360 - 1e-6


def test_only_checks_leave_the_world_as_it_is() -> None:
    for index in range(8):
        episode = plan_episode(seed=2, camera_kind="head", index=index, actions=10, size=SIZE, frame_rate=30)
        for segment in episode.segments:
            unchanged = segment.action.before == segment.action.after
            assert unchanged == (segment.action.verb == "check")


def test_truth_lies_beside_the_videos(fixed_set: RenderedSet) -> None:
    assert fixed_set.truth == Path(fixed_set.folder / "truth.json")
    assert len(list(fixed_set.videos.glob("*.MP4"))) == len(load_truth(fixed_set.truth).videos)
