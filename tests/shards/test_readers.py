"""The shards are read by the field's own readers, with pictures and texts right, and as a folder on a hub."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import webdataset
import yaml

from actionpairs import columns, shards
from actionpairs.configs import ShardConfig, SourceConfig
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.records import Measures, Sample, SampleMetadata, Segment
from actionpairs.shards.dataset_card import write_card
from actionpairs.storage import Folder
from tests.measures.measured import measured

COUNT, PER_SHARD = 14, 6
CONFIG = ShardConfig.model_validate(
    {
        "dataset": "LC",
        "source": {"name": "MPII Cooking 2", "license": "other", "terms": "For research only."},
        "filters": {"min_change": 0.01},
        "splits": {"train": "LC-train", "tests": {"LCtest500": 2}},
    }
)


def picture(number: int) -> np.ndarray:
    """Two plain halves that say which sample it is; JPEG keeps them to a few levels."""
    picture = np.full((48, 64, 3), 30 + 12 * number, np.uint8)
    picture[:, 32:] = 250 - 12 * number
    return picture


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


NOTHING_DROPPED = SplitAssignment(columns.FACTS.empty_table(), np.empty(0, np.int16), (), {}, {}, (), {})


def unmeasured(number: int) -> Measures:
    """The first samples lack a measure: readers that guess types from the first rows would guess wrong."""
    return measured(camera_shift=None, displacement=None) if number < PER_SHARD else measured()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "shards"
    samples, shard_numbers = [], []
    for number in range(COUNT):
        split = "LC-train" if number < COUNT - 2 else "LCtest500"
        text = f"take the cup “{number}” <b>"
        segment = Segment(f"s{number:02d}", "v.mp4", 1.0, 2.0, text, "take", "cup", "take cup", "P01")
        facts = SampleMetadata(
            segment, 1.0, 1.9, 10, 19, 0.0, 0.1, "planned", "", 64, 48, unmeasured(number), split, "abc"
        )
        samples.append(Sample(segment.id, jpeg(picture(number)), jpeg(picture(number)[:, ::-1]), text, facts))
        shard_numbers.append((split, number // PER_SHARD if split == "LC-train" else 0))
    table = columns.table(sample.metadata for sample in samples)
    plan, info = shards.ShardPlan.of_shards(shard_numbers), shards.DatasetInfo.of(CONFIG)
    index, _ = shards.write_shards(Folder(path), samples, table, plan, info)
    write_card(Folder(path), CONFIG, index, NOTHING_DROPPED)
    return path


def is_right(number: int, row: Any) -> bool:
    original, edited = np.asarray(row["original_image.jpg"]), np.asarray(row["edited_image.jpg"])
    near = [
        np.abs(loaded.astype(int) - expected).max() < 8
        for loaded, expected in ((original, picture(number)), (edited, picture(number)[:, ::-1]))
    ]
    return all(near) and row["edit_prompt.txt"] == f"take the cup “{number}” <b>"


def test_webdataset_reads_them(folder: Path) -> None:
    urls = str(folder / "LC-train-{000000..000001}.tar")
    dataset = webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).decode("rgb8")
    rows = list(dataset)
    assert [row["__key__"] for row in rows] == [f"s{number:02d}" for number in range(12)]
    assert all(is_right(number, row) for number, row in enumerate(rows))
    assert rows[3]["json"]["segment"]["verb"] == "take"


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    module = pytest.importorskip("datasets")
    monkeypatch.setattr(module.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return module


def test_datasets_reads_the_tars(datasets: Any, folder: Path, tmp_path: Path) -> None:
    files = {"test": str(folder / "LCtest500-*.tar")}
    rows = datasets.load_dataset("webdataset", data_files=files, split="test", cache_dir=str(tmp_path / "c"))
    assert [is_right(number, row) for number, row in zip((12, 13), rows, strict=True)] == [True, True]
    assert rows[0]["json"]["measures"]["displacement"] == measured().displacement


def test_datasets_reads_the_folder_by_its_card(datasets: Any, folder: Path, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "c"))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 12, "LCtest500": 2}
    rows = sorted(loaded["train"], key=lambda row: row["__key__"])
    assert all(is_right(number, row) for number, row in enumerate(rows))
    assert [rows[number]["json"]["measures"]["displacement"] for number in (0, 11)] == [None, 0.12]


def test_datasets_reads_the_tables(datasets: Any, folder: Path, tmp_path: Path) -> None:
    files = {"train": str(folder / "LC-train.parquet")}
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "c"))
    assert rows.num_rows == 12
    assert {"key", "shard", "original_offset", "displacement", "start_seconds"} <= set(rows.column_names)


def test_the_columns_are_what_diffusers_script_asks_for(datasets: Any, folder: Path, tmp_path: Path) -> None:
    """As train_instruct_pix2pix.py does: load_dataset(dataset_name), ["train"], three columns, convert("RGB")."""
    dataset = datasets.load_dataset(str(folder), None, cache_dir=str(tmp_path / "c"))
    names = dataset["train"].column_names
    for column in ("original_image.jpg", "edited_image.jpg", "edit_prompt.txt"):
        assert column in names
    row = dataset["train"][0]
    pictures = [np.array(row[name].convert("RGB").resize((32, 32))) for name in names[:2]]
    assert np.stack(pictures).shape == (2, 32, 32, 3)
    assert row["edit_prompt.txt"].startswith("take the cup")


def test_tar_lists_them(folder: Path) -> None:
    listed = subprocess.run(
        ["tar", "-tvf", folder / "LCtest500-000000.tar"], capture_output=True, text=True, check=True
    )
    lines = listed.stdout.splitlines()
    assert [line.split()[-1] for line in lines] == [
        f"s{number}.{part}"
        for number in (12, 13)
        for part in ("original_image.jpg", "edited_image.jpg", "edit_prompt.txt", "json")
    ]
    assert {line.split()[0] for line in lines} == {"-rw-r--r--"}
    with tarfile.open(folder / "LCtest500-000000.tar") as tar:
        assert {(member.mtime, member.uid, member.uname) for member in tar} == {(0, 0, "")}


def test_the_card_says_what_is_there(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    front = yaml.safe_load(io.StringIO(card.split("---\n")[1]))
    assert front["license"] == "other"
    assert front["configs"][0]["data_files"][0] == {"split": "train", "path": "LC-train-*.tar"}
    assert "| LC-train | `train` | 12 | 1 |" in card
    assert "Frames of videos of MPII Cooking 2. For research only." in card
    assert "Kept: pairs with change ≥ 0.01." in card


def test_a_card_without_a_source_says_so(folder: Path, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"source": SourceConfig()})
    write_card(Folder(tmp_path), config, shards.load_index(Folder(folder)), NOTHING_DROPPED)
    card = (tmp_path / "README.md").read_text()
    assert "names no source" in card
    assert "license:" not in card
