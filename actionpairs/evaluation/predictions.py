"""The predictions that a report scores: edited pictures, made by our models or with other tools."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

import cv2
import numpy as np

from actionpairs.errors import ScoreError
from actionpairs.evaluation.models import EvaluatedModel
from actionpairs.evaluation.records import COPY, TRUTH
from actionpairs.manifest import FileDigest
from actionpairs.storage import Folder

FOLDER = "predictions"  # of a report's folder; below it one folder for each model
_KINDS = {".png", ".jpg", ".jpeg", ".webp"}
_MOST_NAMES = 10  # of each fault in a message


class Predictions(Protocol):
    """The predictions of one row. `origin` is how a report names them; `digest` names their source by content."""

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> str: ...

    @property
    def digest(self) -> str: ...

    def load(self, key: str) -> np.ndarray:
        """The prediction for a sample: S S 3 uint8."""


@dataclass(frozen=True, slots=True)
class ModelPredictions:
    """What one of our models made: PNG files under predictions/NAME of the report's folder."""

    model: EvaluatedModel
    folder: Folder
    side: int

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

    def exists(self, key: str) -> bool:
        """Whether this prediction has been made."""
        return self.folder.exists(self._file(key))

    def save(self, key: str, picture: np.ndarray) -> None:
        """Write a prediction, S S 3 uint8, without loss."""
        _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self.folder.write_bytes(self._file(key), data.tobytes())

    def load(self, key: str) -> np.ndarray:
        """The prediction for a sample; raises ScoreError where the file is not what was written."""
        picture = _decode(self.folder.read_bytes(self._file(key)))
        if picture is None or picture.shape != (self.side, self.side, 3):
            raise ScoreError(
                f"{self.folder}/{self._file(key)}: not the picture that was written.",
                cure="Remove it and run again.",
            )
        return picture

    def _file(self, key: str) -> str:
        return f"{FOLDER}/{self.name}/{key}.png"


@dataclass(frozen=True, slots=True)
class FolderPredictions:
    """A user's folder of pictures, one for every sample; `open_folder` has checked that all are whole."""

    name: str
    folder: Folder
    file_of: Mapping[str, str]  # key → file
    extra: tuple[str, ...]
    digest: str

    @property
    def origin(self) -> str:
        """Files that belong to no sample are named too."""
        files = "file" if len(self.extra) == 1 else "files"
        extra = (
            f" ({len(self.extra)} {files} of no sample left aside: {_listed(self.extra)})" if self.extra else ""
        )
        return f"{self.name}: a folder of predictions{extra}"

    def load(self, key: str) -> np.ndarray:
        """The prediction for a sample; raises ScoreError where it can no longer be decoded."""
        picture = _decode(self.folder.read_bytes(self.file_of[key]))
        if picture is None:
            raise ScoreError(
                f"{self.folder}/{self.file_of[key]}: has changed since it was checked.", cure="Run again."
            )
        return picture


def open_folders(
    folders: Mapping[str, str], others: Sequence[Predictions], keys: Sequence[str], *, side: int
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
    return tuple(open_folder(name, path, keys, side=side) for name, path in folders.items())


def open_folder(name: str, path: str, keys: Sequence[str], *, side: int) -> FolderPredictions:
    """Check a user's predictions, one picture per key (KEY.png, .jpg or .webp), and refuse a folder with gaps.

    A mean over the samples that a model managed flatters it, so none may be left out: raises ScoreError that names
    and counts every picture that is missing, given twice, corrupt, or not side × side pixels.
    """
    folder = Folder(path)
    names_of: dict[str, list[str]] = {}
    for file in folder.names():
        if PurePosixPath(file).suffix.lower() in _KINDS:
            names_of.setdefault(PurePosixPath(file).stem, []).append(file)
    faults: dict[str, list[str]] = {
        "missing": [key for key in keys if key not in names_of],
        "given twice": [key for key in keys if len(names_of.get(key, ())) > 1],
    }
    file_of = {key: names_of[key][0] for key in keys if key in names_of}
    for file in file_of.values():
        if fault := _fault(folder, file, side):
            faults.setdefault(fault, []).append(file)
    if any(faults.values()):
        raise ScoreError(
            f"--predictions {name}: {'; '.join(f'{len(v)} {k} ({_listed(v)})' for k, v in faults.items() if v)}, "
            f"of {len(keys)} samples.",
            cure=f"Give one picture of {side}×{side} pixels for every sample (`eval.resolution`), named KEY.png.",
        )
    samples = set(keys)
    extra = tuple(sorted(file for key, files in names_of.items() if key not in samples for file in files))
    return FolderPredictions(name, folder, file_of, extra, _digest(folder, file_of))


def _fault(folder: Folder, file: str, side: int) -> str | None:
    picture = _decode(folder.read_bytes(file))
    if picture is None:
        return "corrupt"
    return None if picture.shape == (side, side, 3) else "of another size"


def _decode(data: bytes) -> np.ndarray | None:
    """H W 3 uint8 RGB, or None where this is not a picture."""
    if not data:
        return None
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def _digest(folder: Folder, file_of: Mapping[str, str]) -> str:
    digests = [(key, FileDigest.of_file(folder, file).sha256) for key, file in sorted(file_of.items())]
    return hashlib.sha256(repr(digests).encode()).hexdigest()[:16]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
