"""Renders LeRobot data sets whose frames carry their index; episodes are encoded and joined as lerobot does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import pyarrow as pa

from tests.annotations.examples.robots import (
    CAMERA,
    PATHS,
    TASKS,
    FolderExample,
    episode_rows,
    frame_rows,
    frames_bytes,
    info,
    table_bytes,
    v3_files,
)
from tests.conftest import draw_index

LENGTHS, FPS, SIZE = (37, 52, 41), 30, (256, 144)
CODECS = {"libx264": {"g": "2", "crf": "20"}, "libsvtav1": {"g": "2", "crf": "10", "preset": "12"}}


@dataclass(frozen=True)
class LerobotFolder:
    """A data set. lengths: of its episodes, in frames. firsts: the place in its file of each one's first frame."""

    root: Path
    lengths: tuple[int, ...]
    firsts: tuple[int, ...]


def encode_episode(path: Path, first: int, length: int, *, codec: str, fps: int = FPS) -> float:
    """Write frames first … first + length - 1 as lerobot's encoder does; returns the video's length in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=CODECS[codec])
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(first, first + length):
            picture = draw_index(number, width=SIZE[0], height=SIZE[1])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return float(stream.duration * stream.time_base)


def join(parts: Sequence[Path], path: Path) -> None:
    """Copy the packets of several videos into one (lerobot's video_utils.py, concatenate_video_files)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listing = path.with_suffix(".ffconcat")
    listing.write_text("ffconcat version 1.0\n" + "".join(f"file '{part.resolve()}'\n" for part in parts))
    with (
        av.open(str(listing), format="concat", options={"safe": "0"}) as source,
        av.open(str(path), "w") as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        stream.time_base = source.streams.video[0].time_base
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    listing.unlink()


def render(
    root: Path, *, codec: str = "libx264", lengths: Sequence[int] = LENGTHS, second_file: int = 99
) -> LerobotFolder:
    """A v3.0 data set of one camera with subtasks, which change in the middle.

    second_file: the episode with which the second video file begins.
    """
    rows, files = episode_rows(lengths), [[], []]  # type: list[dict[str, object]], list[list[Path]]
    seconds = [0.0, 0.0]
    for index, length in enumerate(lengths):
        file = int(index >= second_file)
        part = root / f"parts/{index}.mp4"
        duration = encode_episode(part, sum(lengths[:index]), length, codec=codec)
        rows[index] |= {
            f"videos/{CAMERA}/file_index": file,
            f"videos/{CAMERA}/from_timestamp": seconds[file],
            f"videos/{CAMERA}/to_timestamp": seconds[file] + duration,
        }
        seconds[file] += duration
        files[file].append(part)
    for file, parts in enumerate(files):
        if parts:
            join(parts, root / PATHS["v3.0"][1].format(video_key=CAMERA, chunk_index=0, file_index=file))
    for part in (root / "parts").iterdir():
        part.unlink()
    write_tables(root, rows, lengths)
    begins = [0 if index < second_file else second_file for index in range(len(lengths))]
    firsts = [sum(lengths[begin:index]) for index, begin in enumerate(begins)]
    return LerobotFolder(root, tuple(lengths), tuple(firsts))


def write_tables(root: Path, rows: Sequence[dict[str, object]], lengths: Sequence[int] = LENGTHS) -> None:
    """Write meta/ and data/ of a v3.0 data set with subtasks."""
    frames = frame_rows(lengths, subtask_index=lambda index, frame: int(frame >= lengths[index] // 2))
    files = {
        **v3_files(rows, info("v3.0", subtask_index={"dtype": "int64", "shape": [1]})),
        "meta/subtasks.parquet": table_bytes("subtask", ["reach", "grasp it"]),
        "data/chunk-000/file-000.parquet": frames_bytes(frames, subtask_index=pa.int64()),
    }
    FolderExample({}, files, 0, 0, ("", 0, 0, "")).write(root)


def render_v21(root: Path) -> LerobotFolder:
    """A v2.1 data set of one camera: a file per episode."""
    rows = []
    for index, length in enumerate(LENGTHS):
        name = PATHS["v2.1"][1].format(episode_chunk=0, video_key=CAMERA, episode_index=index)
        encode_episode(root / name, sum(LENGTHS[:index]), length, codec="libx264")
        rows.append(json.dumps({"episode_index": index, "tasks": [TASKS[index]], "length": length}))
    (root / "meta").mkdir()
    (root / "meta/episodes.jsonl").write_text("\n".join(rows))
    (root / "meta/info.json").write_text(json.dumps(info("v2.1")))
    return LerobotFolder(root, LENGTHS, (0, 0, 0))
