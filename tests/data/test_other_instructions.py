"""The rows whose instruction is not the pair's own: those of L_reg and of the identity term."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actionpairs.configs import IdentityConfig
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example

PLAIN = Augmentation(flip=0.5, conditioning_dropout=0.1, negatives=1, drawn_from="all")
STEPS, BATCH = 20, 8


@pytest.mark.parametrize(("share", "places"), [(1.0, range(8)), (0.5, [1, 3, 5, 7]), (0.25, [3, 7])])
def test_the_same_rows_have_a_text_for_regularization_however_a_batch_is_divided(
    pairs: tuple[Example, ...], share: float, places: list[int]
) -> None:
    augmentation = replace(PLAIN, replayed_texts=("paint it red", "remove it"), replayed_share=share)
    sampler = BatchSampler(pairs, augmentation, seed=0, batch_size=BATCH)
    drawn = set()
    for step in range(STEPS):
        whole = sampler.rows(step, slice(None))
        assert whole == (*sampler.rows(step, slice(0, 4)), *sampler.rows(step, slice(4, 8)))
        assert [place for place, row in enumerate(whole) if row.replayed_text is not None] == list(places)
        drawn |= {row.replayed_text for row in whole} - {None}
    assert drawn == set(augmentation.replayed_texts)
    assert drawn <= set(sampler.texts())
    assert augmentation.replayed_rows(BATCH) == len(places)
    assert augmentation.rows(BATCH) == 2 * BATCH + len(places)


def test_other_texts_change_nothing_else_in_the_rows(pairs: tuple[Example, ...]) -> None:
    plain = BatchSampler(pairs, PLAIN, seed=0, batch_size=BATCH)
    more = replace(PLAIN, replayed_texts=("x",), identity=IdentityConfig(dropped=True))
    for step in range(STEPS):
        rows = BatchSampler(pairs, more, seed=0, batch_size=BATCH).rows(step, slice(None))
        expected = plain.rows(step, slice(None))
        assert tuple(replace(row, replayed_text=None, is_identity=False) for row in rows) == expected
        for row in rows:
            assert row.is_identity == (row.text == "" and not row.picture_dropped)


def test_a_share_of_the_rows_asks_for_nothing(pairs: tuple[Example, ...]) -> None:
    identity = IdentityConfig(texts=("do nothing", "leave it as it is"), share=0.3)
    sampler = BatchSampler(pairs, replace(PLAIN, identity=identity), seed=0, batch_size=BATCH)
    rows = [row for step in range(100) for row in sampler.rows(step, slice(None))]
    chosen = [row for row in rows if row.is_identity]
    assert {row.text for row in chosen} == set(identity.texts) <= set(sampler.texts())
    assert not any(row.negative_texts or row.picture_dropped for row in chosen)
    assert not any(row.text in identity.texts for row in rows if not row.is_identity)
    free = [row for row in rows if row.is_identity or not (row.picture_dropped or row.text == "")]
    assert len(chosen) / len(free) == pytest.approx(0.3, abs=0.06)
