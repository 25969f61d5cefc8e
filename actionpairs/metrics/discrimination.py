"""Discrimination: whether a model knows which instruction belongs to a pair, P(d⁺ < d⁻)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actionpairs.data import negatives, rng
from actionpairs.metrics.intervals import SHARE
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader
from actionpairs.records import Entry
from actionpairs.training import margins

_NAMES = {"all": "discrimination"} | {kind: f"discrimination ({kind})" for kind in negatives.KINDS[1:]}


_ONE_ACTION = "All {} samples have the same action, {!r}, so there is no wrong instruction to compare with. "


class Discrimination:
    """Per sample: 100 where the model predicts the truth's noise better under the sample's own instruction than
    under a wrong one, else 0. It measures the model and does not look at the edits.

    entries: the samples of the split; the wrong instructions are drawn from them, as in training. There is a
    column for any other action, and one for each kind of hard negatives that some sample has.
    """

    _NOTE = (
        "Discrimination: how often a model predicts the real last frame's noise better under its own instruction "
        f"than under another action's, over {margins.TIMES_PER_SAMPLE} times and noises a sample; 50 % is chance. "
        "In brackets: under hard negatives, of the same verb and another noun, of the same noun and another verb, "
        "or of the same scene (group); samples without one do not count. Edits from a folder have none, for their "
        "model is not here."
    )
    citation = "DiscEdit of AURORA: arXiv 2407.03471"
    digest = ""

    def __init__(self, entries: Sequence[Entry], *, seed: int) -> None:
        self._seed = seed
        named = {entry.key: entry for entry in entries}
        self._negatives = negatives.one_of_each_kind(named, entries, seed=seed)
        is_one_action = len({entry.action for entry in entries}) == 1
        self.note = (_ONE_ACTION.format(len(entries), entries[0].action) if is_one_action else "") + self._NOTE
        self.columns = tuple(
            MetricColumn(name, "higher", "action", "%", SHARE)
            for kind, name in _NAMES.items()
            if kind == "all" or kind in self._negatives
        )

    def score(self, batch: EditBatch) -> BatchScores:
        """100 or 0; NaN without a model, and where the split has no such negative for a sample."""
        values = {column.name: np.full(len(batch), np.nan) for column in self.columns}
        if batch.editor is not None and self._negatives:
            wrong = {kind: [texts.get(key) for key in batch.keys] for kind, texts in self._negatives.items()}
            texts = margins.encode(batch.editor, batch.originals, batch.instructions, wrong)
            pairs = np.stack([batch.originals, batch.truths], axis=1)
            seeds = [rng.torch_seed(self._seed, "discrimination", key) for key in batch.keys]
            for kind, hits in margins.hits(batch.editor, pairs, texts, seeds=seeds).items():
                values[_NAMES[kind]] = hits
        return BatchScores(values)


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    return (Discrimination(inputs.entries, seed=inputs.seed),) if inputs.entries else ()


LOADER = MetricLoader(_load)
