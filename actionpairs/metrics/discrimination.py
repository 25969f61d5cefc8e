"""Discrimination: whether a model knows which instruction belongs to a pair, P(d⁺ < d⁻)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from actionpairs.data import rng
from actionpairs.data.batches import NegativeSampler
from actionpairs.editors.conditioning import concatenate
from actionpairs.editors.editor import Editor
from actionpairs.editors.noise import noised
from actionpairs.metrics.intervals import SHARE
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader
from actionpairs.records import Entry
from actionpairs.training import losses

COLUMN = MetricColumn("discrimination", "higher", "action", "%", SHARE)
TIMES_PER_SAMPLE = 8  # diffusion times and noises for each pair, over which the errors are summed


class Discrimination:
    """Per sample: 100 where the model predicts the truth's noise better under the sample's own instruction than
    under another action's, else 0. It measures the model and does not look at the edits.

    entries: the samples of the split; the other instructions are drawn from them, as in training.
    """

    columns = (COLUMN,)
    note = (
        "Discrimination: how often a model predicts the real last frame's noise better under its own instruction "
        f"than under another action's, over {TIMES_PER_SAMPLE} times and noises a sample; 50 % is chance. Edits "
        "from a folder have none, for their model is not here."
    )
    citation = "DiscEdit of AURORA: arXiv 2407.03471"
    digest = ""

    def __init__(self, entries: Sequence[Entry], *, seed: int) -> None:
        sampler = NegativeSampler(entries)
        self._seed, self._negative_of = seed, dict[str, str]()
        for entry in entries:
            if texts := sampler.sample(entry, count=1, seed=seed, epoch=0, name=entry.key):
                self._negative_of[entry.key] = texts[0]

    def score(self, batch: EditBatch) -> BatchScores:
        """100 or 0; NaN without a model, and where the split has no other action."""
        values = np.full(len(batch), np.nan)
        rows = [row for row, key in enumerate(batch.keys) if key in self._negative_of]
        if batch.editor is not None and rows:
            keys = [batch.keys[row] for row in rows]
            differences = margins(
                batch.editor,
                np.stack([batch.originals[rows], batch.truths[rows]], axis=1),
                [batch.instructions[row] for row in rows],
                [self._negative_of[key] for key in keys],
                seeds=[rng.torch_seed(self._seed, "discrimination", key) for key in keys],
            )
            values[rows] = 100.0 * (differences > 0)
        return BatchScores({COLUMN.name: values})


@torch.inference_mode()
def margins(
    editor: Editor, pairs: np.ndarray, right: Sequence[str], wrong: Sequence[str], *, seeds: Sequence[int]
) -> np.ndarray:
    """d⁻ − d⁺: how much worse the truth's noise is predicted under a wrong instruction than under the right one.

    pairs: B 2 S S 3 uint8, input and truth; returns B float64. d⁺ and d⁻ are squared errors on the same noise at
    the same times, one from each of TIMES_PER_SAMPLE equal parts of the schedule, drawn by each sample's own seed.
    """
    process, device = editor.noise_process(), editor.device
    original, clean = (editor.encode(pairs[:, place])[0] for place in range(2))
    clean, reference = editor.normalize(clean), editor.reference(original).to(editor.dtype)
    texts = concatenate([editor.condition(each, pairs[:, 0]) for each in (right, wrong)]).to(device, editor.dtype)
    generators = [np.random.default_rng(seed) for seed in seeds]
    total = np.zeros(len(pairs))
    for part in range(TIMES_PER_SAMPLE):
        shares = [(part + each.random()) / TIMES_PER_SAMPLE for each in generators]
        times = torch.tensor([process.at(share) for share in shares]).to(device)
        drawn = np.stack([each.standard_normal(clean.shape[1:], dtype=np.float32) for each in generators])
        noise = torch.from_numpy(drawn).to(device)
        noisy = noised(process, clean, noise, times).to(editor.dtype)
        target = process.target(clean, noise, times)
        inputs = noisy.repeat(2, 1, 1, 1), times.repeat(2), reference.repeat(2, 1, 1, 1)
        predicted = editor.predict(editor.denoiser, *inputs, texts)
        under_right, under_wrong = (losses.squared_errors(each, target) for each in predicted.chunk(2))
        total += np.asarray((under_wrong - under_right).double().cpu())
    return total


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    return (Discrimination(inputs.entries, seed=inputs.seed),) if inputs.entries else ()


LOADER = MetricLoader(_load)
