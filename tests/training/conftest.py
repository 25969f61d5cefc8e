"""What the tests of learning share: a shards folder, its pairs, and a tiny editor that knows nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.editors import tiny
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.storage import Folder
from tests.training.squares import SIDE, SIZES, write_squares


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "SQ"
    write_squares(path)
    return path


@pytest.fixture(scope="session")
def pairs(squares: Path) -> tuple[Example, ...]:
    return examples.training([Folder(squares)])


@pytest.fixture(scope="session")
def editor_folder(pairs: tuple[Example, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = np.concatenate(list(examples.read_all(pairs, SIDE)))
    texts = [pair.entry.instruction for pair in pairs]
    vae = tiny.make_autoencoder(SIZES, pictures, seed=0, device=torch.device("cpu"))
    made = tiny.build(SIZES, vae, texts, resolution=SIDE, seed=0)
    path = tmp_path_factory.mktemp("editor")
    made.save(path)
    return path


@pytest.fixture
def small_editor(editor_folder: Path) -> Editor:
    from actionpairs.editors import instruct_pix2pix

    return instruct_pix2pix.load(str(editor_folder))
