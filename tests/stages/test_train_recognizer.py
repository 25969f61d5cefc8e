"""train: a recognizer is trained, scored on pairs that it was not trained on, and saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from actionpairs import manifest
from actionpairs.errors import TrainingError
from actionpairs.recognition import families
from actionpairs.storage import Folder
from tests.stages.training_runs import RECOGNIZER, recipe, run
from tests.training.conftest import without_curves as without_curves
from tests.training.squares import write_squares

pytestmark = pytest.mark.usefixtures("without_curves")


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "SQ"
    write_squares(path)
    return path


def test_a_recognizer_is_trained_scored_and_saved(squares: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, RECOGNIZER)
    assert not run(path, squares, tmp_path / "model", stop_after=1).finished
    summary = run(path, squares, tmp_path / "model")
    assert summary.counts["scored"] == 4
    assert summary.counts["top_5"] == 4
    trained = families.load(str(tmp_path / "model"))
    assert trained.actions == ("move away", "move left", "move near", "move right")
    table = (tmp_path / "model/confusion.csv").read_text().splitlines()
    assert len(table) == 5
    assert "top-1" in (tmp_path / "model/README.md").read_text()
    assert {"config.json", "model.safetensors", "confusion.csv"} <= set(
        manifest.load(Folder(tmp_path / "model"), stage="train").files
    )


def test_a_recognizer_without_test_split_holds_pairs_out(tmp_path: Path) -> None:
    write_squares(tmp_path / "SQ", 24, tests=0)
    summary = run(recipe(tmp_path, RECOGNIZER, steps=1, held_out=0.4), tmp_path / "SQ", tmp_path / "model")
    assert summary.counts["scored"] + summary.counts["pairs"] == 24


def test_one_pair_alone_cannot_be_scored(tmp_path: Path) -> None:
    write_squares(tmp_path / "SQ", 1, tests=0)
    with pytest.raises(TrainingError, match="none of the same actions to score with"):
        run(recipe(tmp_path, RECOGNIZER), tmp_path / "SQ", tmp_path / "model")


@pytest.mark.slow
def test_a_recognizer_learns_to_name_the_actions_of_squares(tmp_path: Path) -> None:
    write_squares(tmp_path / "SQ", 240, tests=40)
    path = recipe(tmp_path, RECOGNIZER, steps=1200, batch_size=16, warmup_steps=50, schedule="cosine")
    assert run(path, tmp_path / "SQ", tmp_path / "model").counts["top_1"] >= 36
