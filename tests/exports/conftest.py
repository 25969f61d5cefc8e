"""A finished shards folder with pictures of two shapes, and instructions that trip up config languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from actionpairs import columns, manifest, shards
from actionpairs.configs import ShardConfig
from actionpairs.manifest import StageSpec
from actionpairs.records import Entry, Sample, SampleMetadata, Segment
from actionpairs.stages.export import ExportSummary, export
from actionpairs.storage import Folder
from tests.measures.measured import measured

TRAIN, TEST = "LC-train", "LCtest500"
TEXTS = (
    'put "knife", then\nwash it',
    "null",
    "12",
    "take ${HOME} cup",
    "öffne “die” Tür 😀",
    "cut --w 9999 --ctrl_img x",
    "it's 50% {done} & <b>",
    "take the cup",
    "put: the cup # there",
    "put the lid on the pot",
)
SIZES = ((320, 180), (256, 192))
CONFIG = ShardConfig.model_validate({"dataset": "LC", "splits": {"train": TRAIN, "tests": {TEST: 3}}})


def jpeg(number: int, side: int, size: tuple[int, int]) -> bytes:
    picture = np.full((size[1], size[0], 3), (20 * number, 250 - 20 * number, 120 * side), np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def sample(number: int, split: str) -> Sample:
    key, (width, height) = f"P01_0{number}", SIZES[number % 3 == 2]
    segment = Segment(key, "v.mp4", 1.0, 2.0, TEXTS[number], "take", "cup", "take cup", "P01")
    metadata = SampleMetadata(
        segment, 1.0, 1.9, 10, 19, 0.0, 0.1, "planned", "", width, height, measured(), split, "abc"
    )
    pictures = [jpeg(number, side, (width, height)) for side in (0, 1)]
    return Sample(key, *pictures, segment.instruction, metadata)


def write_shards(path: Path, samples: list[Sample]) -> None:
    """A folder as `shard` leaves it, with its manifest."""
    folder, facts = Folder(path), columns.table(item.metadata for item in samples)
    plan = shards.ShardPlan.of_shards([(item.metadata.split, number % 2) for number, item in enumerate(samples)])
    spec = StageSpec("shard", "lc", CONFIG, {"pairs": "abc"})
    with manifest.working(folder, spec):
        _, files = shards.write_shards(folder, samples, facts, plan, shards.DatasetInfo.of(CONFIG))
        manifest.finish(folder, spec, counts={}, files=files)


@pytest.fixture(scope="session")
def shards_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "shards"
    write_shards(path, [sample(number, TRAIN if number < 7 else TEST) for number in range(10)])
    return path


@dataclass(frozen=True)
class Exported:
    """An export, and what the shards held."""

    path: Path
    summary: ExportSummary
    source: Folder

    def entries(self, split: str) -> tuple[Entry, ...]:
        return shards.load_entries(self.source, split)

    def pictures(self, entry: Entry) -> tuple[bytes, bytes]:
        return shards.load_pictures(self.source, entry)

    def bytes_of(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def json_lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.bytes_of(name).decode("ascii").splitlines()]


RunExport = Callable[..., Exported]


@pytest.fixture
def run_export(shards_path: Path, tmp_path: Path) -> RunExport:
    def run(to: str, *, name: str = "out", **options: Any) -> Exported:
        summary = export(str(shards_path), to=to, out=str(tmp_path / name), **{"executor": "serial", **options})
        return Exported(tmp_path / name, summary, Folder(shards_path))

    return run
