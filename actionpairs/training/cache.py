"""Arrays that are computed once and then mapped from disk. A digest of what they depend on names the file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from actionpairs.data.examples import Example


def cached_array(
    folder: Path,
    kind: str,
    signature: Sequence[str],
    blocks: Iterator[np.ndarray],
    *,
    count: int,
) -> np.ndarray:
    """The array with this signature, memory-mapped; it is computed and written first if there is no file.

    blocks: gives blocks of rows, `count` rows in all, once it is asked.
    """
    path = folder / f"{kind}-{_digest(signature)}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, blocks, count=count)
    array: np.ndarray = np.load(path, mmap_mode="r")
    return array


Row = tuple[np.ndarray, np.ndarray | None]  # some tokens, n D, and perhaps one vector of the whole, P


def cached_ragged(
    folder: Path, kind: str, signature: Sequence[str], compute: Callable[[], Iterator[Sequence[Row]]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows of different lengths with this signature: their tokens one after another, mapped; starts; vectors.

    compute: gives blocks of rows. Tokens are N D, starts K + 1, vectors K P or None.
    """
    path = folder / f"{kind}-{_digest(signature)}"
    if not path.exists():
        unfinished = folder / f".{path.name}"
        unfinished.mkdir(parents=True, exist_ok=True)
        _write_ragged(unfinished, compute())
        unfinished.replace(path)
    starts: np.ndarray = np.load(path / "starts.npy")
    vectors: np.ndarray | None = np.load(path / "vectors.npy") if (path / "vectors.npy").exists() else None
    layout = json.loads((path / "layout.json").read_text())
    tokens: np.ndarray = np.memmap(
        path / "tokens.bin", layout["type"], "r", shape=(int(starts[-1]), layout["width"])
    )
    return tokens, starts, vectors


def _write_ragged(folder: Path, blocks: Iterator[Sequence[Row]]) -> None:
    lengths, vectors, layout = [0], list[np.ndarray](), {}
    with (folder / "tokens.bin").open("wb") as file:
        for tokens, vector in (row for block in blocks for row in block):
            layout = {"type": tokens.dtype.name, "width": tokens.shape[1]}
            file.write(tokens.tobytes())
            lengths.append(len(tokens))
            if vector is not None:
                vectors.append(vector)
        file.flush()
        os.fsync(file.fileno())
    np.save(folder / "starts.npy", np.cumsum(lengths))
    if vectors:
        np.save(folder / "vectors.npy", np.stack(vectors))
    (folder / "layout.json").write_text(json.dumps(layout))


def _digest(signature: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(signature).encode()).hexdigest()[:16]


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
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
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
