"""Near-duplicates among a million pairs, in seconds: by hash distance, without comparing all with all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

_MATCHING_CHUNKS = 2  # chunks that must be equal before two items are compared: few items agree in two by chance
_BATCH_SIZE = 1 << 22  # candidates compared at a time; this bounds the memory
_BIT_COUNTS = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A near-duplicate: its index, the index of the earlier item that is kept, and how many bits differ."""

    index: int
    kept_index: int
    bits: int


def pack_hashes(hashes: Sequence[tuple[str, str]]) -> NDArray[np.uint8]:
    """Two 64-bit hashes in hexadecimal per item → N 16 uint8."""
    joined = bytes.fromhex("".join(first + last for first, last in hashes))
    return np.frombuffer(joined, np.uint8).reshape(len(hashes), 16)


def find_duplicates(hashes: NDArray[np.uint8], *, max_bits: int) -> list[Duplicate]:
    """The items to drop so that no two of the rest are within `max_bits` of each other; of two the later goes.

    hashes: N 16 uint8, the items to keep first. An item that is dropped is no reason to drop another.
    """
    earlier: dict[int, list[tuple[int, int]]] = {}
    for one, two, bits in find_near_pairs(hashes, max_bits=max_bits).tolist():
        earlier.setdefault(two, []).append((one, bits))
    dropped: dict[int, Duplicate] = {}
    for index in sorted(earlier):
        kept = [(bits, one) for one, bits in earlier[index] if one not in dropped]
        if kept:
            bits, one = min(kept)
            dropped[index] = Duplicate(index, one, bits)
    return list(dropped.values())


def find_near_pairs(hashes: NDArray[np.uint8], *, max_bits: int) -> NDArray[np.int64]:
    """Every two items within `max_bits` of each other: M 3, the smaller index, the larger, the bits that differ.

    hashes: N 16 uint8. Rows are sorted. The 128 bits are divided into `max_bits` + 2 chunks. Two near items are
    equal in at least two of them, so only items that share two chunks are compared. After Norouzi et al.,
    Multi-Index Hashing (CVPR 2012).
    """
    edges = np.linspace(0, 128, max_bits + _MATCHING_CHUNKS + 1).round().astype(int)
    bits = np.unpackbits(hashes, axis=1)
    chunks = [np.packbits(bits[:, start:stop], axis=1, bitorder="little") for start, stop in pairwise(edges)]
    near = np.empty((0, 3), np.int64)
    for matching in combinations(chunks, _MATCHING_CHUNKS):
        keys = np.concatenate(matching, axis=1)
        near = np.unique(np.concatenate([near, _near_with_equal_keys(keys, hashes, max_bits)]), axis=0)
    return near


def _near_with_equal_keys(keys: NDArray[np.uint8], hashes: NDArray[np.uint8], max_bits: int) -> NDArray[np.int64]:
    """Near items among those with the same key: M 3, unsorted."""
    padded = np.zeros((len(keys), 16 * -(-keys.shape[1] // 16)), np.uint8)
    padded[:, : keys.shape[1]] = keys
    words = padded.view(np.uint64)
    order = np.lexsort(words.T)
    same = (words[order][1:] == words[order][:-1]).all(axis=1)
    near = [np.empty((0, 3), np.int64)]
    # Neighbors one apart in the sorted order, then two apart, …: until no run of equal keys is that long.
    starts, distance = np.flatnonzero(same), 1
    while len(starts):
        for first in range(0, len(starts), _BATCH_SIZE):
            batch = starts[first : first + _BATCH_SIZE]
            one, two = order[batch], order[batch + distance]
            bits = _BIT_COUNTS[hashes[one] ^ hashes[two]].sum(axis=1, dtype=np.int64)
            rows = np.stack([np.minimum(one, two), np.maximum(one, two), bits], axis=1)
            near.append(rows[bits <= max_bits])
        starts = starts[starts + distance < len(same)]
        starts = starts[same[starts + distance]]
        distance += 1
    return np.concatenate(near)
