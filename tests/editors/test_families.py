"""A model's own index names its family; what cannot be loaded is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from actionpairs.editors import families
from actionpairs.editors.editor import Editor
from actionpairs.errors import ModelError


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.traits.name)
def test_every_pipeline_class_of_a_family_is_of_that_family(family: type[Editor]) -> None:
    for name in family.traits.pipelines:
        assert families.family_of(name, "somewhere") is family


def test_no_two_families_claim_one_pipeline_class() -> None:
    names = [name for family in families.FAMILIES for name in family.traits.pipelines]
    assert len(names) == len(set(names))


def test_a_pipeline_of_no_family_is_refused_and_the_families_are_named() -> None:
    with pytest.raises(ModelError, match="far/away: a StableCascadeCombinedPipeline") as caught:
        families.family_of("StableCascadeCombinedPipeline", "far/away")
    for family in families.FAMILIES:
        assert f"{family.traits.name} ({family.traits.pipelines[0]})" in caught.value.cure


@pytest.mark.parametrize("source", ["no/such/folder", "/no/such/folder"])
def test_a_missing_model_is_named(source: str) -> None:
    with pytest.raises(ModelError, match=f"{source}: no such file or folder"):
        families.load(source)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        families.load(str(tmp_path))


def test_a_broken_weights_file_is_refused(editor_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(editor_folder, tmp_path / "broken")
    (tmp_path / "broken/unet/diffusion_pytorch_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        families.load(str(tmp_path / "broken"))


class Malice:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_pickled_weights_run_no_code(editor_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(editor_folder, tmp_path / "pickled")
    weights = tmp_path / "pickled/unet/diffusion_pytorch_model.safetensors"
    torch.save({"conv_in.weight": Malice(tmp_path / "touched")}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(ModelError, match="diffusion_pytorch_model"):
        families.load(str(tmp_path / "pickled"))
    assert not (tmp_path / "touched").exists()


def test_an_autoencoder_can_be_loaded_alone(editor_folder: Path) -> None:
    alone, whole = (
        families.load_autoencoder(str(editor_folder)),
        families.load(str(editor_folder)).autoencoder,
    )
    for name, value in whole.state_dict().items():
        assert torch.equal(alone.state_dict()[name], value)


def test_a_missing_autoencoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"{tmp_path}: no autoencoder"):
        families.load_autoencoder(str(tmp_path))
