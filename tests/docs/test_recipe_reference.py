"""docs/recipes.md goes by keys, stage by stage, and not by our classes."""

from __future__ import annotations

import re
import runpy

import pytest

from actionpairs import recipe
from actionpairs.recipe_files import builtin_names
from tests.docs.pages import DOCS

reference = runpy.run_path(str(DOCS / "reference.py"))
TEXT = (DOCS / "recipes.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^##+ (.+)$", TEXT, flags=re.MULTILINE)


def keys(values: object, path: str) -> list[str]:
    """The paths of all keys of a section that a recipe states or leaves at its default."""
    if not isinstance(values, dict) or path in {
        "shard.splits.tests",
        "shard.splits.subsets",
        "shard.expected.splits",
    }:
        return [path]
    return [path, *(inner for key, value in values.items() for inner in keys(value, f"{path}.{key}"))]


@pytest.mark.parametrize("name", [name for name in builtin_names() if "/" not in name])
def test_every_key_of_every_recipe_has_a_row(name: str) -> None:
    for stage, section in recipe.load(name).sections.items():
        for path in keys(section.model_dump(mode="json"), stage)[1:]:
            if not re.search(r"\.(request|unseen_verbs|verbs|actions)\.", path):
                assert f"| `{path}` |" in TEXT, path


def test_headings_are_paths_by_stage_and_no_classes() -> None:
    stages = [heading for heading in HEADINGS if "." not in heading and "`" not in heading]
    assert stages == list(reference["SECTIONS"]) == ["extract", "shard", "train", "eval"]
    assert {"`shard.filters`", "`train.action`", "`extract.annotations` with `format: table`"} <= set(HEADINGS)
    assert len(set(HEADINGS)) == len(HEADINGS)
    assert not re.findall(r"\b[A-Z]\w+(?:Config|Format|Model)\b", TEXT)


def test_links_inside_the_page_have_a_heading() -> None:
    anchors = {reference["_anchor"](heading) for heading in HEADINGS}
    assert set(re.findall(r"\]\((#[^)]+)\)", TEXT)) <= anchors


def test_meanings_come_from_the_docstrings() -> None:
    assert "| `train.regularization.change_weight` | as `train.regularization.time_weights` |" in TEXT
    assert "| `shard.source.license` | its identifier on the Hugging Face hub | text | `''` |" in TEXT
    assert "| whole number, at least 1, at most 100 | `95` |" in TEXT
