"""Rows of different lengths: a computation that was stopped goes on, and ends with the same bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from actionpairs.errors import TrainingError
from actionpairs.training import cache

ROWS_OF_CACHE = 50


def rows_from(start: int) -> Iterator[list[cache.Row]]:
    """Rows of 1 to 5 tokens, three to a block, the last block shorter."""
    for first in range(start, ROWS_OF_CACHE, 3):
        numbers = range(first, min(first + 3, ROWS_OF_CACHE))
        yield [(np.full((1 + each % 5, 4), each, np.uint16), np.full(3, -each, np.float32)) for each in numbers]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*/*"))}


def ragged(folder: Path, compute: Callable[[int], Iterator[list[cache.Row]]]) -> None:
    cache.cached_ragged(folder, "texts", ["signature"], compute)


def stopped(folder: Path, *, at: int) -> Path:
    """A cache whose computation ended at row `at`. Returns its folder."""

    def compute(start: int) -> Iterator[list[cache.Row]]:
        for block in rows_from(start):
            if block[-1][0][0, 0] >= at:
                raise KeyboardInterrupt
            yield block

    with pytest.raises(KeyboardInterrupt):
        ragged(folder, compute)
    [unfinished] = [path for path in folder.iterdir() if path.is_dir()]  # not the lock
    return unfinished


def starts_of_next_run(folder: Path) -> list[int]:
    """The rows that the next run begins with."""
    starts = []
    ragged(folder, lambda start: starts.append(start) or rows_from(start))
    return starts


@pytest.mark.parametrize("at", [0, 20, 40, 49])
def test_a_cache_goes_on_where_it_stopped_and_ends_with_the_same_bytes(tmp_path: Path, at: int) -> None:
    ragged(tmp_path / "whole", rows_from)
    stopped(tmp_path / "parts", at=at)
    (start,) = starts_of_next_run(tmp_path / "parts")
    assert at - 20 < start <= at
    assert (start > 0) == (at > 0)
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")
    assert starts_of_next_run(tmp_path / "parts") == []


@pytest.mark.parametrize("name", ["tokens.bin", "vectors.bin", "lengths.bin"])
@pytest.mark.parametrize("lost", [1, 100, 10_000])
def test_whole_rows_of_a_file_that_was_cut_off_are_kept(tmp_path: Path, name: str, lost: int) -> None:
    ragged(tmp_path / "whole", rows_from)
    path = stopped(tmp_path / "parts", at=49) / name
    before = len((path.parent / "lengths.bin").read_bytes()) // 8
    os.truncate(path, max(0, path.stat().st_size - lost))
    (start,) = starts_of_next_run(tmp_path / "parts")
    bytes_of_rows = {"tokens.bin": 8 * (1 + np.arange(before) % 5), "vectors.bin": [12] * before}
    ends = np.cumsum(bytes_of_rows.get(name, [8] * before))
    assert start == sum(ends <= max(0, ends[-1] - lost))
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


def test_what_an_older_version_left_unfinished_is_computed_again(tmp_path: Path) -> None:
    ragged(tmp_path / "whole", rows_from)
    unfinished = stopped(tmp_path / "parts", at=20)
    (unfinished / "lengths.bin").unlink()
    assert starts_of_next_run(tmp_path / "parts") == [0]
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


def test_a_cache_has_its_name_only_when_all_its_files_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, fsync, replace_by = {}, os.fsync, Path.replace

    def watched(number: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{number}"))
        synced[path.name] = path.stat().st_size
        fsync(number)

    def checked(self: Path, target: Path) -> Path:
        for path in self.iterdir():
            assert synced[path.name] == path.stat().st_size
        return replace_by(self, target)

    monkeypatch.setattr(os, "fsync", watched)
    monkeypatch.setattr(Path, "replace", checked)
    ragged(tmp_path, rows_from)
    assert set(files_of(tmp_path)) == {"layout.json", "starts.npy", "tokens.bin", "vectors.npy"}


def test_rows_of_another_width_do_not_join_a_cache(tmp_path: Path) -> None:
    stopped(tmp_path, at=40)
    with pytest.raises(TrainingError, match="differ in type or width"):
        ragged(tmp_path, lambda start: iter([[(np.zeros((1, 5), np.uint16), np.zeros(3, np.float32))]]))


def test_an_entry_that_another_run_computes_is_waited_for(tmp_path: Path) -> None:
    """Two threads ask for it at once: one computes, the other maps what it has written."""
    computed = []

    def blocks(name: str) -> Iterator[np.ndarray]:
        computed.append(name)
        for number in range(4):
            time.sleep(0.05)
            yield np.full((2, 3), number)

    def ask(name: str) -> np.ndarray:
        return cache.cached_array(tmp_path, "latents", ["signature"], blocks(name), count=8)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(ask, ["one", "other"])
    assert len(computed) == 1
    assert np.array_equal(one, other)
    assert one[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
