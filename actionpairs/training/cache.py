"""Arrays that are computed once and then mapped from disk. A digest of what they depend on names the file."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from actionpairs.data.examples import Example
from actionpairs.errors import TrainingError


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
        with _alone(path):
            if not path.exists():
                _write(path, blocks, count=count)
    array: np.ndarray = np.load(path, mmap_mode="r")
    return array


Row = tuple[np.ndarray, np.ndarray | None]  # some tokens, n D, and perhaps one vector of the whole, P


def cached_ragged(
    folder: Path, kind: str, signature: Sequence[str], compute: Callable[[int], Iterator[Sequence[Row]]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows of different lengths with this signature: their tokens one after another, mapped; starts; vectors.

    compute: gives blocks of rows from a row's number on. If an earlier run was stopped, its rows are kept. Tokens
    are N D, starts K + 1, vectors K P or None. Raises TrainingError if rows differ in type or width.
    """
    path = folder / f"{kind}-{_digest(signature)}"
    if not path.exists():
        with _alone(path):
            if not path.exists():
                _publish_ragged(path, compute)
    starts: np.ndarray = np.load(path / "starts.npy")
    vectors: np.ndarray | None = np.load(path / "vectors.npy") if (path / "vectors.npy").exists() else None
    layout = json.loads((path / "layout.json").read_text())
    tokens: np.ndarray = np.memmap(
        path / "tokens.bin", layout["type"], "r", shape=(int(starts[-1]), layout["width"])
    )
    return tokens, starts, vectors


def _publish_ragged(path: Path, compute: Callable[[int], Iterator[Sequence[Row]]]) -> None:
    unfinished = path.with_name(f".{path.name}")
    unfinished.mkdir(parents=True, exist_ok=True)
    _write_ragged(unfinished, compute)
    unfinished.replace(path)
    _sync(path.parent)
    for name in _UNFINISHED:  # only now: without them a stopped run would begin again
        (path / name).unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other run computes this entry of a shared cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


_ROWS_PER_FLUSH = 16  # so many are lost at most; one that has seen a picture is some megabytes
_UNFINISHED = ("rows.json", "vectors.bin", "lengths.bin")


def _write_ragged(folder: Path, compute: Callable[[int], Iterator[Sequence[Row]]]) -> None:
    waiting: list[Row] = []
    for block in compute(_whole_rows(folder)):
        waiting.extend(block)
        if len(waiting) >= _ROWS_PER_FLUSH:
            _append(folder, waiting)
            waiting.clear()
    if waiting:
        _append(folder, waiting)
    layout = json.loads((folder / "rows.json").read_text())
    if layout["vectors"]:
        vectors = np.fromfile(folder / "vectors.bin", layout["vectors"]["type"])
        np.save(folder / "vectors.npy", vectors.reshape(-1, layout["vectors"]["width"]))
    np.save(folder / "starts.npy", np.cumsum([0, *np.fromfile(folder / "lengths.bin", np.int64)]))
    (folder / "layout.json").write_text(json.dumps(layout["tokens"]))
    for path in (*folder.iterdir(), folder):
        _sync(path)


def _append(folder: Path, rows: Sequence[Row]) -> None:
    """Write rows behind those of the folder. lengths.bin, which counts them, comes last."""
    layouts = [{"tokens": _layout(tokens), "vectors": _layout(vector)} for tokens, vector in rows]
    if not (folder / "rows.json").exists():
        (folder / "rows.json").write_text(json.dumps(layouts[0]))
        _sync(folder / "rows.json")
    layout = json.loads((folder / "rows.json").read_text())
    if any(each != layout for each in layouts):
        raise TrainingError("Rows of one cache differ in type or width.", cure=f"Remove {folder}.")
    contents = {
        "tokens.bin": [tokens.tobytes() for tokens, _ in rows],
        "vectors.bin": [vector.tobytes() for _, vector in rows if vector is not None],
        "lengths.bin": [np.array([len(tokens) for tokens, _ in rows], np.int64).tobytes()],
    }
    for name, parts in contents.items():
        with (folder / name).open("ab") as file:
            file.writelines(parts)
        _sync(folder / name)


def _whole_rows(folder: Path) -> int:
    """How many rows a stopped run has left whole. What it wrote beyond them is cut off."""
    counted = folder / "lengths.bin"
    lengths = np.fromfile(counted, np.int64) if counted.exists() else np.empty(0, np.int64)
    if not len(lengths):
        for path in folder.iterdir():
            path.unlink()
        return 0
    layout, numbers = json.loads((folder / "rows.json").read_text()), np.arange(1, len(lengths) + 1)
    ends = {
        "tokens.bin": lengths.cumsum() * _bytes_of(layout["tokens"]),
        "vectors.bin": numbers * _bytes_of(layout["vectors"]),
        "lengths.bin": numbers * lengths.itemsize,
    }
    sizes = {name: (folder / name).stat().st_size for name in ends}
    kept = min(int(np.searchsorted(end, sizes[name], "right")) for name, end in ends.items())
    for name, end in ends.items():
        os.truncate(folder / name, end[kept - 1] if kept else 0)
    return kept


def _layout(array: np.ndarray | None) -> dict[str, str | int] | None:
    return None if array is None else {"type": array.dtype.name, "width": array.shape[-1]}


def _bytes_of(layout: dict[str, Any] | None) -> int:
    """Of one token or vector."""
    return np.dtype(layout["type"]).itemsize * int(layout["width"]) if layout else 0


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


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
    _sync(partial)
    partial.replace(path)
