"""Adapters that `train` wrote: loaded with their model, onto others, one after another, or refused with a cure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from actionpairs.editors import families, lora, sampling
from actionpairs.editors.editor import Editor
from actionpairs.errors import ModelError, RecipeError, TrainingError
from tests.editors import tiny_pipelines
from tests.stages.training_runs import EDITOR, recipe, run
from tests.training.conftest import squares as squares
from tests.training.conftest import without_curves as without_curves

PICTURES = np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), np.uint8)
ADAPTERS = {"rank": 2, "alpha": 4, "merge": False}
SHORT = {"steps": 2, "checkpoint_every": 2, "sample_every": 2, "sample_count": 1, "flip": 0}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "kontext"
    tiny_pipelines.build("kontext").save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def first(base: Path, squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("first"), squares, source=base, learning_rate=0.1)


def trained(folder: Path, shards: Path, *, source: Path, **changes: Any) -> Path:
    model = {"model": {"source": str(source)}, "lora": ADAPTERS}
    run(recipe(folder, EDITOR, **{**model, **SHORT, **changes}), shards, folder / "out")
    return folder / "out"


def edit(editor: Editor) -> np.ndarray:
    texts, options = ["move the red square left"], editor.traits.sampling
    latents = sampling.sample(editor, PICTURES, texts, seeds=[0], sampling=type(options)("", 2, 1.0, 2.5))
    return latents.astype(int)


def gap(one: Editor, other: Editor) -> int:
    return int(np.abs(edit(one) - edit(other)).max())


def test_adapters_alone_are_loaded_with_their_model(base: Path, first: Path) -> None:
    editor = families.load(str(first))
    assert gap(editor, families.load(str(base), lora=str(first))) == 0
    assert gap(editor, families.load(str(base))) > 5
    assert editor.defaults.resolution == 32
    assert families.load(str(base), lora=str(first / "lora")).defaults.resolution == 32


def test_training_goes_on_from_adapters_and_keeps_them(first: Path, squares: Path, tmp_path: Path) -> None:
    again = trained(tmp_path, squares, source=first, learning_rate=1e-8)
    assert gap(families.load(str(again)), families.load(str(first))) <= 1


def test_all_weights_can_train_from_adapters(first: Path, squares: Path, tmp_path: Path) -> None:
    again = trained(tmp_path, squares, source=first, learning_rate=1e-8, lora=None)
    assert gap(families.load(str(again)), families.load(str(first))) <= 1


def test_further_adapters_come_on_top_of_those_of_a_folder(first: Path) -> None:
    with pytest.raises(ModelError, match="absent"):
        families.load(str(first), lora=str(first / "absent.safetensors"))
    doubled = families.load(str(first), lora=str(first))
    assert gap(doubled, families.load(str(first))) > 5


def test_adapters_whose_model_is_not_here_say_so(first: Path, tmp_path: Path) -> None:
    for name, message in (
        ("", "do not say which model"),
        ("./models/moved", r"are of \./models/moved: .*no such file"),
    ):
        file = tmp_path / name.replace("/", "-") / "lora" / lora.FILE
        file.parent.mkdir(parents=True)
        save_file(load_file(first / "lora" / lora.FILE), file, metadata={lora.BASE: name} if name else None)
        with pytest.raises(ModelError, match=message) as caught:
            families.load(str(file.parent.parent))
        assert "--lora" in caught.value.cure


def test_adapters_are_not_merged_into_quantized_weights(first: Path) -> None:
    with pytest.raises(ModelError, match="cannot be merged"):
        lora.merge(families.load(str(first), quantize="int8"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": {"draw": "uniform"}, "model": {"source": "tabletop"}, "lora": None}, "flow matching"),
        ({"lora": {**ADAPTERS, "targets": ["attn9"]}}, "no layer's name"),
        ({"batch_size": 5, "accumulation": 2}, "divided evenly"),
        ({"precision": "fp16"}, "bfloat16"),
        ({"square": True, "resolution": 40}, "multiples of 16"),
    ],
)
def test_a_recipe_is_refused_before_anything_is_encoded(
    base: Path, squares: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises((ModelError, TrainingError), match=message):
        trained(tmp_path, squares, source=base, **changes)
    assert not list((tmp_path / "out").glob("cache/*"))


def test_weights_that_train_are_asked_for_in_float32(
    base: Path, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU, what is loaded without a type comes in bfloat16, and would lose small steps."""
    asked, load = [], families.load

    def spy(source: str, **options: Any) -> Editor:
        asked.append(options["dtype"])
        return load(source, **options)

    monkeypatch.setattr(families, "load", spy)
    for name, adapters in (("all", None), ("lora", ADAPTERS)):
        (tmp_path / name).mkdir()
        trained(tmp_path / name, squares, source=base, lora=adapters)
    assert asked == [torch.float32, None]
    with pytest.raises(RecipeError, match="weights of 16 bits"):
        trained(tmp_path, squares, source=base, model={"source": str(base), "dtype": "bfloat16"}, lora=None)


def test_a_saved_model_names_no_path_of_this_machine(base: Path, tmp_path: Path) -> None:
    families.load(str(base)).save(tmp_path / "again")
    for config in (tmp_path / "again").rglob("*.json"):
        assert str(base) not in config.read_text(encoding="utf-8"), config
