"""Instructions are drawn from templates by hash: the same for a pair whatever else there is, and always whole."""

from __future__ import annotations

import csv
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpairs import recipe
from actionpairs.configs import TemplateInstructions
from actionpairs.configs.instructions import FIELDS
from actionpairs.curation.instructions import from_templates, hash_index
from actionpairs.errors import RecipeError, ShardError

ROWS = [
    ("a", "take", "cup", "take cup", "takes a cup"),
    ("b", "put-down", "board:chopping", "put-down board:chopping", "puts the board down"),
    ("c", "turn-on", "tap", "turn-on tap", "tap on"),
    ("d", "wait", "", "wait", "waiting"),
]


def facts(rows: list[tuple[str, ...]]) -> pa.Table:
    names = ("id", "verb", "noun", "action", "instruction")
    return pa.table({name: [row[number] for row in rows] for number, name in enumerate(names)})


def drawn(rows: list[tuple[str, ...]], **options: object) -> dict[str, str]:
    """Id → instruction."""
    config = TemplateInstructions(**{"by": "templates", "otherwise": ["{instruction}"], **options})
    table = facts(rows)
    texts = from_templates(table, np.ones(len(rows), bool), config).replaced_in(table)
    return dict(zip(texts["id"].to_pylist(), texts["instruction"].to_pylist(), strict=True))


def test_templates_are_of_the_action_else_of_the_verb_else_of_all() -> None:
    texts = drawn(ROWS, verbs={"take": ["pick up the {noun}"]}, actions={"turn-on tap": ["run the tap"]})
    assert texts == {
        "a": "pick up the cup",
        "b": "put down the chopping board",
        "c": "run the tap",
        "d": "waiting",
    }


def test_every_field_is_the_word_of_the_pair() -> None:
    template = "{verb}|{noun}|{label}|{instruction}|{narration}"
    expected = "put down|chopping board|put down chopping board|puts the board down|puts the board down"
    assert drawn([ROWS[1]], templates=[template]) == {"b": expected}


def test_a_template_is_drawn_only_for_a_pair_that_has_its_fields() -> None:
    rows = [(f"r{number}", "wait", "", "wait", "w") for number in range(50)]
    assert set(drawn(rows, templates=["{verb} the {noun}", "{verb} a while"]).values()) == {"wait a while"}


def test_a_pair_that_fits_no_template_is_an_error_that_says_which_and_the_cure() -> None:
    with pytest.raises(ShardError, match=r"1 pairs fit no template.*'d' has no noun.*'waiting'") as caught:
        drawn(ROWS, otherwise=None)
    assert "otherwise" in caught.value.cure


def test_a_label_of_one_key_is_turned_as_one() -> None:
    assert drawn([("a", "", "", "lid: put on", "x")], templates=["{label}"]) == {"a": "put on lid"}


def test_text_in_braces_is_text() -> None:
    rows = [("a", "take", "{verb.__class__}", "x", "{0} {narration!r}")]
    assert drawn(rows, templates=["take {noun}: {narration}"]) == {"a": "take {verb. class }: {0} {narration!r}"}


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=20, unique=True), st.integers(0, 99))
def test_a_pair_keeps_its_instruction_whatever_other_pairs_there_are(ids: list[str], seed: int) -> None:
    rows = [(name, "take", "cup", "take cup", "t") for name in ids]
    templates = [f"{{verb}} {number}" for number in range(5)]
    whole = drawn(rows, templates=templates, seed=seed)
    random.Random(seed).shuffle(rows)
    assert drawn(rows[: len(rows) // 2 + 1], templates=templates, seed=seed).items() <= whole.items()


def test_another_seed_draws_anew_and_every_template_gets_its_share() -> None:
    rows = [(f"P01_{number}", "take", "cup", "take cup", "t") for number in range(4000)]
    templates = [f"{{verb}} {number}" for number in range(4)]
    one, two = drawn(rows, templates=templates), drawn(rows, templates=templates, seed=1)
    assert all(900 < count < 1100 for count in Counter(one.values()).values())
    assert 2800 < sum(one[name] != two[name] for name in one) < 3200


def test_the_draw_does_not_follow_the_split() -> None:
    # Test splits take the first ids in the hash order of the same seed: their hashes have the same leading digits.
    from actionpairs.curation.splits import hash_order

    ids = [f"P01_{number}" for number in range(4000)]
    tested = [ids[index] for index in hash_order(ids, seed=0)[:500]]
    counts = Counter(hash_index(4, seed=0, pair_id=name) for name in tested)
    assert all(90 < counts[number] < 160 for number in range(4))


def test_dropped_pairs_keep_their_words_and_are_not_counted() -> None:
    table = facts(ROWS)
    instructions = from_templates(
        table,
        np.array([True, False, True, False]),
        TemplateInstructions(by="templates", verbs={"take": ["grab it"]}),
    )
    assert instructions.counts == {"templates of all": 1, "templates of the verb": 1}
    assert instructions.replaced_in(table)["instruction"].to_pylist() == [
        "grab it",
        "puts the board down",
        "turn on the tap",
        "waiting",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("templates: []", "at least 1"),
        ("templates: ['']", "an empty template"),
        ("templates: ['{object}']", r"\{object\} is no field of an instruction.*\{narration\}"),
        ("templates: ['{verb.__class__}']", "is no field"),
        ("templates: ['{noun!r}']", "is no field"),
        ("templates: ['{noun:>9}']", "is no field"),
        ("templates: ['{']", "Single"),
        ("verbs: {take: grab it}", "verbs.take"),
        ("template: [x]", "did you mean `templates`"),
    ],
)
def test_wrong_templates_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: table\nshard: {{instructions: {{by: templates, {text}}}}}")
    with pytest.raises(RecipeError, match=says):
        recipe.load(path)


# The recipe that comes with the package.


def hc_instructions() -> TemplateInstructions:
    config = recipe.load("hc-instructions").shard.instructions
    assert isinstance(config, TemplateInstructions)
    return config


def test_hc_instructions_has_two_to_four_different_sentences_for_every_verb() -> None:
    config = hc_instructions()
    for templates in [*config.verbs.values(), *config.actions.values()]:
        assert 2 <= len(set(templates)) == len(templates) <= 4
        for template in templates:
            text = template.format_map(dict.fromkeys(FIELDS, "cup"))
            assert text == text.strip().lower()
            assert text.isprintable()
            assert "  " not in text
            assert not text.endswith(".")
    for templates in config.verbs.values():
        assert all("the {noun}" in template for template in templates)


def test_hc_instructions_changes_nothing_but_the_words() -> None:
    ours, theirs = recipe.load("hc-instructions"), recipe.load("hc")
    assert ours.extract == theirs.extract
    changed = {name for name, value in ours.shard if value != getattr(theirs.shard, name)}
    assert changed == {"dataset", "instructions"}


def test_hc_instructions_knows_every_verb_class_of_epic_kitchens(shared: Path) -> None:
    folder = shared / "annotations/epic100"
    with (folder / "EPIC_100_verb_classes.csv").open() as file:
        verbs = {row["key"] for row in csv.DictReader(file)}
    assert len(verbs) == 97
    assert set(hc_instructions().verbs) == verbs


def test_hc_instructions_special_actions_are_actions_of_epic_kitchens(shared: Path) -> None:
    folder = shared / "annotations/epic100"
    keys = []
    for kind in ("verb", "noun"):
        with (folder / f"EPIC_100_{kind}_classes.csv").open() as file:
            keys.append({row["key"] for row in csv.DictReader(file)})
    for action in hc_instructions().actions:
        verb, noun = action.split(" ")
        assert verb in keys[0]
        assert noun in keys[1]
