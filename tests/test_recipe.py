"""A recipe says what it means, or says what is wrong with it."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from actionpairs import compatibility, recipe
from actionpairs.configs import EditorConfig, RecognizerConfig
from actionpairs.errors import RecipeError
from actionpairs.formats import TableFormat


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", recipe.builtin_names())
def test_every_recipe_of_the_package_is_valid(name: str) -> None:
    assert recipe.load(name).name == Path(name).name


def test_a_typo_gets_did_you_mean(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: table\nshard: {filters: {min_chnge: 0.1}}")
    with pytest.raises(RecipeError, match=r"shard\.filters\.min_chnge.*did you mean `min_change`"):
        recipe.load(path)


def test_an_unknown_name_gets_did_you_mean() -> None:
    with pytest.raises(RecipeError, match="did you mean `table`"):
        recipe.load("tabel")


def test_a_recipe_states_only_what_differs(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: table\nextract: {annotations: {columns: {video: file}}}")
    ours, theirs = recipe.load(path).extract.annotations, recipe.load("table").extract.annotations
    assert isinstance(ours, TableFormat)
    assert isinstance(theirs, TableFormat)
    assert ours.columns.video == "file"
    assert ours.columns.start == theirs.columns.start == "start_seconds"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "a mapping"),
        ("a: [", "cannot be read as YAML"),
        ("extends: mine", "circle"),
        ("extends: nowhere", "no such recipe"),
        ("extract: {annotations: {format: parchment}}", "extract.annotations"),
        ("extends: table\nshard: {splits: {tests: {x: -1}}}", "shard.splits.tests.x"),
        ("extends: table\nshard: {splits: {train: tabletest}}", "both called"),
        ("extends: editaction\ntrain: {cuda_graphs: true}", "set `compile: true` too"),
        (
            "extends: editaction\ntrain: {compile: true, cuda_graphs: true, accumulation: 2}",
            "leave `accumulation`",
        ),
        ("extends: editaction\ntrain: {fsdp: true, compile: true}", "does not go with"),
        ("extends: editaction\ntrain: {fsdp: true, lora: {}}", "does not go with"),
        ("extends: editaction\ntrain: {fsdp: true, channels_last: true}", "does not go with"),
        ("extends: editaction\ntrain: {fsdp: true, precision: fp16}", "does not go with"),
        ("\x00", "cannot be read as YAML"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        recipe.load(write(tmp_path, text))


def test_a_missing_section_names_recipes_that_have_it(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no `shard` section") as caught:
        recipe.load(write(tmp_path, "eval: {}")).shard  # noqa: B018
    assert "table" in caught.value.cure


def test_a_digest_names_the_content_not_the_spelling(tmp_path: Path) -> None:
    one = recipe.load(write(tmp_path, "extends: table\nshard: {samples_per_shard: 1000}", "one.yaml"))
    two = recipe.load(write(tmp_path, "extends: table\nshard: {samples_per_shard: 999}", "two.yaml"))
    assert one.shard.digest() == recipe.load("table").shard.digest()
    assert one.shard.digest() != two.shard.digest()


OLD_KEYS = """
extends: table
shard: {filters: {max_blown: 0.25}}
train: {task: recogniser, shown: changes}
eval: {study: 7}
"""


def test_keys_of_the_version_before_work_with_a_warning_that_names_the_new_ones(tmp_path: Path) -> None:
    with pytest.warns(FutureWarning) as caught:
        old = recipe.load(write(tmp_path, OLD_KEYS))
    assert old.shard.filters.max_overexposed == 0.25
    assert isinstance(old.train, RecognizerConfig)
    assert (old.train.input, old.eval.rater_samples) == ("changes", 7)
    messages = " ".join(str(warning.message) for warning in caught)
    for key, new in compatibility.KEYS.items():
        assert f"`{'.'.join(key)}` is now called `{new}`" in messages
    assert "`train.task: recogniser` is now called `recognizer`" in messages


@pytest.mark.parametrize(("old", "new"), compatibility.RECIPES.items())
def test_recipes_of_the_version_before_are_there_under_their_new_names(old: str, new: str) -> None:
    with pytest.warns(FutureWarning, match=f"`{old}` is now called `{new}`"):
        assert recipe.load(old).train == recipe.load(new).train


def test_no_recipe_of_the_package_uses_an_old_name() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        for name in recipe.builtin_names():
            recipe.load(name)


def test_a_key_under_both_of_its_names_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: table\nshard: {filters: {max_overexposed: 0.1, max_blown: 0.2}}")
    with pytest.raises(RecipeError, match="`max_blown` and `max_overexposed` are one key"):
        recipe.load(path)


@pytest.mark.parametrize("on", ["right", "wrong", "null", "replay"])
def test_on_is_a_key_and_null_a_word_where_the_field_names_them_so(tmp_path: Path, on: str) -> None:
    texts = ", texts: [paint it red]" if on == "replay" else ""
    path = write(tmp_path, f"extends: editaction\ntrain:\n  regularization: {{on: {on}{texts}}}")
    config = recipe.load(path).train
    assert isinstance(config, EditorConfig)
    assert config.regularization.on == on


def test_words_that_old_yaml_takes_for_booleans_stay_words(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: editaction\ntrain: {square: true, freeze: [on, off, yes, no, y, true to it]}")
    config = recipe.load(path).train
    assert isinstance(config, EditorConfig)
    assert config.freeze == ("on", "off", "yes", "no", "y", "true to it")
    assert config.square is True
