"""Renders one video, or a whole set with its annotations and ground truth."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from actionpairs.opencv import one_thread
from actionpairs.synthetic.actions import VERBS, Verb
from actionpairs.synthetic.animation import compute_moment
from actionpairs.synthetic.annotation_files import EPIC_COLUMNS, format_csv, make_epic_rows, make_mpii_rows
from actionpairs.synthetic.camera import Camera, iter_cameras
from actionpairs.synthetic.conditions import CLEAN, Conditions
from actionpairs.synthetic.encoding import encode_video
from actionpairs.synthetic.episode import Episode, make_generator, name_video, plan_episode
from actionpairs.synthetic.frame_index import stamp_frame_index
from actionpairs.synthetic.frame_renderer import FrameRenderer, choose_style
from actionpairs.synthetic.pair_plan import PairPlan, plan_pairs
from actionpairs.synthetic.truth import Arguments, Truth, VideoTruth, format_truth, load_truth
from actionpairs.synthetic.video_truth import compute_video_truth
from actionpairs.synthetic.world import CameraKind

EDITION = 1  # increased whenever the same arguments give other bytes than before


@dataclass(frozen=True, slots=True)
class RenderedVideo:
    """One rendered video: its file, its episode and its ground truth."""

    path: Path
    episode: Episode
    truth: VideoTruth


@dataclass(frozen=True, slots=True)
class RenderedSet:
    """A rendered set: the paths of its videos, annotations and ground truth, and its number of segments."""

    folder: Path
    videos: Path
    epic100: Path
    mpii: Path
    truth: Path
    segment_count: int

    @classmethod
    def in_folder(cls, folder: Path, *, segment_count: int) -> RenderedSet:
        """Return the paths of a set below a folder."""
        annotations = folder / "annotations"
        return cls(
            folder=folder,
            videos=folder / "videos",
            epic100=annotations / "epic100.csv",
            mpii=annotations / "mpii.csv",
            truth=folder / "truth.json",
            segment_count=segment_count,
        )


def render_set(  # 11 parameters: the fields of Arguments, which truth.json records
    out: Path,
    *,
    camera: CameraKind,
    videos: int,
    actions_per_video: int,
    seed: int,
    size: tuple[int, int] = (640, 360),
    frame_rate: int = 30,
    workers: int = 1,
    frame_index_in_pixels: bool = False,
    blemishes: bool = False,
    verbs: tuple[Verb, ...] = VERBS,
) -> RenderedSet:
    """Render a set of annotated videos with their ground truth. Files that are already there are kept.

    size: width and height in pixels. verbs: the actions in the videos; "check" where none of them is possible.
    """
    arguments = Arguments(
        EDITION,
        camera,
        videos,
        actions_per_video,
        seed,
        size,
        frame_rate,
        frame_index_in_pixels,
        blemishes,
        verbs,
    )
    rendered = RenderedSet.in_folder(out, segment_count=videos * actions_per_video)
    if not _has_annotations(rendered, arguments):
        _write_annotations(rendered, arguments)
    missing = [index for index in range(videos) if not _video_path(rendered, index).exists()]
    _render_missing(rendered, arguments, missing, workers)
    return rendered


def render_video(  # 9 parameters: those of render_set that concern one video
    path: Path,
    *,
    camera: CameraKind,
    actions: int,
    seed: int,
    index: int = 0,
    size: tuple[int, int] = (640, 360),
    frame_rate: int = 30,
    frame_index_in_pixels: bool = False,
    verbs: tuple[Verb, ...] = VERBS,
) -> RenderedVideo:
    """Render the index-th video of a set to a file."""
    episode = plan_episode(
        seed=seed,
        camera_kind=camera,
        index=index,
        actions=actions,
        size=size,
        frame_rate=frame_rate,
        verbs=verbs,
    )
    cameras = compute_cameras(episode, seed, index)
    pictures = _render_frames(episode, cameras, seed, index, stamped=frame_index_in_pixels)
    encode_video(path, pictures, size=size, frame_rate=frame_rate)
    return RenderedVideo(path, episode, compute_video_truth(episode, cameras))


class PairOptions(TypedDict):
    """What the pairs of one video depend on: those of render_video without its file, and the conditions."""

    camera: CameraKind
    actions: int
    seed: int
    index: int
    size: tuple[int, int]
    frame_rate: NotRequired[int]
    conditions: NotRequired[Conditions]


@dataclass(frozen=True, slots=True)
class PairScene:
    """One video as it is planned: its episode, the camera of every frame, its renderer, and its pairs."""

    episode: Episode
    cameras: list[Camera]
    renderer: FrameRenderer
    pairs: tuple[PairPlan, ...]


def plan_scene(options: PairOptions, *, noisy: bool) -> PairScene:
    """Plan the index-th video of a set. Without noise, rendering a frame twice gives the same pixels."""
    camera, seed, index = options["camera"], options["seed"], options["index"]
    episode = plan_episode(
        seed=seed,
        camera_kind=camera,
        index=index,
        actions=options["actions"],
        size=options["size"],
        frame_rate=options.get("frame_rate", 30),
        conditions=options.get("conditions", CLEAN),
    )
    cameras = compute_cameras(episode, seed, index)
    renderer = make_renderer(episode, seed, index, noisy=noisy)
    pairs = plan_pairs(make_generator(seed, camera, "pairs", index), episode, cameras)
    return PairScene(episode, cameras, renderer, tuple(pairs))


def render_pairs(
    **options: Unpack[PairOptions],
) -> Iterator[tuple[PairPlan, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Render only the first and the last frame of every instruction of the index-th video of a set.

    Pictures are H W 3 RGB. Their noise is not that of the video, which depends on the frames before.
    """
    scene = plan_scene(options, noisy=True)
    for pair in scene.pairs:
        before, after = (
            scene.renderer.render(scene.cameras[frame], compute_moment(scene.episode, frame))
            for frame in (pair.first_frame, pair.last_frame)
        )
        yield pair, before, after


def _render_frames(
    episode: Episode, cameras: list[Camera], seed: int, index: int, *, stamped: bool
) -> Iterator[npt.NDArray[np.uint8]]:
    renderer = make_renderer(episode, seed, index)
    for frame, camera in enumerate(cameras):
        picture = renderer.render(camera, compute_moment(episode, frame))
        if stamped:
            stamp_frame_index(picture, frame)
        yield picture


def make_renderer(episode: Episode, seed: int, index: int, *, noisy: bool = True) -> FrameRenderer:
    """Make the renderer of the index-th video. Without noise, rendering a frame twice gives the same pixels."""
    participant = int(episode.participant_id[1:])
    kind = episode.camera_kind
    style = choose_style(
        make_generator(seed, kind, "style", participant), participant, episode.scene.camera.size[1]
    )
    style = style if noisy else replace(style, noise=0.0)
    return FrameRenderer(episode.scene, style, make_generator(seed, kind, "pixels", index))


def compute_cameras(episode: Episode, seed: int, index: int) -> list[Camera]:
    """Return the camera of every frame of the index-th video."""
    rng = make_generator(seed, episode.camera_kind, "camera", index)
    motion = episode.conditions.camera_motion
    return list(
        iter_cameras(
            rng, episode.scene.camera, episode.camera_kind, episode.frame_count, episode.frame_rate, motion
        )
    )


def _video_path(rendered: RenderedSet, index: int) -> Path:
    return rendered.videos / f"{name_video(index)}.MP4"


def _has_annotations(rendered: RenderedSet, arguments: Arguments) -> bool:
    """Return whether the folder has the annotations and the ground truth of these arguments."""
    if not (rendered.epic100.exists() and rendered.mpii.exists() and rendered.truth.exists()):
        return False
    try:
        return load_truth(rendered.truth).arguments == arguments
    except (ValueError, KeyError, TypeError):
        return False  # a truth.json of another edition, or an invalid one


def _write_annotations(rendered: RenderedSet, arguments: Arguments) -> None:
    """Write annotations, and truth.json last; delete videos of other arguments."""
    rendered.truth.unlink(missing_ok=True)
    rendered.videos.mkdir(parents=True, exist_ok=True)
    rendered.epic100.parent.mkdir(parents=True, exist_ok=True)
    for stale in rendered.videos.glob("P*.MP4"):
        stale.unlink()
    episodes = [
        plan_episode(
            seed=arguments.seed,
            camera_kind=arguments.camera,
            index=index,
            actions=arguments.actions_per_video,
            size=arguments.size,
            frame_rate=arguments.frame_rate,
            verbs=arguments.verbs,
        )
        for index in range(arguments.videos)
    ]
    rows, blemishes = make_epic_rows(episodes, blemishes=arguments.blemishes)
    videos = tuple(
        compute_video_truth(episode, compute_cameras(episode, arguments.seed, index))
        for index, episode in enumerate(episodes)
    )
    _write_atomically(rendered.epic100, format_csv(rows, EPIC_COLUMNS))
    _write_atomically(rendered.mpii, format_csv(make_mpii_rows(episodes)))
    _write_atomically(rendered.truth, format_truth(Truth(arguments, videos, tuple(blemishes))))


def _write_atomically(path: Path, text: str) -> None:
    """Write a temporary file, then rename it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)


def _render_missing(rendered: RenderedSet, arguments: Arguments, missing: list[int], workers: int) -> None:
    if workers <= 1 or len(missing) <= 1:
        for index in missing:
            _render_one(rendered, arguments, index)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(missing)), mp_context=context) as pool:
        jobs = [pool.submit(_render_one, rendered, arguments, index) for index in missing]
        for job in jobs:
            job.result()


def _render_one(rendered: RenderedSet, arguments: Arguments, index: int) -> None:
    with one_thread():
        render_video(
            _video_path(rendered, index),
            camera=arguments.camera,
            actions=arguments.actions_per_video,
            seed=arguments.seed,
            index=index,
            size=arguments.size,
            frame_rate=arguments.frame_rate,
            frame_index_in_pixels=arguments.frame_index_in_pixels,
            verbs=arguments.verbs,
        )
