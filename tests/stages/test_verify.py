"""verify reads every sample, opens every picture, and names the first wrong thing: file and entry."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actionpairs import columns, manifest, shards
from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.errors import ShardError
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.records import Sample, SampleMetadata, Segment
from actionpairs.stages.verify import verify
from actionpairs.storage import Folder
from tests.measures.measured import measured

TAR, TABLE = "S-train-000000.tar", "S-train.parquet"


@dataclass(frozen=True)
class SpoiltFolder:
    """A finished folder of two shards, to be spoilt."""

    path: Path

    def members(self) -> list[tuple[str, bytes]]:
        with tarfile.open(self.path / TAR) as tar:
            return [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]

    def put(self, members: list[tuple[str, bytes]]) -> None:
        """Another tar, and an index and a manifest that vouch for it: as a careless writer would leave it."""
        with tarfile.open(self.path / TAR, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in members:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        self.vouch(TAR)

    def vouch(self, name: str) -> None:
        digest = FileDigest.of_file(Folder(self.path), name)
        digest_json = {"sha256": digest.sha256, "size_bytes": digest.size_bytes}
        index = json.loads((self.path / "index.json").read_text())
        for shard in index["shards"]:
            shard.update(digest_json if shard["name"] == name else {})
        (self.path / "index.json").write_text(json.dumps(index))
        made = json.loads((self.path / "manifest.json").read_text())
        made["files"][name] = digest_json
        index_digest = FileDigest.of_file(Folder(self.path), "index.json")
        made["files"]["index.json"] = {"sha256": index_digest.sha256, "size_bytes": index_digest.size_bytes}
        (self.path / "manifest.json").write_text(json.dumps(made))


def jpeg(side: int = 32) -> bytes:
    return cv2.imencode(".jpg", np.full((side, side, 3), 90, np.uint8))[1].tobytes()


@pytest.fixture
def made(tmp_path: Path) -> SpoiltFolder:
    folder, samples = Folder(tmp_path / "shards"), []
    for number in range(6):
        segment = Segment(f"s{number}", "v.mp4", 1.0, 2.0, "take cup", "take", "cup", "take cup", "P01")
        metadata = SampleMetadata(
            segment, 1.0, 1.9, 10, 19, 0.0, 0.1, "planned", "", 32, 32, measured(), "S-train", "abc"
        )
        samples.append(Sample(segment.id, jpeg(), jpeg(), "take cup", metadata))
    spec = StageSpec("shard", "s", ShardConfig(dataset="S", splits=SplitConfig(train="S-train")), {"pairs": "0"})
    facts = columns.table(sample.metadata for sample in samples)
    plan = shards.ShardPlan.of_shards([("S-train", number // 3) for number in range(6)])
    info = shards.DatasetInfo("S", "abc", train_split="S-train")
    with manifest.working(folder, spec):
        _, files = shards.write_shards(folder, samples, facts, plan, info)
        manifest.finish(folder, spec, counts={"S-train": 6}, files=files)
    return SpoiltFolder(tmp_path / "shards")


def test_verify_counts_the_samples_of_whole_shards(made: SpoiltFolder) -> None:
    assert verify(str(made.path), workers=2) == 6


def flip_a_bit(made: SpoiltFolder) -> None:
    data = bytearray((made.path / TAR).read_bytes())
    data[512 + 300] ^= 1  # in the first picture
    (made.path / TAR).write_bytes(data)


def truncate_a_tar(made: SpoiltFolder) -> None:
    (made.path / TAR).write_bytes((made.path / TAR).read_bytes()[:3000])


def lose_a_tar(made: SpoiltFolder) -> None:
    (made.path / TAR).unlink()


def add_a_tar(made: SpoiltFolder) -> None:
    (made.path / "S-train-000009.tar").write_bytes((made.path / TAR).read_bytes())


def lose_a_sample(made: SpoiltFolder) -> None:
    made.put(made.members()[:-4])


def add_a_sample(made: SpoiltFolder) -> None:
    made.put(made.members() + [(name.replace("s0", "s9"), data) for name, data in made.members()[:4]])


def swap_two_samples(made: SpoiltFolder) -> None:
    members = made.members()
    made.put([*members[4:8], *members[:4], *members[8:]])


def spoil_a_picture(made: SpoiltFolder) -> None:
    made.put(
        [(name, bytes(len(data)) if name == "s1.edited_image.jpg" else data) for name, data in made.members()]
    )


def shrink_a_picture(made: SpoiltFolder) -> None:
    small = jpeg(16)
    small += bytes(len(jpeg()) - len(small))
    made.put([(name, small if name == "s1.edited_image.jpg" else data) for name, data in made.members()])


def change_an_instruction(made: SpoiltFolder) -> None:
    members = [(name, data.replace(b'"noun": "cup"', b'"noun": "mug"')) for name, data in made.members()]
    made.put(members)


def move_an_offset(made: SpoiltFolder) -> None:
    table = pq.read_table(made.path / TABLE)
    offsets = [
        value + 512 * (key == "s1")
        for key, value in zip(table["key"].to_pylist(), table["edited_offset"].to_pylist(), strict=True)
    ]
    column = table.column_names.index("edited_offset")
    pq.write_table(table.set_column(column, "edited_offset", pa.array(offsets)), made.path / TABLE)
    made.vouch(TABLE)


def change_the_table(made: SpoiltFolder) -> None:
    data = bytearray((made.path / TABLE).read_bytes())
    data[-1] ^= 1
    (made.path / TABLE).write_bytes(data)


SPOILT: list[tuple[Callable[[SpoiltFolder], None], str]] = [
    (flip_a_bit, rf"{TAR}: (not the bytes|s0\.original_image\.jpg is)"),
    (truncate_a_tar, rf"{TAR}: (in|after) 's\d\.\S+': cut off"),
    (lose_a_tar, rf"{TAR}: not there"),
    (add_a_tar, r"S-train-000009\.tar: no shard of this data set"),
    (lose_a_sample, rf"{TAR}: s2 is missing"),
    (add_a_sample, rf"{TAR}: s9 is in no table"),
    (swap_two_samples, rf"{TAR}: s1 has key 's1', its table 's0'"),
    (spoil_a_picture, rf"{TAR}: s1\.edited_image\.jpg is no picture"),
    (shrink_a_picture, rf"{TAR}: s1\.edited_image\.jpg is 16 × 16, not 32 × 32"),
    (change_an_instruction, rf"{TAR}: s0 has noun 'mug', its table 'cup'"),
    (move_an_offset, rf"{TAR}: s1 has edited_offset"),
    (change_the_table, rf"{TABLE}: not a table of samples"),
]


@pytest.mark.parametrize(("spoil", "says"), SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_the_error_names_the_first_wrong_file_or_entry(
    made: SpoiltFolder, spoil: Callable[[SpoiltFolder], None], says: str
) -> None:
    spoil(made)
    with pytest.raises(ShardError, match=says):
        verify(str(made.path), workers=1)
