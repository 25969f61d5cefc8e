"""Near-duplicates are found by their bits, all of them, and the earlier one stays."""

from __future__ import annotations

import numpy as np

from actionpairs.curation import duplicates


def test_every_planted_near_duplicate_is_found() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (20_000, 16), np.uint8)
    for number in range(200):
        flipped = np.zeros(128, np.uint8)
        flipped[rng.choice(128, number % 7, replace=False)] = 1
        hashes[19_000 + number] = hashes[number] ^ np.packbits(flipped)
    near = duplicates.find_near_pairs(hashes, max_bits=6)
    assert near.tolist() == [[number, 19_000 + number, number % 7] for number in range(200)]


def test_the_result_is_that_of_comparing_all_with_all() -> None:
    hashes = np.random.default_rng(1).integers(0, 2, (300, 16), np.uint8) * 3  # alike, as in one kitchen
    apart = np.unpackbits(hashes[:, None] ^ hashes[None], axis=2).sum(axis=2)
    expected = [[i, j, apart[i, j]] for i in range(300) for j in range(i + 1, 300) if apart[i, j] <= 8]
    assert len(expected) > 10
    assert duplicates.find_near_pairs(hashes, max_bits=8).tolist() == expected


def test_of_two_the_later_goes_and_takes_no_other_with_it() -> None:
    chain = [("0" * 16, "0" * 16), ("0" * 16, "0" * 15 + "7"), ("0" * 16, "0" * 14 + "3f")]
    dropped = duplicates.find_duplicates(duplicates.pack_hashes(chain), max_bits=3)
    assert dropped == [duplicates.Duplicate(1, 0, 3)]  # the third is near to none but the second
