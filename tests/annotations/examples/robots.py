"""LeRobot data sets, with the files and columns that lerobot 0.4.4 (v3.0) and 0.3 (v2.1) write."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.annotations.examples.example import Example, json_bytes

PATHS = {
    "v2.1": (
        "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    ),
    "v3.0": (
        "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    ),
}
LENGTHS, TASKS, CAMERA = (
    (37, 52, 41),
    ("pick up the cup", "open the drawer", "close the door"),
    "observation.images.top",
)


@dataclass(frozen=True)
class FolderExample(Example):
    """A data set that is a folder."""

    def write(self, folder: Path) -> list[Path]:
        for name in self.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        return super().write(folder)


def parquet_bytes(rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None = None) -> bytes:
    """A Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema), sink)
    return sink.getvalue()


def info(version: str, *, cameras: Sequence[str] = (CAMERA,), fps: float = 30, **more: Any) -> dict[str, Any]:
    """The content of info.json. more: further features."""
    videos = {
        camera: {"dtype": "video", "shape": [144, 256, 3], "names": ["height", "width", "channels"]}
        for camera in cameras
    }
    numbers = {name: {"dtype": "int64", "shape": [1], "names": None} for name in ("episode_index", "task_index")}
    data_path, video_path = PATHS[version]
    return {
        "codebase_version": version,
        "robot_type": "so100",
        "chunks_size": 1000,
        "fps": fps,
        "data_path": data_path,
        "video_path": video_path,
        "features": {**videos, **numbers, "timestamp": {"dtype": "float32", "shape": [1], "names": None}, **more},
    }


def episode_rows(
    lengths: Sequence[int] = LENGTHS, *, cameras: Sequence[str] = (CAMERA,), fps: float = 30
) -> list[dict[str, Any]]:
    """The episodes of v3.0, all in one video per camera; times are sums of lengths, as lerobot makes them."""
    rows, seconds = [], 0.0
    for index, length in enumerate(lengths):
        row = {
            "episode_index": index,
            "tasks": [TASKS[index % len(TASKS)]],
            "length": length,
            "stats/action/min": [0.0],
        }
        for camera in cameras:
            row |= {f"videos/{camera}/{name}": 0 for name in ("chunk_index", "file_index")}
            row |= {
                f"videos/{camera}/from_timestamp": seconds,
                f"videos/{camera}/to_timestamp": seconds + length / fps,
            }
        seconds += length / fps
        rows.append(row)
    return rows


def frame_rows(lengths: Sequence[int] = LENGTHS, *, fps: float = 30, **columns: Any) -> list[dict[str, Any]]:
    """The frames of all episodes. columns: functions of episode and frame."""
    return [
        {
            "timestamp": frame / fps,
            "episode_index": index,
            "task_index": index % len(TASKS),
            **{name: value(index, frame) for name, value in columns.items()},
        }
        for index, length in enumerate(lengths)
        for frame in range(length)
    ]


def frames_bytes(rows: Sequence[Mapping[str, Any]], **types: pa.DataType) -> bytes:
    """A table of frames, with times in 32 bits."""
    fields = {"timestamp": pa.float32(), "episode_index": pa.int64(), "task_index": pa.int64(), **types}
    return parquet_bytes(rows, pa.schema(list(fields.items())))


def table_bytes(kind: str, texts: Sequence[str], *, named: bool = True) -> bytes:
    """tasks.parquet or subtasks.parquet: pandas writes the index as a column, which often has no name."""
    column = kind if named else "__index_level_0__"
    return parquet_bytes([{f"{kind}_index": number, column: text} for number, text in enumerate(texts)])


def v3_files(rows: Sequence[Mapping[str, Any]], content: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a v3.0 data set without its frames. The first is no text."""
    return {
        "meta/tasks.parquet": table_bytes("task", TASKS, named=False),
        "meta/episodes/chunk-000/file-000.parquet": parquet_bytes(rows),
        "meta/info.json": json_bytes(content),
    }


def subtask_of(_: int, frame: int) -> int | None:
    """The subtask of a frame: none for half a second, then one for half a second, then the other."""
    return None if frame < 15 else int(frame >= 30)


LANGUAGE = pa.list_(
    pa.struct(
        [("role", pa.string()), ("content", pa.string()), ("style", pa.string()), ("timestamp", pa.float32()),
         ("camera", pa.string())]
    )
)  # fmt: skip


def language(index: int, _: int) -> list[dict[str, Any]]:
    """The rows of `language_persistent` of an episode."""
    return [
        {"role": "assistant", "content": text, "style": style, "timestamp": seconds, "camera": None}
        for seconds, style, text in (
            (0.0, "task_aug", f"please {TASKS[index]}"),
            (0.0, "subtask", "reach"),
            (0.0, "plan", "reach, then grasp"),
            (1.0, "subtask", "grasp it"),
        )
    ]


_V3_VIDEO = f"videos/{CAMERA}/chunk-000/file-000.mp4#episode_{{:06d}}"

EXAMPLES: dict[str, Example] = {
    "lerobot v3.0": FolderExample(
        {"format": "lerobot"},
        v3_files(episode_rows(), info("v3.0")),
        3, 3, (_V3_VIDEO.format(0), 0.0, 37 / 30, TASKS[0]),
    ),
    "lerobot v2.1": FolderExample(
        {"format": "lerobot"},
        {
            "meta/episodes.jsonl": b"".join(
                json.dumps({"episode_index": index, "tasks": [task], "length": length}).encode() + b"\n"
                for index, (task, length) in enumerate(zip(TASKS, LENGTHS, strict=True))
            ),
            "meta/tasks.jsonl": b'{"task_index": 0, "task": "pick up the cup"}\n',
            "meta/info.json": json_bytes(info("v2.1")),
        },
        3, 3, (f"videos/chunk-000/{CAMERA}/episode_000000.mp4", 0.0, 37 / 30, TASKS[0]),
    ),
    "lerobot subtasks": FolderExample(
        {"format": "lerobot", "segments": "subtasks"},
        {
            **v3_files(episode_rows(), info("v3.0", subtask_index={"dtype": "int64", "shape": [1]})),
            "meta/subtasks.parquet": table_bytes("subtask", ["reach", "grasp it"]),
            "data/chunk-000/file-000.parquet": frames_bytes(
                frame_rows(subtask_index=subtask_of), subtask_index=pa.int64()
            ),
        },
        9, 6, (_V3_VIDEO.format(0), 0.5, 1.0, "reach"),
    ),
    "lerobot language": FolderExample(
        {"format": "lerobot", "segments": "subtasks"},
        {
            **v3_files(episode_rows(), info("v3.0", language_persistent={"dtype": "language", "shape": [1]})),
            "data/chunk-000/file-000.parquet": frames_bytes(
                frame_rows(language_persistent=language), language_persistent=LANGUAGE
            ),
        },
        6, 6, (_V3_VIDEO.format(0), 0.0, 1.0, "reach"),
    ),
}  # fmt: skip
