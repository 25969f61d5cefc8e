"""Folders whose processor has a part for videos open without torchvision, and are saved with all of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from diffusers import DiffusionPipeline
from PIL import Image
from transformers.utils import is_torchvision_available

from actionpairs.editors import families
from actionpairs.model_files import processors
from tests.editors import tiny_pipelines

HERE = {"qwen": "processor", "longcat": "text_processor", "dreamlite": "processor"}
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
without_torchvision = pytest.mark.skipif(is_torchvision_available(), reason="torchvision is installed")


@pytest.fixture(scope="module", params=HERE)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with its processor in the layout of the released ones, which transformers 4 wrote."""
    path = tmp_path_factory.mktemp("released") / family
    tiny_pipelines.build(family).save_pretrained(path)
    processor = path / HERE[family]
    config = json.loads((processor / "processor_config.json").read_text(encoding="utf-8"))
    (processor / "processor_config.json").unlink()
    name = config["processor_class"]
    images = {
        **config["image_processor"],
        "image_processor_type": "Qwen2VLImageProcessorFast",
        "processor_class": name,
    }
    videos = {**config["video_processor"], "processor_class": name, "max_frames": 768, "fps": 2.0}
    (processor / "additional_chat_templates").mkdir()
    (processor / "additional_chat_templates" / "short.jinja").write_text("{{ messages }}", encoding="utf-8")
    for file, values in (("preprocessor_config", images), ("video_preprocessor_config", videos)):
        (processor / f"{file}.json").write_text(json.dumps(values, indent=2), encoding="utf-8")
    return path


def opened(folder: Path) -> DiffusionPipeline:
    pipeline = DiffusionPipeline.from_pretrained(folder, **processors.overrides(folder))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit(pipeline: DiffusionPipeline, family: str) -> np.ndarray:
    picture = Image.fromarray(PIXELS)
    return tiny_pipelines.edit(pipeline, family, picture, "open the drawer", seed=1, height=64, width=64)


@without_torchvision
def test_a_released_folder_opens_only_with_its_overrides(folder: Path, family: str) -> None:
    with pytest.raises(ImportError, match="Torchvision"):
        DiffusionPipeline.from_pretrained(folder)
    assert list(processors.overrides(folder)) == [HERE[family]]
    apart = edit(opened(folder), family).astype(int) - edit(tiny_pipelines.build(family), family)
    assert np.abs(apart).max() <= 1  # as in test_tiny_pipelines: weights lie elsewhere in memory


@without_torchvision
def test_a_saved_editor_has_the_whole_processor_although_its_source_is_gone(
    folder: Path, family: str, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(folder, tmp_path / "source"))
    pipeline = opened(source)
    shutil.rmtree(source)
    editor = families.family_of(type(pipeline).__name__, family)(pipeline)
    editor.with_denoiser(editor.denoiser).save(tmp_path / "saved")
    assert contents(tmp_path / "saved" / HERE[family]) == contents(folder / HERE[family])
    index, before = (json.loads((path / "model_index.json").read_text()) for path in (tmp_path / "saved", folder))
    assert index[HERE[family]] == before[HERE[family]]
    assert np.array_equal(edit(opened(tmp_path / "saved"), family), edit(pipeline, family))


@without_torchvision
def test_an_opened_processor_can_be_printed(folder: Path, family: str) -> None:
    assert "image_processor" in repr(processors.overrides(folder)[HERE[family]])


def test_nothing_is_replaced_where_torchvision_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "is_torchvision_available", lambda: True)
    assert processors.overrides(folder) == {}


def test_other_parts_are_left_to_diffusers(tmp_path: Path) -> None:
    tiny_pipelines.build("kontext").save_pretrained(tmp_path)
    assert processors.overrides(tmp_path) == {}
