"""What a benchmark is: samples with an input, sometimes with a target, and where its scorer looks up each edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

import numpy as np

from actionpairs.benchmarks.pictures import Picture
from actionpairs.errors import ScoreError
from actionpairs.evaluation.predictions import listed
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two instructions for one input, as DiscEdit has them.

    fulfilled: what the input already shows, so that nothing has to change. unfulfilled: asks for a change.
    """

    fulfilled: str
    unfulfilled: str


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that the scorer wants beside an edit: its path below the edits' folder, and its bytes."""

    path: str
    content: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class BenchmarkSample:
    """One question of a benchmark.

    key: unique in the benchmark. target: what the picture should become; None where the benchmark has none.
    categories: the parts that its scores are also given for. edit: where the scorer looks up the edit, below the
    folder of a model's edits.
    """

    key: str
    instruction: str
    original: Picture
    edit: str
    target: Picture | None = None
    categories: tuple[str, ...] = ()
    companion: Companion | None = None
    contrast: Contrast | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark as it lies in a folder.

    digest: of every file that was read. edits: the folder of a model's edits, with {model} for its name.
    beside_input: the scorer wants each edit as the right half of a picture whose left half is the input. scorer:
    how the benchmark's own scorer is run on what was written. notes: what a report should say of the files.
    """

    title: str
    samples: tuple[BenchmarkSample, ...]
    digest: str
    edits: str
    scorer: str
    beside_input: bool = False
    notes: tuple[str, ...] = ()

    def path(self, model: str, sample: BenchmarkSample) -> str:
        """Where a model's edit of a sample lies, below the report's folder."""
        return f"{self.edits.format(model=model)}/{sample.edit}"


class BenchmarkLoader(Protocol):
    """Reads one benchmark's folder; raises ScoreError that names everything that is wrong in it."""

    def __call__(self, folder: Folder) -> Benchmark: ...


class Faults:
    """Collects what is wrong, so that one error can name all of it."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, what: str, name: str) -> None:
        """what: the kind of fault, such as "missing"."""
        self._names.setdefault(what, []).append(name)

    def check(self, where: str, *, cure: str) -> None:
        """Raise ScoreError if anything was added."""
        if self._names:
            texts = [f"{len(names):,} {what} ({listed(names)})" for what, names in self._names.items()]
            raise ScoreError(f"{where}: {'; '.join(texts)}.", cure=cure)


def check_keys(title: str, samples: Sequence[BenchmarkSample], faults: Faults) -> None:
    """Raise ScoreError for what was collected, for keys or files that come twice, and where there is no sample."""
    edits: set[str] = set()
    for sample in samples:
        if sample.edit in edits:
            faults.add("given twice", sample.key)
        edits.add(sample.edit)
    faults.check(title, cure="Get the benchmark's files again: docs/benchmarks.md says from where.")
    if not samples:
        raise ScoreError(f"{title}: no samples.", cure="Get the benchmark's files again.")


def sizes_of(title: str, samples: Sequence[BenchmarkSample]) -> dict[str, tuple[int, int]]:
    """Key → the width and height of each input, from the heads of its files; raises ScoreError for broken ones."""
    faults, sizes = Faults(), dict[str, tuple[int, int]]()
    for sample in samples:
        size = sample.original.size()
        if size is None:
            faults.add("broken pictures", sample.original.where)
        else:
            sizes[sample.key] = size
    faults.check(title, cure="Get these files again.")
    return sizes


def check_pictures(title: str, samples: Sequence[BenchmarkSample]) -> None:
    """Decode every picture once; raises ScoreError that names all that are broken."""
    faults = Faults()
    for sample in samples:
        for picture in (sample.original, sample.target):
            if picture is not None and picture.decode() is None:
                faults.add("broken pictures", picture.where)
    faults.check(title, cure="Get these files again.")


def decoded(picture: Picture) -> np.ndarray:
    """A picture that `check_pictures` has passed: H W 3 uint8; raises ScoreError if it has changed since."""
    pixels = picture.decode()
    return pixels if pixels is not None else _changed(picture)


def _changed(picture: Picture) -> NoReturn:
    raise ScoreError(f"{picture.where}: has changed since it was checked.", cure="Run again.")


def text(row: Mapping[str, object], name: str) -> str:
    """A cell as text without blanks around it; empty if it is missing or neither text nor a number.

    Half characters, which JSON can hold and UTF-8 cannot, become question marks.
    """
    value = row.get(name)
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip().encode("utf-8", "replace").decode() if is_text else ""
