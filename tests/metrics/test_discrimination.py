"""Discrimination has a column for any other action and one for each kind of hard negatives that a split has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actionpairs.data import rng
from actionpairs.data.negatives import NegativeSampler
from actionpairs.editors.editor import Editor
from actionpairs.metrics.discrimination import Discrimination
from actionpairs.metrics.metric import EditBatch
from actionpairs.records import Entry
from actionpairs.training import margins
from tests.evaluation.conftest import MOVES, moved

PAIRS = np.stack([np.stack(moved(action, seed=seed)) for seed, action in enumerate(MOVES)])
DEEDS = "open drawer", "open door", "close drawer", "wave hand"
NAMES = {
    "all": "discrimination",
    "same verb": "discrimination (same verb)",
    "same noun": "discrimination (same noun)",
    "same scene": "discrimination (same scene)",
}


def entries_of(deeds: Sequence[str], groups: str = "1122") -> list[Entry]:
    """Samples whose action is the verb, as in the study's data."""
    return [
        Entry(key, "test", "x.tar", f"{verb} the {noun}", verb, noun, verb, group, 0, 1, 1, 1, 64, 64)
        for key, deed, group in zip("abcd", deeds, groups, strict=True)
        for verb, noun in [deed.split()]
    ]


def test_a_split_of_one_action_has_no_wrong_instruction_and_the_note_says_so() -> None:
    assert Discrimination(entries_of(DEEDS), seed=0).note.startswith("Discrimination: how often")
    one = Discrimination(entries_of(["open drawer"] * 4), seed=0)
    assert one.note.startswith("All 4 samples have the same action, 'open', so there is no wrong instruction")


def batch(entries: Sequence[Entry], editor: Editor | None) -> EditBatch:
    keys, texts, actions = zip(*((one.key, one.instruction, one.action) for one in entries), strict=True)
    return EditBatch(keys, texts, actions, PAIRS[:, 0], PAIRS[:, 1], PAIRS[:, 1], editor=editor)


def test_each_kind_has_the_signs_of_its_margins(small_editor: Editor) -> None:
    entries = entries_of(DEEDS)
    values = Discrimination(entries, seed=5).score(batch(entries, small_editor)).values
    assert list(values) == list(NAMES.values())
    for kind, name in NAMES.items():
        for row, own in enumerate(entries):
            wrong = NegativeSampler(entries, kind).sample(own, count=1, seed=5, epoch=0, name=own.key)
            if not wrong:
                assert np.isnan(values[name][row])
                continue
            right_text, wrong_text = (
                small_editor.condition(texts, PAIRS[row : row + 1, 0]) for texts in ([own.instruction], wrong)
            )
            seeds = [rng.torch_seed(5, "discrimination", own.key)]
            [[margin]] = margins.margins(small_editor, PAIRS[row : row + 1], right_text, [wrong_text], seeds=seeds)
            assert values[name][row] == 100.0 * (margin > 0)
    counts = [int((~np.isnan(values[name])).sum()) for name in NAMES.values()]
    assert counts == [4, 2, 2, 4]  # two open, two are of a drawer, and each room has two


def test_a_kind_that_no_sample_has_is_no_column(small_editor: Editor) -> None:
    entries = entries_of(("open drawer", "open door", "wave hand", "take cup"), groups="1234")
    metric = Discrimination(entries, seed=0)
    assert [column.name for column in metric.columns] == ["discrimination", "discrimination (same verb)"]
    assert list(metric.score(batch(entries, small_editor)).values) == [column.name for column in metric.columns]


def test_edits_without_a_model_have_none() -> None:
    entries = entries_of(DEEDS)
    scores = Discrimination(entries, seed=0).score(batch(entries, None))
    assert all(np.isnan(values).all() for values in scores.values.values())


def test_samples_without_another_action_have_no_value(small_editor: Editor) -> None:
    entries = entries_of(["move left"] * 4)
    metric = Discrimination(entries, seed=0)
    assert [column.name for column in metric.columns] == ["discrimination"]
    assert np.isnan(metric.score(batch(entries, small_editor)).values["discrimination"]).all()
