"""A model is called by its hub id or its address, with a revision and a folder; only such names ask the hub."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from actionpairs.editors import families, lora
from actionpairs.errors import ModelError
from actionpairs.model_files import hub as hub_models
from actionpairs.model_files import released, sources
from tests.fake_hub import FakeHub


@pytest.mark.parametrize(
    ("source", "repository", "revision", "path"),
    [
        ("ann/editor", "ann/editor", None, ""),
        ("hf://ann/editor", "ann/editor", None, ""),
        ("hf://models/ann/editor@v1", "ann/editor", "v1", ""),
        ("ann/editor@v1", "ann/editor", "v1", ""),
        ("hf://ann/editor@refs/pr/3/small", "ann/editor", "refs/pr/3", "small"),
    ],
)
def test_a_hub_id_may_have_a_revision_and_a_folder(
    source: str, repository: str, revision: str | None, path: str
) -> None:
    assert sources.locate(source) is None
    where = sources.hub_address(source)
    assert (where.repository, where.revision, where.path) == (repository, revision, path)
    assert sources.hub_id(source) == repository


@pytest.mark.parametrize(
    "source", ["tabletop", "/home/ann/model", "./x", "model.safetensors", "hf://datasets/a/b"]
)
def test_what_is_on_this_machine_is_no_hub_id(source: str) -> None:
    assert sources.hub_id(source) is None


def test_files_of_a_revision_and_a_folder_are_fetched(hub: FakeHub) -> None:
    repository = hub.create("ann/editor", "model")
    first = repository.commit({"small/model_index.json": b"old", "small/unet/config.json": b"{}", "x.txt": b""})
    repository.commit({"small/model_index.json": b"new"})
    source = f"hf://ann/editor@{first}/small"
    assert hub_models.fetch(source, "model_index.json").read_bytes() == b"old"
    assert hub_models.fetch("hf://ann/editor/small", "model_index.json").read_bytes() == b"new"
    assert hub_models.names(source) == ["model_index.json", "unet/config.json"]
    folder = hub_models.snapshot(source, ["unet/*"])
    assert (folder / "unet/config.json").is_file()
    assert folder.name == "small"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hf://ann/nothing", "no such model on the hub, or it is private"),
        ("hf://ann/editor@v9", "no such branch, tag or commit"),
        ("hf://datasets/ann/editor", "a dataset, not a model"),
        ("hf://ann", "not a hub id"),
    ],
)
def test_a_wrong_address_is_told_apart(source: str, message: str, hub: FakeHub) -> None:
    hub.create("ann/editor", "model")
    with pytest.raises(ModelError, match=message):
        released.open_pipeline(source)


def test_adapters_on_the_hub_are_found_with_their_model(hub: FakeHub, tmp_path: Path) -> None:
    weights = {"unet.down.lora_A.weight": torch.zeros(1, 1)}
    save_file(weights, tmp_path / "lora.safetensors", metadata={lora.BASE: "tabletop"})
    data = (tmp_path / "lora.safetensors").read_bytes()
    hub.create("ann/adapters", "model").commit({f"{lora.FOLDER}/{lora.FILE}": data, "checkpoint.bin": b"x"})
    assert families.base_of("hf://ann/adapters") == "tabletop"
    folder = families.located("hf://ann/adapters")
    assert (folder / lora.FOLDER / lora.FILE).is_file()
    assert not (folder / "checkpoint.bin").exists()
