"""A recipe says what it means, or says what is wrong with it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from actionpairs import compatibility, recipe, recipe_files, recipe_text
from actionpairs.configs import EditorConfig, RecognizerConfig
from actionpairs.errors import RecipeError
from actionpairs.formats import TableFormat


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", recipe_files.builtin_names())
def test_every_recipe_of_the_package_is_valid(name: str) -> None:
    assert recipe.load(name).name == Path(name).name


def test_a_typo_gets_did_you_mean(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: table\nshard: {filters: {min_chnge: 0.1}}")
    with pytest.raises(RecipeError, match=r"shard\.filters\.min_chnge.*did you mean `min_change`"):
        recipe.load(path)


@pytest.mark.parametrize(
    ("parent", "key", "hint"),
    [
        ("table", "shard.filters.unit", "(did you mean `extract.annotations.unit`?)"),
        ("table", "steps", "(did you mean `train.steps` or `eval.steps`?)"),
        ("table", "seed", "(did you mean `shard.splits.seed`, `shard.instructions.seed` or `train.seed`?)"),
        ("recognizer", "train.freeze", "(a key of another kind)"),
        ("recognizer", "eval.freeze", "(a key of another kind)"),
        ("table", "eval.freeze", "(did you mean `train.freeze`?)"),
    ],
)
def test_a_key_in_the_wrong_place_gets_the_places_that_this_recipe_has_for_it(
    parent: str, key: str, hint: str
) -> None:
    with pytest.raises(RecipeError, match=re.escape(hint)) as caught:
        recipe.load(parent, changes={key: 100})
    assert f"unknown key `{key}`" in caught.value.message


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
        ("extends: table\nextract: {}\nshard: {}\nextract: {}", "key `extract` stands twice, in lines 2 and 4"),
        (
            "extends: table\nshard:\n  filters: {min_change: 1, min_change: 2}",
            "`min_change` stands twice, in lines 3",
        ),
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
        for name in recipe_files.builtin_names():
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


def test_values_by_key_replace_those_of_the_recipe() -> None:
    changed = recipe.load("editaction", changes={"train.steps": 7, "train.action.weight": 0.5, "train.freeze": []})
    assert isinstance(changed.train, EditorConfig)
    assert (changed.train.steps, changed.train.action.weight, changed.train.freeze) == (7, 0.5, ())
    again = recipe.load(changed, changes={"train.steps": 8})
    assert isinstance(again.train, EditorConfig)
    assert (again.train.steps, again.train.action.weight) == (8, 0.5)


def test_a_key_that_does_not_exist_is_named_with_the_most_similar_one() -> None:
    with pytest.raises(RecipeError, match=r"train\.stps.*did you mean `steps`"):
        recipe.load("editaction", changes={"train.stps": 7})


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"train\.steps"):
        recipe.load("editaction", changes={"train.steps": "many"})


@pytest.mark.parametrize(
    ("text", "value"),
    [("2000", 2000), ("1e-5", "1e-5"), ("1.0e-5", 1e-5), ("true", True), ("on", "on"), ("null", None),
     ("[a, b]", ["a", "b"]), ("{a: 1}", {"a": 1}), ("pre to post", "pre to post"), ("a: b: c", "a: b: c")],
)  # fmt: skip
def test_values_are_typed_as_in_a_file(text: str, value: object) -> None:
    assert recipe_files.parse_value(text) == value


def dumped(loaded: recipe.Recipe) -> dict[str, object]:
    return {name: section.model_dump() for name, section in loaded.sections.items()}


def test_a_resolved_recipe_names_the_origin_of_each_key_and_is_a_recipe(tmp_path: Path) -> None:
    loaded = recipe.load("hc-leak-free", changes={"shard.splits.seed": 3})
    text = recipe_text.resolved(loaded)
    lines = [line.partition("  # ") for line in text[: text.index("\ntrain:")].splitlines() if "  # " in line]
    origins = {key.split(":")[0].strip(): origin.strip() for key, _, origin in lines}
    assert origins["seed"] == "--set"
    assert origins["rule"] == "hc-leak-free.yaml"
    assert origins["max_seconds"] == "hc.yaml"
    assert origins["max_rejected"] == "default"
    again = recipe.load(write(tmp_path, text))
    assert dumped(again) == dumped(loaded)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train.stepz": 3}, r"^--set: unknown key `train\.stepz` \(did you mean `steps`\?\)"),
        ({"train.steps": "many"}, r"^--set: `train\.steps`: Input should be a valid integer"),
        ({"shard.filters": {"min_chang": 1}}, r"^--set: unknown key `shard\.filters\.min_chang`"),
        ({"train.cuda_graphs": True}, r"^--set: `train`: Value error, .*set `compile: true` too"),
        ({"train.model": 3}, r"^--set: `train\.model`: Input should be .*; `train\.model`: Input"),
        ({"train.freeze": ["up", 1]}, r"^--set: `train\.freeze\.1`: Input should be a valid string"),
        (
            {"eval.recognizer.labels": [1]},
            r"^--set: `eval\.recognizer\.labels`: [^`]*; `eval\.recognizer\.labels`: ",
        ),
        ({"eval.recognizer.labels": {"a": 1}}, r"^--set: `eval\.recognizer\.labels\.a`: Input should be"),
    ],
)
def test_a_wrong_key_of_set_is_named_as_it_was_written_and_the_recipe_is_not_blamed(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe.load("table", changes=changes)


def test_a_wrong_key_of_a_file_is_named_with_its_file(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: table\ntrain: {stepz: 3}")
    with pytest.raises(RecipeError, match=rf"^{path}: unknown key `train\.stepz` "):
        recipe.load(path, changes={"train.steps": 3})
    path = write(tmp_path, "extends: editaction\ntrain: {cuda_graphs: true}")
    with pytest.raises(RecipeError, match=rf"^{path}: `train`: Value error"):
        recipe.load(path, changes={"train.steps": 3})


def test_the_recipes_of_the_study_are_not_listed_for_a_misspelt_name() -> None:
    with pytest.raises(RecipeError, match=r"no such recipe \(did you mean `table`\?\)\.") as caught:
        recipe.load("tabel")
    assert "table-tiny" in caught.value.cure
    assert "study/" not in caught.value.cure


def test_a_file_of_this_name_is_suggested_without_a_list_of_all_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "extends: table")
    with pytest.raises(RecipeError, match=r"mine: no such recipe \(did you mean `mine\.yaml`\?\)\.") as caught:
        recipe.load("mine")
    assert "`actionpairs recipe list` lists all" in caught.value.cure
    assert "kontext" not in caught.value.cure


def test_a_new_recipe_is_a_commented_copy_and_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    recipe_text.write_new(path, "table")
    assert dumped(recipe.load(path)) == dumped(recipe.load("table"))
    assert "# null if the table has none" in path.read_text()
    with pytest.raises(RecipeError, match="there already"):
        recipe_text.write_new(path, "table")
    with pytest.raises(RecipeError, match="no such recipe"):
        recipe_text.write_new(tmp_path / "other.yaml", "tabel")


def test_a_section_of_another_task_replaces_the_one_that_is_extended(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: table\ntrain: {task: recognizer, steps: 9}")
    config = recipe.load(path).train
    assert isinstance(config, RecognizerConfig)
    assert (config.steps, config.learning_rate) == (9, RecognizerConfig(task="recognizer", steps=9).learning_rate)


def test_a_recipe_can_extend_several_of_which_the_last_counts(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: [table, editaction, kontext]\ntrain: {steps: 9}")
    loaded = recipe.load(path)
    assert loaded.extract == recipe.load("table").extract
    assert loaded.train == recipe.load("kontext", changes={"train.steps": 9}).train


@pytest.mark.parametrize("name", ["hc", "lc", "table"])
def test_a_recipe_for_data_also_trains_and_scores_the_editor_of_the_paper(name: str) -> None:
    loaded, paper = recipe.load(name), recipe.load("editaction")
    assert (loaded.train, loaded.eval) == (paper.train, paper.eval)
