"""Arrays that are computed once and then mapped from disk. A digest of what they depend on names the file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from actionpairs.data.examples import Example


def cached_array(
    folder: Path,
    kind: str,
    signature: Sequence[str],
    compute: Callable[[], Iterator[np.ndarray]],
    *,
    count: int,
) -> np.ndarray:
    """The array with this signature, memory-mapped; it is computed and written first if there is no file.

    compute: yields blocks of rows, `count` rows in all.
    """
    digest = hashlib.sha256("\n".join(signature).encode()).hexdigest()[:16]
    path = folder / f"{kind}-{digest}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, compute(), count=count)
    array: np.ndarray = np.load(path, mmap_mode="r")
    return array


def example_signatures(examples: Sequence[Example]) -> list[str]:
    """A line for each pair that identifies its pictures: data set, key, and where their bytes are."""
    entries = ((example.name, example.entry) for example in examples)
    return [
        f"{name} {entry.shard} {entry.original_offset} {entry.original_size} {entry.edited_size}"
        for name, entry in entries
    ]


def weights_digest(module: nn.Module) -> str:
    """The digest of a network's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy())
    return digest.hexdigest()


def _write(path: Path, blocks: Iterator[np.ndarray], *, count: int) -> None:
    """Write the blocks into one file under another name, and rename it when it is complete."""
    partial = path.with_name(path.name + ".partial")
    first = next(blocks)
    rows = np.lib.format.open_memmap(partial, "w+", dtype=first.dtype, shape=(count, *first.shape[1:]))
    rows[: len(first)] = first
    filled = len(first)
    for block in blocks:
        rows[filled : filled + len(block)] = block
        filled += len(block)
    rows.flush()
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
