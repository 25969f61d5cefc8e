"""What each trainer's own data code does with our files, restated; the file and line are named.

The commits are those of docs/export.md. `datasets` and YAML are the genuine ones; docs/export.md says which of the
trainers' own classes have been run on an export.
"""

from __future__ import annotations

import io
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from tests.exports.conftest import SIZES, TEST, TEXTS, TRAIN, Exported, RunExport

PLAIN = {"take the cup", "put: the cup # there", "put the lid on the pot"}


@pytest.fixture(autouse=True)
def _in_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training starts in the folder of the export, as train.sh does."""
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")


def is_pair(exported: Exported, split: str, before: str, after: str, text: str) -> bool:
    """Whether two paths, as a trainer opens them, are the pictures of one pair, with its instruction."""
    key = Path(after).stem.removesuffix("_after")
    [entry] = [entry for entry in exported.entries(split) if entry.key == key]
    pictures = Path(before).read_bytes(), Path(after).read_bytes()
    return pictures == exported.pictures(entry) and text == entry.instruction


def test_ai_toolkit_finds_a_control_and_a_caption_for_every_picture(run_export: RunExport) -> None:
    """toolkit/data_loader.py:439 (os.walk), toolkit/dataloader_mixins.py:333 (caption), :1087 (control)."""
    exported = run_export("ai-toolkit")
    config = yaml.safe_load(Path("ai-toolkit.yaml").read_text())
    [process] = config["config"]["process"]
    [data] = process["datasets"]
    files = [os.path.join(root, file) for root, _, names in os.walk(data["folder_path"]) for file in names]
    pictures = [file for file in files if file.lower().endswith((".jpg", ".jpeg", ".png", ".webp"))]
    assert len(pictures) == 7
    for path in pictures:
        text = Path(os.path.splitext(path)[0] + "." + data["caption_ext"]).read_text(encoding="utf-8")
        control = os.path.join(data["control_path"], os.path.splitext(os.path.basename(path))[0] + ".jpg")
        assert is_pair(exported, TRAIN, control, path, text)


def test_ai_toolkit_samples_have_their_picture(run_export: RunExport) -> None:
    """toolkit/config_modules.py:63; without one, Qwen-Image-Edit-Plus stops (ai-toolkit issue 517)."""
    run_export("ai-toolkit")
    sample = yaml.safe_load(Path("ai-toolkit.yaml").read_text())["config"]["process"][0]["sample"]
    assert {each["prompt"] for each in sample["samples"]} == PLAIN
    for each in sample["samples"]:
        assert each["ctrl_img_1"].startswith(f"{TEST}/before/")
        assert Path(each["ctrl_img_1"]).is_file()
        assert each["width"] % 32 == each["height"] % 32 == 0


def test_ai_toolkit_without_a_test_split_makes_no_samples(run_export: RunExport) -> None:
    run_export("ai-toolkit", splits=[TRAIN])
    process = yaml.safe_load(Path("ai-toolkit.yaml").read_text())["config"]["process"][0]
    assert process["train"]["disable_sampling"] is True
    assert "sample" not in process


def test_musubi_opens_image_and_control_of_every_line(run_export: RunExport) -> None:
    """src/musubi_tuner/dataset/datasources.py:290 (one JSON per line), :365 (paths opened as they are)."""
    exported = run_export("musubi")
    config = tomllib.loads(Path("dataset.toml").read_text())
    [data] = config["datasets"]
    with open(data["image_jsonl_file"], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert len(rows) == 7
    for row in rows:
        assert is_pair(exported, TRAIN, row["control_path"], row["image_path"], row["caption"])
    assert config["general"]["enable_bucket"]


def test_musubi_sample_prompts_have_their_picture(run_export: RunExport) -> None:
    """src/musubi_tuner/training/sampling_prompts.py:113 (JSON, as it is), qwen_image_train_network.py:128."""
    run_export("musubi")
    prompts = json.loads(Path("sample_prompts.json").read_text())
    assert {prompt["prompt"] for prompt in prompts} == PLAIN
    assert all(Path(path).is_file() for prompt in prompts for path in prompt["control_image_path"])


def test_diffsynth_joins_the_base_path_and_gets_texts(run_export: RunExport) -> None:
    """diffsynth/core/data/unified_dataset.py:70 (JSON), diffsynth/core/data/operators.py:275 (os.path.join)."""
    exported = run_export("diffsynth")
    rows = json.loads(Path(TRAIN, "metadata.json").read_text(encoding="ascii"))
    assert len(rows) == 7
    for row in rows:
        [before], after = row["edit_image"], row["image"]
        assert is_pair(exported, TRAIN, os.path.join(TRAIN, before), os.path.join(TRAIN, after), row["prompt"])


def test_simpletuner_finds_every_reference_by_its_path(run_export: RunExport) -> None:
    """simpletuner/helpers/data_backend/local.py:152 (os.walk), helpers/metadata/utils/duplicator.py:16 (the same
    relative path in the other folder), helpers/prompts.py:397 (caption, whole with disable_multiline_split).
    """
    exported = run_export("simpletuner")
    backends = {backend["id"]: backend for backend in json.loads(Path("multidatabackend.json").read_text())}
    after, before = backends["after"], backends["before"]
    assert after["conditioning_data"] == ["before"]
    assert after["disable_multiline_split"] is True
    assert (before["dataset_type"], before["conditioning_type"]) == ("conditioning", "reference_strict")
    root = os.path.abspath(after["instance_data_dir"])
    paths = [os.path.join(folder, file) for folder, _, names in os.walk(root) for file in names]
    pictures = [path for path in paths if path.endswith(".jpg")]
    assert len(pictures) == 7
    for path in pictures:
        reference = os.path.join(os.path.abspath(before["instance_data_dir"]), os.path.relpath(path, root))
        text = Path(os.path.splitext(path)[0] + ".txt").read_bytes().decode("utf-8")
        assert is_pair(exported, TRAIN, reference, path, text)


def test_simpletuner_validates_on_pictures_that_are_no_training_data(run_export: RunExport) -> None:
    """simpletuner/helpers/training/validation.py:367: path and prompt, neither empty."""
    run_export("simpletuner")
    config = json.loads(Path("config.json").read_text())
    assert {entry["prompt"] for entry in config["validation_input"]} == PLAIN
    assert all(Path(entry["path"]).is_file() for entry in config["validation_input"])
    assert TEST not in Path("multidatabackend.json").read_text()
    assert Path(config["data_backend_config"]).is_file()


def test_omnigen2_opens_the_paths_of_its_list(run_export: RunExport) -> None:
    """omnigen2/dataset/omnigen2_train_dataset.py:51 (the YAML), :63 (load_dataset), :134 (Image.open)."""
    exported = run_export("omnigen2")
    config = yaml.load(Path("omnigen2.yml").read_text(), Loader=yaml.FullLoader)
    [data] = yaml.load(Path(config["data"]["data_path"]).read_text(), Loader=yaml.FullLoader)["data"]
    rows = exported.json_lines(data["path"])
    assert len(rows) == 7
    for row in rows:
        [before] = row["input_images"]
        assert row["task_type"] == "edit"
        assert is_pair(exported, TRAIN, before, row["output_image"], row["instruction"])


def test_longcat_opens_the_paths_of_its_list_and_knows_the_sizes(run_export: RunExport) -> None:
    """train_examples/edit_lora/train_dataset.py:49 (lines of JSON, int of height and width), :121 (Image.open)."""
    exported = run_export("longcat")
    config = yaml.safe_load(Path("longcat.yaml").read_text())
    rows = exported.json_lines(config["data_txt_root"])
    assert len(rows) == 7
    for row in rows:
        assert is_pair(exported, TRAIN, row["ref_img_path"], row["img_path"], row["prompt"])
        assert Image.open(row["img_path"]).size == (row["width"], row["height"])
    assert {(row["width"], row["height"]) for row in rows} == set(SIZES)


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    module = pytest.importorskip("datasets")
    monkeypatch.setattr(module.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return module


def decoded(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()


def loaded_pairs(exported: Exported, split: str) -> set[tuple[bytes, bytes, str]]:
    pairs = [(*exported.pictures(entry), entry.instruction) for entry in exported.entries(split)]
    return {(decoded(before), decoded(after), text) for before, after, text in pairs}


@pytest.mark.parametrize(
    ("to", "columns"),
    [
        ("diffusers", ("input_image", "edited_image", "edit_prompt")),
        ("folder", ("before", "after", "instruction")),
    ],
)
def test_datasets_loads_the_folder_with_its_splits(
    datasets: Any, run_export: RunExport, tmp_path: Path, to: str, columns: tuple[str, str, str]
) -> None:
    """As the scripts of diffusers: load_dataset(NAME), ["train"], columns by name."""
    exported = run_export(to)
    loaded = datasets.load_dataset(str(exported.path), None, cache_dir=str(tmp_path / "c"))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 7, "LCtest500": 3}
    for alias, split in (("train", TRAIN), ("LCtest500", TEST)):
        rows = [[row[name] for name in columns] for row in loaded[alias]]
        pairs = {(before.tobytes(), after.tobytes(), text) for before, after, text in rows}
        assert pairs == loaded_pairs(exported, split)


def test_imagefolder_loads_one_split(datasets: Any, run_export: RunExport, tmp_path: Path) -> None:
    path = str(run_export("folder").path / TEST)
    rows = datasets.load_dataset("imagefolder", data_dir=path, split="train", cache_dir=str(tmp_path / "c"))
    assert sorted(rows["instruction"]) == sorted(TEXTS[7:])
    assert [row["before"].size for row in rows] == [(row["after"].size) for row in rows]
