"""An episode is the plan of one video: its scene, the actions in it, and their times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actionpairs.synthetic.actions import VERBS, Action, Verb, choose_action
from actionpairs.synthetic.camera import choose_camera
from actionpairs.synthetic.conditions import CLEAN, Conditions
from actionpairs.synthetic.scene import Scene, add_clutter, compose_scene
from actionpairs.synthetic.world import CameraKind

_SHORT: tuple[Verb, ...] = ("take", "put", "open", "close", "check")

_LEANS = (0.26, 0.40, 0.54, 0.68)  # radians; few values, so that rendered arms can be cached


@dataclass(frozen=True, slots=True)
class EpisodeSegment:
    """One annotated action: its times [start, stop) in hundredths of a second, its first and its last frame."""

    id: str
    action: Action
    narrated: int  # hundredths of a second
    start: int
    stop: int
    first_frame: int
    last_frame: int
    heading: float  # radians on the table in which the arm reaches
    left_handed: bool


@dataclass(frozen=True, slots=True)
class Episode:
    """Everything that happens in one video, without pixels."""

    video_id: str
    camera_kind: CameraKind
    frame_rate: int
    frame_count: int
    scene: Scene
    segments: tuple[EpisodeSegment, ...]
    conditions: Conditions = CLEAN

    @property
    def participant_id(self) -> str:
        """The participant. All of their videos have the same table, light and sleeve."""
        return self.video_id.split("_")[0]


def name_video(index: int) -> str:
    """Return the EPIC-style id of the index-th video. Participants have three and two videos in turn."""
    participant, left = 1, index
    while left >= (size := 2 + participant % 2):
        left -= size
        participant += 1
    return f"P{participant:02d}_{left + 1:02d}"


def make_generator(seed: int, camera_kind: CameraKind, part: str, number: int) -> np.random.Generator:
    """Return the random generator of one part of one video (or participant); the same in every process."""
    words = [seed, 0 if camera_kind == "fixed" else 1, *part.encode(), number]
    return np.random.default_rng(np.random.SeedSequence(words))


def plan_episode(  # 8 parameters: the episode depends on each of them
    *,
    seed: int,
    camera_kind: CameraKind,
    index: int,
    actions: int,
    size: tuple[int, int],
    frame_rate: int,
    verbs: Sequence[Verb] = VERBS,
    conditions: Conditions = CLEAN,
) -> Episode:
    """Plan the episode of the index-th video of a set."""
    rng = make_generator(seed, camera_kind, "script", index)
    margin = 0.03 if camera_kind == "fixed" else 0.06 * conditions.camera_motion
    scene = add_clutter(rng, compose_scene(rng, choose_camera(rng, camera_kind, size), margin), conditions.clutter)
    video_id = name_video(index)
    world = scene.opening
    clock = int(rng.integers(35, 90))
    done: list[Verb] = []
    segments: list[EpisodeSegment] = []
    for number in range(actions):
        action = choose_action(rng, scene, world, done, verbs)
        segments.append(_plan_segment(rng, f"{video_id}_{number}", action, clock, frame_rate))
        world = action.after
        done.append(action.verb)
        clock = segments[-1].stop + int(rng.integers(25, 70))
    frame_count = -(-(clock + 20) * frame_rate // 100)
    return Episode(video_id, camera_kind, frame_rate, frame_count, scene, tuple(segments), conditions)


def _plan_segment(
    rng: np.random.Generator, segment_id: str, action: Action, start: int, frame_rate: int
) -> EpisodeSegment:
    """Choose a segment's length and arm; start is in hundredths of a second."""
    length = int(rng.integers(120, 235) if action.verb in _SHORT else rng.integers(170, 281))
    stop = start + length
    left_handed = bool(rng.random() < 0.3)
    lean = _LEANS[int(rng.integers(0, len(_LEANS)))]
    return EpisodeSegment(
        id=segment_id,
        action=action,
        narrated=max(0, start - int(rng.integers(5, 60))),
        start=start,
        stop=stop,
        first_frame=-(-start * frame_rate // 100),
        last_frame=-(-stop * frame_rate // 100) - 1,
        heading=float(np.pi / 2) + (-lean if left_handed else lean),
        left_handed=left_handed,
    )
