"""DiscEdit asks the model which of two instructions the input fulfills."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from actionpairs.metrics.disc_edit import COLUMN, DiscEdit
from actionpairs.metrics.metric import EditBatch
from tests.evaluation.conftest import MOVES, make_editor, moved

KEYS = tuple("abcdef")


def batch() -> EditBatch:
    originals = np.stack([moved(list(MOVES)[n % 4], seed=n)[0] for n in range(len(KEYS))])
    return EditBatch(KEYS, ("move",) * 6, ("",) * 6, originals, originals, originals[:0], make_editor())


def test_exchanged_instructions_exchange_hits_and_misses() -> None:
    texts = dict.fromkeys(KEYS[:5], ("keep still", "move left"))
    exchanged = {key: (other, one) for key, (one, other) in texts.items()}
    ours, theirs = (DiscEdit(each, seed=0).score(batch()).values[COLUMN.name] for each in (texts, exchanged))
    assert set(ours[:5]) <= {0.0, 100.0}
    assert np.array_equal(ours[:5], 100 - theirs[:5])


def test_no_sample_counts_without_instructions_or_without_a_model() -> None:
    values = DiscEdit({"a": ("keep still", "move left")}, seed=0).score(batch()).values[COLUMN.name]
    assert np.isnan(values).tolist() == [False, True, True, True, True, True]
    without_model = replace(batch(), editor=None)
    scores = DiscEdit({"a": ("keep still", "move left")}, seed=0).score(without_model)
    assert np.isnan(scores.values[COLUMN.name]).all()
