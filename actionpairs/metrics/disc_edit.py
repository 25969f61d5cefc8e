"""DiscEdit: whether a model knows that an instruction which the input already fulfills asks for no change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from actionpairs.data import rng
from actionpairs.metrics.intervals import SHARE
from actionpairs.metrics.metric import BatchScores, EditBatch, MetricColumn
from actionpairs.training import margins

COLUMN = MetricColumn("DiscEdit", "higher", "action", "%", SHARE)
_KIND = "unfulfilled"


class DiscEdit:
    """Per sample: 100 where the model predicts the input's own noise better under the instruction that the input
    fulfills than under one that asks for a change, else 0. It measures the model and does not look at the edits.

    instructions: key → the fulfilled and the other one. A sample without them takes no part.
    """

    columns = (COLUMN,)
    note = (
        "DiscEdit: of two instructions the input already fulfills one. How often a model predicts the input's own "
        f"noise better under that one, over {margins.TIMES_PER_SAMPLE} times and noises a sample; 50 % is chance. "
        "AURORA's own program lets a model make both edits, and compares how far each is from the input. Edits "
        "from a folder have none, for their model is not here."
    )
    citation = "AURORA: arXiv 2407.03471, section 5"
    digest = ""

    def __init__(self, instructions: Mapping[str, tuple[str, str]], *, seed: int) -> None:
        self._instructions, self._seed = instructions, seed

    def score(self, batch: EditBatch) -> BatchScores:
        """100 or 0; NaN without a model, and for a sample without such instructions."""
        values = np.full(len(batch), np.nan)
        pairs = [self._instructions.get(key) for key in batch.keys]
        if batch.editor is not None and any(pairs):
            right = [own if pair is None else pair[0] for own, pair in zip(batch.instructions, pairs, strict=True)]
            wrong = {_KIND: [None if pair is None else pair[1] for pair in pairs]}
            texts = margins.encode(batch.editor, batch.originals, right, wrong)
            copies = np.stack([batch.originals, batch.originals], axis=1)
            seeds = [rng.torch_seed(self._seed, "DiscEdit", key) for key in batch.keys]
            values = margins.hits(batch.editor, copies, texts, seeds=seeds)[_KIND]
        return BatchScores({COLUMN.name: values})
