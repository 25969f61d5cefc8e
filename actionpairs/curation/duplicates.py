"""Near-duplicates among a million pairs in seconds: by hash distance, never all against all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

_SPARE_CHUNKS = 2  # chunks beyond the differing bits: so many must agree, which makes chance meetings rare
_AT_ONCE = 1 << 22  # candidate pairs compared at a time; this bounds the memory
_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The index of an item that leaves, that of the earlier one that it is near to, and how many bits differ."""

    index: int
    of: int
    bits: int


def pack(hashes: Sequence[tuple[str, str]]) -> NDArray[np.uint8]:
    """Two 64-bit hashes in hexadecimal per item → N 16 bytes."""
    joined = bytes.fromhex("".join(first + last for first, last in hashes))
    return np.frombuffer(joined, np.uint8).reshape(len(hashes), 16)


def later(hashes: NDArray[np.uint8], *, most_bits: int) -> list[Duplicate]:
    """The items to leave out so that no two are left within `most_bits` of each other; of two the later goes.

    hashes: N 16 uint8, the more worth keeping first. An item that leaves takes no other with it.
    """
    near: dict[int, list[tuple[int, int]]] = {}
    for one, two, bits in find(hashes, most_bits=most_bits).tolist():
        near.setdefault(two, []).append((one, bits))
    gone: dict[int, Duplicate] = {}
    for index in sorted(near):
        staying = [(bits, one) for one, bits in near[index] if one not in gone]
        if staying:
            bits, one = min(staying)
            gone[index] = Duplicate(index, one, bits)
    return list(gone.values())


def find(hashes: NDArray[np.uint8], *, most_bits: int) -> NDArray[np.int64]:
    """Every two items within `most_bits` of each other.

    hashes: N 16 uint8. Returns M 3: the smaller index, the larger, the bits that differ; sorted. The bits are cut
    into `most_bits` + 2 chunks, so any two near items agree in at least two of them: only items that agree in
    two chunks are compared. After Norouzi et al., Multi-Index Hashing (CVPR 2012).
    """
    edges = np.linspace(0, 128, most_bits + _SPARE_CHUNKS + 1).round().astype(int)
    bits = np.unpackbits(hashes, axis=1)
    chunks = [np.packbits(bits[:, start:stop], axis=1, bitorder="little") for start, stop in pairwise(edges)]
    found = np.empty((0, 3), np.int64)
    for pair in combinations(chunks, _SPARE_CHUNKS):
        keys = np.concatenate(pair, axis=1)
        found = np.unique(np.concatenate([found, _agreeing(keys, hashes, most_bits)]), axis=0)
    return found


def _agreeing(keys: NDArray[np.uint8], hashes: NDArray[np.uint8], most_bits: int) -> NDArray[np.int64]:
    """The near ones of all items with the same key."""
    whole = np.zeros((len(keys), 16 * -(-keys.shape[1] // 16)), np.uint8)
    whole[:, : keys.shape[1]] = keys
    words = whole.view(np.uint64)
    order = np.lexsort(words.T)
    same = (words[order][1:] == words[order][:-1]).all(axis=1)
    found = [np.empty((0, 3), np.int64)]
    # Neighbors one apart in the sorted order, then two apart, …: until no run of equal keys is that long.
    starts, reach = np.flatnonzero(same), 1
    while len(starts):
        for part in range(0, len(starts), _AT_ONCE):
            one, two = order[starts[part : part + _AT_ONCE]], order[starts[part : part + _AT_ONCE] + reach]
            apart = _ONES[hashes[one] ^ hashes[two]].sum(axis=1, dtype=np.int64)
            close = apart <= most_bits
            found.append(np.stack([np.minimum(one, two), np.maximum(one, two), apart], axis=1)[close])
        starts = starts[starts + reach < len(same)]
        starts = starts[same[starts + reach]]
        reach += 1
    return np.concatenate(found)
