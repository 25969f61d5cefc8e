"""The rendering of one video and of a whole set, with its annotations and truth."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.actions import VERBS, Verb
from actionpairs.synthetic.annotations import EPIC_COLUMNS, format_rows, write_epic_rows, write_mpii_rows
from actionpairs.synthetic.camera import Camera, follow_camera
from actionpairs.synthetic.encoding import encode_video
from actionpairs.synthetic.frame_index import stamp_frame_index
from actionpairs.synthetic.measuring import measure_video
from actionpairs.synthetic.motion import show_moment
from actionpairs.synthetic.paint import Painter, choose_style
from actionpairs.synthetic.script import Script, Segment, name_video, seed_generator, write_script
from actionpairs.synthetic.truth import Arguments, Truth, VideoTruth, format_truth, read_truth
from actionpairs.synthetic.world import CameraKind

EDITION = 1  # raised whenever the same arguments would give other bytes than before


@dataclass(frozen=True, slots=True)
class RenderedVideo:
    """One rendered video: its file, what happens in it, and the truth of its segments."""

    path: Path
    script: Script
    truth: VideoTruth


@dataclass(frozen=True, slots=True)
class RenderedSet:
    """A rendered set: where its videos, annotations and truth lie, and how many segments it has."""

    folder: Path
    videos: Path
    epic100: Path
    mpii: Path
    truth: Path
    segment_count: int


def render_set(
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
    """Render a set of annotated videos with their truth; what is already whole is left alone.

    verbs: what is done in them; where nothing of that can be done, something is checked.
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
    rendered = RenderedSet(
        folder=out,
        videos=out / "videos",
        epic100=out / "annotations" / "epic100.csv",
        mpii=out / "annotations" / "mpii.csv",
        truth=out / "truth.json",
        segment_count=videos * actions_per_video,
    )
    if not _is_described(rendered, arguments):
        _describe_set(rendered, arguments)
    missing = [index for index in range(videos) if not _place_video(rendered, index).exists()]
    _render_missing(rendered, arguments, missing, workers)
    return rendered


def render_video(
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
    script = write_script(
        seed=seed,
        camera_kind=camera,
        index=index,
        actions=actions,
        size=size,
        frame_rate=frame_rate,
        verbs=verbs,
    )
    cameras = place_cameras(script, seed, index)
    pictures = _paint_frames(script, cameras, seed, index, stamped=frame_index_in_pixels)
    encode_video(path, pictures, size=size, frame_rate=frame_rate)
    return RenderedVideo(path, script, measure_video(script, cameras))


def paint_pairs(
    *, camera: CameraKind, actions: int, seed: int, index: int, size: tuple[int, int], frame_rate: int = 30
) -> Iterator[tuple[Segment, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Paint the first and the last frame of every action of the index-th video of a set, and none between.

    Pictures are H W 3 RGB. Their grain is not the video's, which depends on the frames before.
    """
    script = write_script(
        seed=seed, camera_kind=camera, index=index, actions=actions, size=size, frame_rate=frame_rate
    )
    cameras = place_cameras(script, seed, index)
    painter = hire_painter(script, seed, index)
    for segment in script.segments:
        before, after = (
            painter.paint(cameras[frame], show_moment(script, frame))
            for frame in (segment.first_frame, segment.last_frame)
        )
        yield segment, before, after


def _paint_frames(
    script: Script, cameras: list[Camera], seed: int, index: int, *, stamped: bool
) -> Iterator[npt.NDArray[np.uint8]]:
    painter = hire_painter(script, seed, index)
    for frame, camera in enumerate(cameras):
        picture = painter.paint(camera, show_moment(script, frame))
        if stamped:
            stamp_frame_index(picture, frame)
        yield picture


def hire_painter(script: Script, seed: int, index: int, *, grainy: bool = True) -> Painter:
    """Give the painter of the index-th video; without grain, what is painted twice is the same twice."""
    participant = int(script.participant_id[1:])
    kind = script.camera_kind
    style = choose_style(
        seed_generator(seed, kind, "style", participant), participant, script.scene.camera.size[1]
    )
    style = style if grainy else replace(style, noise=0.0)
    return Painter(script.scene, style, seed_generator(seed, kind, "pixels", index))


def place_cameras(script: Script, seed: int, index: int) -> list[Camera]:
    """Give the camera of every frame of the index-th video."""
    rng = seed_generator(seed, script.camera_kind, "camera", index)
    return list(follow_camera(rng, script.scene.camera, script.camera_kind, script.frame_count, script.frame_rate))


def _place_video(rendered: RenderedSet, index: int) -> Path:
    return rendered.videos / f"{name_video(index)}.MP4"


def _is_described(rendered: RenderedSet, arguments: Arguments) -> bool:
    """Say whether the folder's annotations and truth belong to these arguments."""
    if not (rendered.epic100.exists() and rendered.mpii.exists() and rendered.truth.exists()):
        return False
    try:
        return read_truth(rendered.truth).arguments == arguments
    except (ValueError, KeyError, TypeError):
        return False  # a truth of another edition, or none at all


def _describe_set(rendered: RenderedSet, arguments: Arguments) -> None:
    """Write annotations and truth, the truth last; videos of other arguments go."""
    rendered.truth.unlink(missing_ok=True)
    rendered.videos.mkdir(parents=True, exist_ok=True)
    rendered.epic100.parent.mkdir(parents=True, exist_ok=True)
    for stale in rendered.videos.glob("P*.MP4"):
        stale.unlink()
    scripts = [
        write_script(
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
    rows, listed = write_epic_rows(scripts, blemishes=arguments.blemishes)
    measured = tuple(
        measure_video(script, place_cameras(script, arguments.seed, index)) for index, script in enumerate(scripts)
    )
    _write_whole(rendered.epic100, format_rows(rows, EPIC_COLUMNS))
    _write_whole(rendered.mpii, format_rows(write_mpii_rows(scripts)))
    _write_whole(rendered.truth, format_truth(Truth(arguments, measured, tuple(listed))))


def _write_whole(path: Path, text: str) -> None:
    """Write a file that appears under its name only when whole."""
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
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the workers share the cores, and small pictures gain nothing
    try:
        render_video(
            _place_video(rendered, index),
            camera=arguments.camera,
            actions=arguments.actions_per_video,
            seed=arguments.seed,
            index=index,
            size=arguments.size,
            frame_rate=arguments.frame_rate,
            frame_index_in_pixels=arguments.frame_index_in_pixels,
            verbs=arguments.verbs,
        )
    finally:
        cv2.setNumThreads(threads)
