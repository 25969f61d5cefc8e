"""The samples of a split, in batches with the predictions of one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from actionpairs import shards
from actionpairs.curation import splits
from actionpairs.data import examples, rng, shapes
from actionpairs.data.examples import Example, Shape
from actionpairs.editors import sampling as editing
from actionpairs.editors.editor import Editor, Sampling
from actionpairs.evaluation import batching
from actionpairs.evaluation.predictions import ModelPredictions
from actionpairs.evaluation.records import PictureShapes, ShapeCount
from actionpairs.metrics.metric import EditBatch
from actionpairs.progress import Progress
from actionpairs.storage import Folder

EditOf = Callable[[Example, np.ndarray], np.ndarray]  # a sample and its pair (2 H W 3) → its edit (H W 3)


def select(source: Folder, split: str, *, limit: int | None = None) -> tuple[Example, ...]:
    """The split's samples by key; with a limit, those that come first in hash order, so that all kinds come."""
    entries = shards.load_entries(source, split)
    chosen = sorted(entries, key=lambda entry: splits.rank(entry.key, seed=0))[:limit]
    return tuple(Example(source, entry.key, entry) for entry in sorted(chosen, key=lambda entry: entry.key))


def shape_of_each(samples: Sequence[Example], *, resolution: int, multiple: int, square: bool) -> dict[str, Shape]:
    """Name → the height and width at which a sample is edited and scored, in the samples' order.

    multiple: of which both sides are, because the compared models need it.
    """
    of_all = shapes.of(samples, resolution=resolution, multiple=multiple, square=square)
    return dict(zip((sample.name for sample in samples), of_all, strict=True))


def summary(shape_of: Mapping[str, Shape], *, resolution: int, square: bool) -> PictureShapes:
    """What a report records of the shapes."""
    counts = sorted(Counter(shape_of.values()).items(), key=lambda item: (-item[1], item[0]))
    return PictureShapes(
        resolution, square, tuple(ShapeCount(width, height, count) for (height, width), count in counts)
    )


# 7 parameters: what is edited, how, and where it is written
def generate_missing(
    predictions: ModelPredictions,
    editor: Editor,
    samples: Sequence[Example],
    sampling: Sampling,
    *,
    seed: int,
    batch_size: int,
    negative_of: Mapping[str, str] | None = None,
) -> None:
    """Write the predictions that are missing. negative_of: what each is guided away from, by name."""

    def edits_of(batch: Sequence[Example]) -> np.ndarray:
        return editing.sample(
            editor,
            np.stack([examples.load_pair(sample, predictions.shape_of[sample.name])[0] for sample in batch]),
            [sample.entry.instruction for sample in batch],
            seeds=[rng.torch_seed(seed, "edit", sample.name) for sample in batch],
            sampling=sampling,
            negatives=[negative_of[sample.name] for sample in batch] if negative_of else (),
        )

    batching.make_missing(
        _batches(samples, predictions.shape_of, batch_size),
        edits_of,
        exists=lambda sample: predictions.exists(sample.name),
        save=lambda sample, picture: predictions.save(sample.name, picture),
        description=f"predictions of {predictions.name}",
    )


def iter_batches(
    name: str,
    samples: Sequence[Example],
    edit_of: EditOf,
    *,
    shape_of: Mapping[str, Shape],
    batch_size: int,
    editor: Editor | None = None,
) -> Iterator[EditBatch]:
    """The samples with one row's edits, shape by shape. name: the row's, for the progress bar."""
    with Progress(total=len(samples), unit="sample", desc=f"scores of {name}") as bar:
        for batch in _batches(samples, shape_of, batch_size):
            pairs = np.stack([examples.load_pair(sample, shape_of[sample.name]) for sample in batch])
            yield EditBatch(
                keys=tuple(sample.name for sample in batch),
                instructions=tuple(sample.entry.instruction for sample in batch),
                actions=tuple(sample.entry.action for sample in batch),
                originals=pairs[:, 0],
                edits=np.stack([edit_of(sample, pair) for sample, pair in zip(batch, pairs, strict=True)]),
                truths=pairs[:, 1],
                editor=editor,
                row=name,
            )
            bar.update(len(batch))


def _batches(samples: Sequence[Example], shape_of: Mapping[str, Shape], size: int) -> Iterator[Sequence[Example]]:
    return batching.by_shape(samples, lambda sample: shape_of[sample.name], size)
