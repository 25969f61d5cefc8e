"""The pictures of a benchmark: files, halves of files and cells of tables, decoded when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import cv2
import numpy as np

from actionpairs.data import examples
from actionpairs.data.examples import Shape
from actionpairs.evaluation import picture_files
from actionpairs.storage import Folder

Half = Literal["whole", "left", "right"]
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


@dataclass(frozen=True, slots=True)
class Picture:
    """where: its name in messages. content: loads the bytes of its file. half: which half of the file it is."""

    where: str
    content: Callable[[], bytes]
    half: Half = "whole"

    @classmethod
    def of_file(cls, folder: Folder, name: str, half: Half = "whole") -> Picture:
        """A file of a folder, or half of it."""
        return cls(name, partial(folder.read_bytes, name), half)

    def decode(self) -> np.ndarray | None:
        """H W 3 uint8 RGB, upright; None if it is no whole picture."""
        picture = picture_files.decode(self.content())
        return None if picture is None else _half(picture.pixels, self.half)

    def size(self) -> tuple[int, int] | None:
        """Width and height as `decode` gives them, from the head of the file; None if it is no picture."""
        size = picture_files.size(self.content())
        if size is None:
            return None
        width, height = size
        width = {"whole": width, "left": width // 2, "right": width - width // 2}[self.half]
        return (width, height) if width and height else None


def _half(pixels: np.ndarray, half: Half) -> np.ndarray:
    middle = pixels.shape[1] // 2
    return pixels[:, :middle] if half == "left" else pixels[:, middle:] if half == "right" else pixels


def squeeze(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture of any aspect at this width and height, as the benchmarks' scorers resize edits: H W 3 uint8."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    shrinks = pixels.shape[1] >= size[0]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def fit_as_input(pixels: np.ndarray, size: tuple[int, int], shape: Shape) -> np.ndarray:
    """An edit or target at the shape that is scored, so that it lies on its input pixel by pixel: H W 3 uint8.

    size: the input's own width and height. A picture that already has the shape stays as it is.
    """
    return pixels if pixels.shape[:2] == shape else examples.fit(squeeze(pixels, size), shape)


def encode(pixels: np.ndarray, suffix: str) -> bytes:
    """H W 3 uint8 RGB as a PNG, or as a JPEG of quality 95 without chroma subsampling."""
    _, data = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _JPEG if suffix == ".jpg" else [])
    return data.tobytes()
