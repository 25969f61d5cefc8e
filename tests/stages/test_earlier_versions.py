"""What actionpairs 0.1 wrote is still of use: `train` and `eval` take its shards."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from actionpairs import manifest, shards
from actionpairs.data import examples
from actionpairs.errors import ShardError, StorageError
from actionpairs.stages.train import train
from actionpairs.stages.verify import verify
from actionpairs.storage import Folder
from tests.training.squares import write_squares

RECIPE = """
train: {task: recognizer, resolution: 16, frames: 2, patch_size: 8, width: 16, layers: 1, heads: 2,
        steps: 1, batch_size: 2}
"""


@pytest.fixture
def old_shards(tmp_path: Path) -> Path:
    """A shards folder as version 0.1 wrote it: no versions, no names of splits, a column under its old name."""
    path = tmp_path / "SQ"
    write_squares(path)
    for name in (manifest.MANIFEST_FILE, manifest.RECIPE_FILE):
        content = json.loads((path / name).read_text())
        content["order_digest"] = content.pop("spec_digest")
        del content["schema_version"], content["package_version"]
        (path / name).write_text(json.dumps(content))
    index = json.loads((path / "index.json").read_text())
    del index["train_split"], index["test_splits"]
    (path / "index.json").write_text(json.dumps(index))
    for table in path.glob("*.parquet"):
        old = pq.read_table(table)
        pq.write_table(old.rename_columns([{"overexposed": "blown"}.get(n, n) for n in old.column_names]), table)
    return path


def test_shards_of_version_01_name_their_splits_and_give_their_samples(old_shards: Path) -> None:
    folder = Folder(old_shards)
    index = shards.load_index(folder)
    assert index.train_split in index.samples_per_split
    assert len(examples.load_train([folder])) == index.samples_per_split[index.train_split]
    assert examples.load_pair(examples.load_train([folder])[0], 16).shape == (2, 16, 16, 3)


def test_train_takes_shards_of_version_01(old_shards: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    summary = train(tmp_path / "tiny.yaml", shards=[str(old_shards)], out=str(tmp_path / "model"), device="cpu")
    assert summary.finished


def test_verify_says_that_it_cannot_check_them_and_what_to_do(old_shards: Path) -> None:
    with pytest.raises(StorageError, match=r"written by actionpairs 0\.1") as caught:
        verify(str(old_shards))
    assert "`actionpairs shard` again" in caught.value.cure


def test_an_index_that_no_version_wrote_is_refused(old_shards: Path) -> None:
    (old_shards / manifest.RECIPE_FILE).write_text("{}")
    with pytest.raises(ShardError):
        shards.load_index(Folder(old_shards))
