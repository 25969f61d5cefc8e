"""What the tests of training share: a shards folder, its pairs, and a tiny editor with random weights."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.editors import families, tiny
from actionpairs.editors.editor import Editor, rebuilt
from actionpairs.storage import Folder
from actionpairs.training import curves
from tests.training.squares import SIDE, SIZES, write_squares


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "SQ"
    write_squares(path)
    return path


@pytest.fixture(scope="session")
def pairs(squares: Path) -> tuple[Example, ...]:
    return examples.load_train([Folder(squares)])


@pytest.fixture(scope="session")
def editor_folder(pairs: tuple[Example, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = np.concatenate(list(examples.iter_pairs(pairs, SIDE)))
    texts = [pair.entry.instruction for pair in pairs]
    vae = tiny.make_autoencoder(SIZES, pictures, seed=0, device=torch.device("cpu"))
    path = tmp_path_factory.mktemp("editor")
    tiny.build(SIZES, vae, texts, resolution=SIDE, seed=0).save(path)
    return path


@pytest.fixture(scope="session")
def loaded_editor(editor_folder: Path) -> Editor:
    return families.load(str(editor_folder))


@pytest.fixture
def small_editor(loaded_editor: Editor) -> Editor:
    """A copy for each test, which may change it."""
    parts = {name: copy.deepcopy(part) for name, part in loaded_editor.pipeline.components.items() if part}
    return type(loaded_editor)(rebuilt(loaded_editor.pipeline, **parts))


@pytest.fixture
def without_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs write an empty curves.png: drawing it takes as long as a few training steps."""
    monkeypatch.setattr(curves, "plot", lambda rows, names: b"")
