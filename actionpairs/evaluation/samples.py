"""The samples of a split, in batches with the predictions of one row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from actionpairs import shards
from actionpairs.curation import splits
from actionpairs.data import examples, rng
from actionpairs.data.examples import Example
from actionpairs.editors import sampling as editing
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.editors.sampling import Sampling
from actionpairs.evaluation.predictions import ModelPredictions
from actionpairs.metrics.metric import EditBatch
from actionpairs.progress import Progress
from actionpairs.storage import Folder

EditOf = Callable[[Example, np.ndarray], np.ndarray]  # a sample and its pair (2 S S 3) → its edit (S S 3)


def select(source: Folder, split: str, *, limit: int | None = None) -> tuple[Example, ...]:
    """The split's samples by key; with a limit, those that come first in hash order, so that all kinds come."""
    entries = shards.load_entries(source, split)
    chosen = sorted(entries, key=lambda entry: splits.rank(entry.key, seed=0))[:limit]
    return tuple(Example(source, entry.key, entry) for entry in sorted(chosen, key=lambda entry: entry.key))


def generate_missing(
    predictions: ModelPredictions,
    editor: Editor,
    samples: Sequence[Example],
    sampling: Sampling,
    *,
    seed: int,
    batch_size: int,
) -> None:
    """Write the predictions that are missing.

    A batch is made as a whole, so that a run that is stopped and continued writes the same bytes.
    """
    pending = [
        batch
        for batch in _chunks(samples, batch_size)
        if not all(predictions.exists(sample.name) for sample in batch)
    ]
    with Progress(total=sum(map(len, pending)), unit="edit", desc=f"predictions of {predictions.name}") as bar:
        for batch in pending:
            pictures = editing.edit(
                editor,
                np.stack([examples.load_pair(sample, predictions.side)[0] for sample in batch]),
                [sample.entry.instruction for sample in batch],
                seeds=[rng.torch_seed(seed, "edit", sample.name) for sample in batch],
                sampling=sampling,
            )
            for sample, picture in zip(batch, pictures, strict=True):
                predictions.save(sample.name, picture)
            bar.update(len(batch))


def iter_batches(
    name: str,
    samples: Sequence[Example],
    edit_of: EditOf,
    *,
    side: int,
    batch_size: int,
    editor: Editor | None = None,
) -> Iterator[EditBatch]:
    """The samples with one row's edits, S S 3 each. name: the row's, for the progress bar."""
    with Progress(total=len(samples), unit="sample", desc=f"scores of {name}") as bar:
        for batch in _chunks(samples, batch_size):
            pairs = np.stack([examples.load_pair(sample, side) for sample in batch])
            yield EditBatch(
                keys=tuple(sample.name for sample in batch),
                instructions=tuple(sample.entry.instruction for sample in batch),
                actions=tuple(sample.entry.action for sample in batch),
                originals=pairs[:, 0],
                edits=np.stack([edit_of(sample, pair) for sample, pair in zip(batch, pairs, strict=True)]),
                truths=pairs[:, 1],
                editor=editor,
            )
            bar.update(len(batch))


def _chunks(samples: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    return (samples[start : start + size] for start in range(0, len(samples), size))
