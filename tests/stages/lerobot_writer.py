"""Writes a data set with lerobot's own code, where lerobot is installed; arguments: folder, codec, lengths.

lerobot imports torchvision for transforms of pictures. Its writer does not use them, and torchvision for CPUs is
not everywhere: an empty module takes its place.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from tests.conftest import draw_index

CAMERAS = ("observation.images.top", "observation.images.wrist")
WIDTH, HEIGHT, FPS = 256, 144, 30


class EmptyModule(types.ModuleType):
    """A package in which every name is an empty class."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class EmptyTorchvision:
    """Finds torchvision and its modules."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        is_wanted = name.partition(".")[0] == "torchvision"
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if is_wanted else None  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> EmptyModule:
        return EmptyModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None: ...


def write(root: str, codec: str, lengths: list[int]) -> None:
    """Record episodes of two cameras, whose frames are numbered over all episodes; then add subtasks."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset  # type: ignore[import-not-found]

    shape = {"shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
    features: dict[str, Any] = {camera: {"dtype": "video", **shape} for camera in CAMERAS}
    features["action"] = {"dtype": "float32", "shape": (2,), "names": ["x", "y"]}
    dataset = LeRobotDataset.create("local/set", FPS, features, root=root, robot_type="so100", vcodec=codec)
    number = 0
    for episode, length in enumerate(lengths):
        for _ in range(length):
            picture = draw_index(number, width=WIDTH, height=HEIGHT)
            frame = {"action": np.zeros(2, np.float32), "task": f"task {episode}"}
            dataset.add_frame({**dict.fromkeys(CAMERAS, picture), **frame})
            number += 1
        dataset.save_episode(parallel_encoding=False)
    dataset.finalize()
    for path in Path(root, "data").rglob("*.parquet"):
        frames = pd.read_parquet(path)
        frames["subtask_index"] = [
            int(frame >= lengths[episode] // 2)
            for episode, frame in zip(frames["episode_index"], frames["frame_index"], strict=True)
        ]
        frames.to_parquet(path, index=False)
    texts = pd.Index(["reach", "grasp it"], name="subtask")  # as lerobot's docs/source/dataset_subtask.mdx
    pd.DataFrame({"subtask_index": [0, 1]}, index=texts).to_parquet(Path(root, "meta/subtasks.parquet"))
    info = Path(root, "meta/info.json")
    subtask = '"subtask_index": {"dtype": "int64", "shape": [1], "names": null}'
    info.write_text(info.read_text().replace('"features": {', f'"features": {{{subtask},', 1))


if __name__ == "__main__":
    sys.meta_path.insert(0, EmptyTorchvision())  # type: ignore[arg-type]
    if len(sys.argv) == 1:
        import lerobot.datasets.lerobot_dataset  # type: ignore[import-not-found]  # noqa: F401
    else:
        write(sys.argv[1], sys.argv[2], [int(length) for length in sys.argv[3].split(",")])
