"""Batches of buckets: one shape each, the same from any sample on and for any number of processes."""

from __future__ import annotations

import numpy as np
import pytest

from actionpairs.data import examples, shapes
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.data.loader import Batch, Loader
from actionpairs.errors import TrainingError
from actionpairs.storage import Folder
from tests.data.shaped import write_shaped

AUGMENTATION = Augmentation(flip=0.5, conditioning_dropout=0.1, negatives=0, drawn_from="all")
STORED = [(36, 64)] * 9 + [(48, 36)] * 5 + [(40, 40)] * 2 + [(64, 36)]
LAST = 3 * len(STORED)


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, ...]:
    path = tmp_path_factory.mktemp("shaped")
    write_shaped(path, STORED)
    return examples.load_train([Folder(path)])


def sampler_of(pairs: tuple[Example, ...]) -> BatchSampler:
    buckets = shapes.of(pairs, resolution=32, multiple=4)
    assert len(set(buckets)) == 4
    return BatchSampler(pairs, AUGMENTATION, seed=3, batch_size=4, shapes=buckets)


def flat(batches: list[Batch]) -> list[tuple[str, int, bytes]]:
    return [
        (row.name, row.epoch, pair.tobytes())
        for batch in batches
        for row, *pictures in zip(batch.rows, batch.originals, batch.edits, strict=True)
        for pair in [np.stack(pictures)]
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_has_the_shape_of_its_step(shaped: tuple[Example, ...], workers: int) -> None:
    sampler = sampler_of(shaped)
    batches = list(Loader(sampler, workers=workers).batches(0, LAST))
    assert len({batch.originals.shape for batch in batches}) > 2
    for step, batch in enumerate(batches):
        shape = sampler.shape(step)
        assert batch.rows == sampler.rows(step, slice(0, 4))[: len(batch.rows)]
        assert batch.originals.shape == batch.edits.shape == (len(batch.rows), *shape, 3)
        for row, *pictures in zip(batch.rows, batch.originals, batch.edits, strict=True):
            plain = examples.load_pair(shaped[row.index], shape)
            assert np.array_equal(np.stack(pictures), plain[:, :, ::-1] if row.flipped else plain)


def test_stopped_at_any_sample_it_goes_on_as_if_it_had_not(shaped: tuple[Example, ...]) -> None:
    whole = flat(list(Loader(sampler_of(shaped)).batches(0, LAST)))
    for sample in [0, 1, 3, 4, 17, 18, 34, LAST - 1]:
        fresh = Loader(sampler_of(shaped), workers=sample % 3)
        assert flat(list(fresh.batches(sample, LAST))) == whole[sample:]


def test_all_processes_take_parts_of_the_same_bucket(shaped: tuple[Example, ...]) -> None:
    """bghira/SimpleTuner#2898 shuffled buckets anew in each process: pairs came twice, others not at all."""
    whole = list(Loader(sampler_of(shaped)).batches(0, 48))
    parts = [list(Loader(sampler_of(shaped), rank=rank, ranks=2).batches(0, 48)) for rank in (0, 1)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert first.rows + second.rows == batch.rows
        assert np.array_equal(np.concatenate([first.originals, second.originals]), batch.originals)


def test_one_size_is_needed_and_not_two(shaped: tuple[Example, ...]) -> None:
    with pytest.raises(TrainingError, match="two sizes"):
        Loader(sampler_of(shaped), 32)
    with pytest.raises(TrainingError, match="no size"):
        Loader(BatchSampler(shaped, AUGMENTATION, seed=3, batch_size=4))
