"""The predictions that a report scores: edited pictures, made by our models or with other tools."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

import cv2
import numpy as np

from actionpairs.data import examples, shapes
from actionpairs.data.examples import Example, Shape
from actionpairs.errors import ScoreError
from actionpairs.evaluation import picture_files
from actionpairs.evaluation.models import EvaluatedModel
from actionpairs.evaluation.picture_files import DecodedPicture
from actionpairs.evaluation.records import COPY, TRUTH
from actionpairs.manifest import FileDigest
from actionpairs.storage import Folder

FOLDER = "predictions"  # of a report's folder; below it one folder for each model
_MOST_NAMES = 10  # of each fault in a message


class Predictions(Protocol):
    """The predictions of one row. `origin` is how a report names them; `digest` names their source by content."""

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> str: ...

    @property
    def digest(self) -> str: ...

    def has(self, key: str) -> bool:
        """Whether there is a prediction for a sample; only a user's folder may lack some."""

    def load(self, key: str) -> np.ndarray:
        """The prediction for a sample: H W 3 uint8, of the sample's shape."""


@dataclass(frozen=True, slots=True)
class ModelPredictions:
    """What one of our models made: PNG files under predictions/NAME of the report's folder."""

    model: EvaluatedModel
    folder: Folder
    shape_of: Mapping[str, Shape]  # by key

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    @property
    def origin(self) -> str:
        """The model's name and where it comes from."""
        return self.model.origin

    @property
    def digest(self) -> str:
        """The model's."""
        return self.model.digest

    def has(self, key: str) -> bool:
        """Yes: what is missing is made before it is scored."""
        return True

    def exists(self, key: str) -> bool:
        """Whether this prediction has been made."""
        return self.folder.exists(self._file(key))

    def save(self, key: str, picture: np.ndarray) -> None:
        """Write a prediction, H W 3 uint8, without loss."""
        _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self.folder.write_bytes(self._file(key), data.tobytes())

    def load(self, key: str) -> np.ndarray:
        """The prediction for a sample; raises ScoreError where the file is not what was written."""
        picture = picture_files.decode(self.folder.read_bytes(self._file(key)))
        if picture is None or picture.pixels.shape[:2] != self.shape_of[key]:
            raise ScoreError(
                f"{self.folder}/{self._file(key)}: not the picture that was written.",
                cure="Remove it and run again.",
            )
        return picture.pixels

    def _file(self, key: str) -> str:
        return f"{FOLDER}/{self.name}/{key}.png"


@dataclass(frozen=True, slots=True)
class FolderPredictions:
    """A user's folder of pictures, one for each sample that it has; `open_folder` has checked them."""

    name: str
    folder: Folder
    file_of: Mapping[str, str]  # key → file
    shape_of: Mapping[str, Shape]  # key → the shape at which it is scored
    resized: Counter[Shape]  # the shape of a picture that has another size → how many have it
    treated: Counter[str]  # what was done to make 8-bit RGB of a picture → to how many
    missing: tuple[str, ...]  # keys without a picture; none, unless that is allowed
    extra: tuple[str, ...]
    digest: str

    @property
    def origin(self) -> str:
        """What was done to pictures, which are missing, and files of no sample are counted and named too."""
        notes = [f"{count} of {len(self.file_of)} {what}" for what, count in sorted(self.treated.items())]
        if self.missing:
            notes.append(
                f"{len(self.missing)} of {len(self.shape_of)} samples have no picture and are left out of its "
                f"means: {listed(self.missing)}"
            )
        if self.resized:
            sizes = [f"{count} of {_size(shape)}" for shape, count in sorted(self.resized.items())]
            notes.append(
                f"{self.resized.total()} of {len(self.file_of)} resized to the scored size, as the inputs are: "
                f"{listed(sizes)}"
            )
        if self.extra:
            files = "file" if len(self.extra) == 1 else "files"
            notes.append(f"{len(self.extra)} {files} of no sample left aside: {listed(self.extra)}")
        return f"{self.name}: a folder of predictions" + (f" ({'; '.join(notes)})" if notes else "")

    def has(self, key: str) -> bool:
        """Whether the folder has a picture for a sample."""
        return key in self.file_of

    def load(self, key: str) -> np.ndarray:
        """The prediction for a sample, resized where it has another size.

        Raises ScoreError where it can no longer be decoded.
        """
        picture = picture_files.decode(self.folder.read_bytes(self.file_of[key]))
        if picture is None:
            raise ScoreError(
                f"{self.folder}/{self.file_of[key]}: has changed since it was checked.", cure="Run again."
            )
        return examples.fit(picture.pixels, self.shape_of[key])


def open_folders(
    folders: Mapping[str, str],
    others: Sequence[Predictions],
    samples: Sequence[Example],
    shape_of: Mapping[str, Shape],
    *,
    allow_missing: bool = False,
) -> tuple[FolderPredictions, ...]:
    """Check a user's folders of predictions by `open_folder`. folders: name → path.

    Raises ScoreError where a name is empty, or is that of another row.
    """
    taken = {each.name for each in others} | {COPY, TRUTH}
    for name in folders:
        if name in taken or not name.strip():
            raise ScoreError(
                f"--predictions {name!r}: another row has this name.", cure="Give it a name of its own."
            )
    return tuple(
        open_folder(name, path, samples, shape_of, allow_missing=allow_missing) for name, path in folders.items()
    )


def open_folder(
    name: str, path: str, samples: Sequence[Example], shape_of: Mapping[str, Shape], *, allow_missing: bool = False
) -> FolderPredictions:
    """Check a user's predictions, one picture per key (KEY.png, .jpg, .webp, .avif); refuse a folder with gaps.

    A picture of the sample's shape is taken as it is. One of another size is resized as the pair's own pictures
    are, where its aspect is that of the shape or of the pair. A mean over the samples that a model managed
    flatters it, so none may be left out: raises ScoreError that names and counts every picture that is missing,
    given twice, corrupt, or of another aspect. allow_missing: gaps are allowed, as long as there is some picture.
    """
    folder, keys = Folder(path), [sample.name for sample in samples]
    names_of: dict[str, list[str]] = {}
    for file in folder.names():
        if PurePosixPath(file).suffix.lower() in picture_files.SUFFIXES:
            names_of.setdefault(PurePosixPath(file).stem, []).append(file)
    missing = [key for key in keys if key not in names_of]
    faults: dict[str, list[str]] = {
        "missing": [] if allow_missing and len(missing) < len(keys) else missing,
        "given twice": [key for key in keys if len(names_of.get(key, ())) > 1],
    }
    file_of = {key: names_of[key][0] for key in keys if key in names_of}
    resized, treated = Counter[Shape](), Counter[str]()
    for sample in (each for each in samples if each.name in file_of):
        file, shape = file_of[sample.name], shape_of[sample.name]
        picture = picture_files.decode(folder.read_bytes(file))
        fault = _fault(picture, sample, shape)
        if picture is None or fault:
            faults.setdefault(fault, []).append(file)
            continue
        treated.update(picture.treatments)
        size = picture.pixels.shape[0], picture.pixels.shape[1]
        resized.update([size] if size != shape else [])
    if any(faults.values()):
        raise _refusal(name, faults, shape_of)
    extra = tuple(sorted(file for key, files in names_of.items() if key not in shape_of for file in files))
    digest = _digest(folder, file_of)
    return FolderPredictions(name, folder, file_of, shape_of, resized, treated, tuple(missing), extra, digest)


def _refusal(name: str, faults: Mapping[str, Sequence[str]], shape_of: Mapping[str, Shape]) -> ScoreError:
    sizes = [_size(shape) for shape in dict.fromkeys(shape_of.values())]
    return ScoreError(
        f"--predictions {name}: {'; '.join(f'{len(v)} {k} ({listed(v)})' for k, v in faults.items() if v)}, "
        f"of {len(shape_of)} samples.",
        cure=(
            f"Give one picture for every sample, named KEY.png, that keeps the input's aspect. Scored are "
            f"{listed(sizes)} pixels (`eval.resolution`, `eval.square`); other sizes of that aspect are resized. "
            "With --allow-missing, samples without a picture are left out, and every row says of how many it is."
        ),
    )


def _fault(picture: DecodedPicture | None, sample: Example, shape: Shape) -> str:
    """What is wrong with a picture; empty if nothing is."""
    if picture is None:
        return "corrupt"
    size = picture.pixels.shape[0], picture.pixels.shape[1]
    aspects = shape, (sample.entry.height, sample.entry.width)
    return "" if any(shapes.is_of_aspect(size, aspect) for aspect in aspects) else "of another aspect"


def _size(shape: Shape) -> str:
    """As people write it: the width first."""
    return f"{shape[1]}×{shape[0]}"


def _digest(folder: Folder, file_of: Mapping[str, str]) -> str:
    digests = [(key, FileDigest.of_file(folder, file).sha256) for key, file in sorted(file_of.items())]
    return hashlib.sha256(repr(digests).encode()).hexdigest()[:16]


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
