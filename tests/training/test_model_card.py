"""The card names the data, the code and the recipe of a model."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from actionpairs.manifest import StageSpec
from actionpairs.recipe import load
from actionpairs.training import model_card
from actionpairs.training.model_card import ModelCard

CARD = ModelCard("Action editor", "diffusers", "image-to-image", "edit()", ["Trained on 3 pairs."], {"loss": 0.25})


def render() -> str:
    config = load("no-action").train
    return model_card.render(CARD, StageSpec("train", "no-action", config, {"shards 0": "0123abcd"})).decode()


def test_it_holds_facts_losses_data_digest_and_the_whole_recipe() -> None:
    text = render()
    for part in ("# Action editor: no-action", "Trained on 3 pairs.", "| loss | 0.25 |", "shards 0: `0123abcd`"):
        assert part in text
    recipe = yaml.safe_load(text.split("```yaml")[1].split("```")[0])
    assert recipe["action"]["weight"] == 0
    assert recipe["model"]["source"] == "timbrooks/instruct-pix2pix"


def test_it_names_the_commit_of_the_code() -> None:
    folder = Path(model_card.__file__).parent
    commit = subprocess.run(
        ["git", "-C", str(folder), "log", "-1", "--format=%H", "--", "."], capture_output=True, text=True
    ).stdout.strip()
    assert (f"commit `{commit}`" if commit else "installed from a package") in render()


def test_a_checkout_on_the_path_has_a_card_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert "- actionpairs not installed, " in render()
