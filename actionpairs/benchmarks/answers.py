"""The edits that answer a benchmark, as the files that its scorer looks up: our models', or a user's pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from actionpairs.benchmarks import pictures
from actionpairs.benchmarks.benchmark import Benchmark, BenchmarkSample, Faults, decoded
from actionpairs.benchmarks.documents import digest_of, is_name
from actionpairs.data import shapes
from actionpairs.data.examples import Shape
from actionpairs.errors import ScoreError
from actionpairs.evaluation import picture_files
from actionpairs.evaluation.models import EvaluatedModel
from actionpairs.evaluation.predictions import listed
from actionpairs.storage import Folder

Size = tuple[int, int]  # width and height, in pixels


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked: some samples, the size of each input, and the shape at which it is edited and scored."""

    benchmark: Benchmark
    samples: tuple[BenchmarkSample, ...]
    size_of: Mapping[str, Size]
    shape_of: Mapping[str, Shape]

    def original(self, sample: BenchmarkSample) -> np.ndarray:
        """The input at the sample's shape: H W 3 uint8."""
        return pictures.fit_as_input(decoded(sample.original), self.size_of[sample.key], self.shape_of[sample.key])

    def target(self, sample: BenchmarkSample, shape: Shape | None = None) -> np.ndarray:
        """The target at a shape, or at the sample's; raises ValueError if it has none."""
        if sample.target is None:
            raise ValueError(f"{sample.key} has no target")
        shape = shape or self.shape_of[sample.key]
        return pictures.fit_as_input(decoded(sample.target), self.size_of[sample.key], shape)

    def edit(self, sample: BenchmarkSample, pixels: np.ndarray) -> np.ndarray:
        """The edit alone, of a picture that may show the input on its left: H W 3 uint8, of its own size."""
        width, height = self.size_of[sample.key]
        times_as_wide = pixels.shape[1] / pixels.shape[0] / (width / height)
        is_double = self.benchmark.beside_input and abs(times_as_wide / 2 - 1) < abs(times_as_wide - 1)
        return pixels[:, pixels.shape[1] // 2 :] if is_double else pixels


@dataclass(frozen=True, slots=True)
class Answers:
    """One row's edits. origin: how a report names them. model: None for a user's folder, which is `source`.

    file_of: key → the user's file.
    """

    name: str
    origin: str
    digest: str
    out: Folder
    questions: Questions
    model: EvaluatedModel | None = None
    source: Folder | None = None
    file_of: Mapping[str, str] = field(default_factory=dict)

    def has(self, sample: BenchmarkSample) -> bool:
        """Whether there is an edit, or there will be one."""
        return self.model is not None or sample.key in self.file_of

    def exists(self, sample: BenchmarkSample) -> bool:
        """Whether the files that the scorer looks up are there."""
        paths = [self._path(sample)] + ([self._companion(sample)] if sample.companion else [])
        return all(map(self.out.exists, paths))

    def save(self, sample: BenchmarkSample, edit: np.ndarray, data: bytes = b"") -> None:
        """Write an edit and what the scorer wants beside it; the edit comes last, and says that both are there.

        data: its file, if it is to be kept as it is.
        """
        benchmark = self.questions.benchmark
        if sample.companion is not None:
            self.out.write_bytes(self._companion(sample), sample.companion.content())
        if benchmark.beside_input:
            edit, data = np.hstack([self._beside(sample, edit), edit]), b""
        suffix = PurePosixPath(sample.edit).suffix
        self.out.write_bytes(self._path(sample), data or pictures.encode(edit, suffix))

    def load(self, sample: BenchmarkSample) -> np.ndarray:
        """The edit at the sample's shape, from the scorer's file; raises ScoreError where it is no picture."""
        path, questions = self._path(sample), self.questions
        picture = picture_files.decode(self.out.read_bytes(path))
        if picture is None:
            raise ScoreError(f"{self.out}/{path}: not the picture that was written.", cure="Remove it, run again.")
        edit = questions.edit(sample, picture.pixels)
        return pictures.fit_as_input(edit, questions.size_of[sample.key], questions.shape_of[sample.key])

    def copy_missing(self) -> None:
        """Write those of a user's pictures that are not yet where the scorer looks them up."""
        for sample in self.questions.samples:
            if self.source is not None and self.has(sample) and not self.exists(sample):
                file = self.file_of[sample.key]
                data = self.source.read_bytes(file)
                picture = picture_files.decode(data)
                if picture is None:
                    raise ScoreError(f"{self.source}/{file}: has changed since it was checked.", cure="Run again.")
                is_kept = PurePosixPath(file).suffix == PurePosixPath(sample.edit).suffix
                self.save(sample, self.questions.edit(sample, picture.pixels), data if is_kept else b"")

    def _path(self, sample: BenchmarkSample) -> str:
        return self.questions.benchmark.path(self.name, sample)

    def _companion(self, sample: BenchmarkSample) -> str:
        path = sample.companion.path if sample.companion else ""
        return f"{self.questions.benchmark.edits.format(model=self.name)}/{path}"

    def _beside(self, sample: BenchmarkSample, edit: np.ndarray) -> np.ndarray:
        """The input, of the edit's size."""
        if edit.shape[:2] == self.questions.shape_of[sample.key]:
            return self.questions.original(sample)
        return pictures.squeeze(decoded(sample.original), (edit.shape[1], edit.shape[0]))


def of_models(models: Sequence[EvaluatedModel], questions: Questions, out: Folder) -> tuple[Answers, ...]:
    """The answers that our models will make."""
    return tuple(Answers(each.name, each.origin, each.digest, out, questions, each) for each in models)


def of_folders(
    folders: Mapping[str, str],
    questions: Questions,
    out: Folder,
    *,
    taken: Sequence[str],
    allow_missing: bool = False,
) -> tuple[Answers, ...]:
    """A user's folders, name → path. taken: the names of other rows.

    A picture is found by the end of its path, which is the scorer's, with any suffix, or by the key alone where
    keys are unique. Raises ScoreError that names every picture that is missing, given twice or broken, and for a
    name that another row has or that cannot name a folder. allow_missing: as long as there is some picture.
    """
    for name in folders:
        if name in taken or not is_name(name):
            raise ScoreError(
                f"--predictions {name!r}: another row has this name, or no folder can have it.",
                cure="Give it a name of its own, without slashes.",
            )
    return tuple(_of_folder(*each, questions, out, allow_missing=allow_missing) for each in folders.items())


def _of_folder(name: str, path: str, questions: Questions, out: Folder, *, allow_missing: bool) -> Answers:
    source, faults, squeezed = Folder(path), Faults(), Counter[str]()
    files_of, missing = _files_of(source.names(), questions.samples), list[str]()
    for sample in questions.samples:
        files = files_of[sample.key]
        if not files:
            missing.append(PurePosixPath(sample.edit).with_suffix("").as_posix())
        elif len(files) > 1:
            faults.add("given twice", files[0])
        elif (picture := picture_files.decode(source.read_bytes(files[0]))) is None:
            faults.add("broken", files[0])
        elif not _has_aspect_of(questions.edit(sample, picture.pixels), questions.size_of[sample.key]):
            squeezed[files[0]] += 1
    if missing and (not allow_missing or len(missing) == len(questions.samples)):
        for each in missing:
            faults.add("missing", each)
    faults.check(
        f"--predictions {name}: of {len(questions.samples):,} samples",
        cure=(
            "Give one picture for every sample, named as the benchmark's scorer names it: docs/benchmarks.md. "
            "With --allow-missing, samples without a picture are left out, and every row says of how many it is."
        ),
    )
    file_of = {key: files[0] for key, files in files_of.items() if files}
    origin = _origin(name, missing, list(squeezed), of=len(file_of))
    return Answers(name, origin, digest_of(source, file_of.values()), out, questions, None, source, file_of)


def _files_of(names: Sequence[str], samples: Sequence[BenchmarkSample]) -> dict[str, list[str]]:
    """Key → the files whose path ends as the scorer's does, or else that bear the key, where keys are unique."""
    depth = max(len(PurePosixPath(sample.edit).parts) for sample in samples)
    by_end: dict[tuple[str, ...], list[str]] = {}
    by_stem: dict[str, list[str]] = {}
    for name in names:
        path = PurePosixPath(name)
        if path.suffix.lower() in picture_files.SUFFIXES:
            by_end.setdefault(path.with_suffix("").parts[-depth:], []).append(name)
            by_stem.setdefault(path.stem, []).append(name)
    stems = Counter(PurePosixPath(sample.edit).stem for sample in samples)
    files_of = {}
    for sample in samples:
        path = PurePosixPath(sample.edit)
        alone = by_stem.get(path.stem, []) if stems[path.stem] == 1 else []
        files_of[sample.key] = by_end.get(path.with_suffix("").parts) or alone
    return files_of


def _has_aspect_of(pixels: np.ndarray, size: Size) -> bool:
    return shapes.is_of_aspect((pixels.shape[0], pixels.shape[1]), (size[1], size[0]))


def _origin(name: str, missing: Sequence[str], squeezed: Sequence[str], *, of: int) -> str:
    notes = []
    if missing:
        notes.append(f"{len(missing):,} samples have no picture and are left out of its means: {listed(missing)}")
    if squeezed:
        notes.append(
            f"{len(squeezed):,} of {of:,} have another aspect than their input and are squeezed to it, as the "
            f"benchmarks' scorers do: {listed(squeezed)}"
        )
    return f"{name}: a folder of edits" + (f" ({'; '.join(notes)})" if notes else "")
