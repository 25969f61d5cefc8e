"""How pictures are resized and normalized for a recognizer: as its own processor of transformers does it.

The processors of videos need torchvision, which this package does not; so their few steps are done here, with
Pillow's antialiased filters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from actionpairs.data.examples import fit
from actionpairs.errors import ModelError

Channels = tuple[float, float, float]
FILES = ("video_preprocessor_config.json", "preprocessor_config.json")  # the first that is there counts
SIGNED: tuple[Channels, Channels] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # pictures in [-1, 1]
IMAGENET: tuple[Channels, Channels] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """From pictures of any shape to a model's.

    side: of the square that the model takes. resized: the length that the shorter side, or height and width,
    become before the center of that square is cut out; None does what training here does to pairs, so that the
    whole center square remains. resample: a filter of Pillow. mean, std: of the channels, in [0, 1].
    """

    side: int
    mean: Channels
    std: Channels
    resized: int | tuple[int, int] | None = None
    resample: int = Image.Resampling.BILINEAR

    @property
    def description(self) -> str:
        """What a model gets of a picture, for a note."""
        if self.resized is None:
            return "the center square of each as in its training"
        size = self.resized if isinstance(self.resized, int) else f"{self.resized[1]}×{self.resized[0]}"
        return f"each resized to {size} and its center of {self.side}×{self.side} as its own processor does"

    def resize(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B side side 3 uint8."""
        return np.stack([self._resize(picture) for picture in pictures])

    def normalize(self, pictures: Tensor) -> Tensor:
        """… H W 3 uint8 → … 3 H W float32: (x / 255 − mean) / std for each channel."""
        mean, std = (torch.tensor(values, device=pictures.device) for values in (self.mean, self.std))
        return (pictures.float() / (255 * std) - mean / std).movedim(-1, -3)

    def _resize(self, picture: np.ndarray) -> np.ndarray:
        if self.resized is None:
            return fit(picture, self.side)
        tall, wide = self._shape(*picture.shape[:2])
        image = Image.fromarray(picture).resize((wide, tall), Image.Resampling(self.resample))
        top, left = (tall - self.side) // 2, (wide - self.side) // 2
        return np.asarray(image)[top : top + self.side, left : left + self.side]

    def _shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after resizing, where transformers rounds the longer side down."""
        if isinstance(self.resized, tuple):
            return self.resized
        short = self.resized or self.side
        return (short, short * width // height) if height <= width else (short * height // width, short)

    def to_json(self, processor: str) -> str:
        """The file from which transformers' processors take these values; they resize with a bilinear filter."""
        values = {
            "video_processor_type": processor,
            "do_resize": True,
            "size": {"shortest_edge": self.side},
            "resample": int(Image.Resampling.BILINEAR),
            "do_center_crop": True,
            "crop_size": {"height": self.side, "width": self.side},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": self.mean,
            "image_std": self.std,
        }
        return json.dumps(values, indent=1) + "\n"


def load_values(folder: Path) -> Mapping[str, Any] | None:
    """What a folder's file says of preprocessing; None if it has none. Raises ModelError if it is not JSON."""
    path = next((folder / name for name in FILES if (folder / name).exists()), None)
    if path is None:
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _broken(path, "it cannot be read as JSON") from error
    if not isinstance(values, dict):
        raise _broken(path, "it is not an object")
    return values


def normalization(
    values: Mapping[str, Any] | None, default: tuple[Channels, Channels]
) -> tuple[Channels, Channels]:
    """Mean and deviation of the channels, as a folder's file names them."""
    values = values or {}
    if not values.get("do_normalize", True):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return _channels(values, "image_mean", default[0]), _channels(values, "image_std", default[1])


def as_released(
    source: str,
    values: Mapping[str, Any] | None,
    side: int,
    default: tuple[Channels, Channels],
    *,
    resized: int | None = None,
) -> Preprocessing:
    """The preprocessing of a released model. Raises ModelError if its file does not lead to squares of `side`.

    values: of its file; without one, transformers' own. resized: a length of the shorter side that the family's
    processor computes whatever its file says.
    """
    values = values or {}
    crop = _pair(values.get("crop_size", side)) if values.get("do_center_crop", True) else None
    size = resized or _resized(source, values, side)
    final = crop or size
    factor = values.get("rescale_factor", 1 / 255) if values.get("do_rescale", True) else 1.0
    if isinstance(final, int):
        raise _unsupported(source, "without a center crop, pictures keep their own aspect")
    if final != (side, side):
        raise _unsupported(source, f"it makes pictures of {final[0]}×{final[1]}, the model takes {side}×{side}")
    if min(size if isinstance(size, tuple) else (size,)) < side:
        raise _unsupported(source, f"it resizes to {size} pixels, fewer than the {side} that it cuts out")
    if abs(factor * 255 - 1) > 1e-6:
        raise _unsupported(source, f"it scales pixels by {factor:g}, not by 1/255")
    mean, std = normalization(values, default)
    return Preprocessing(side, mean, std, size, int(values.get("resample", Image.Resampling.BILINEAR)))


def _resized(source: str, values: Mapping[str, Any], side: int) -> int | tuple[int, int]:
    size = values.get("size", side) if values.get("do_resize", True) else None
    if isinstance(size, dict) and "shortest_edge" in size:
        return int(size["shortest_edge"])
    if isinstance(size, dict) and {"height", "width"} <= set(size):
        return int(size["height"]), int(size["width"])
    if isinstance(size, int):
        return size
    raise _unsupported(source, f"`size` is {size!r}, not `shortest_edge`, or `height` and `width`")


def _unsupported(source: str, problem: str) -> ModelError:
    return ModelError(
        f"{source}: its preprocessor_config.json does not fit: {problem}.",
        cure="Correct the file in a copy of the folder: resize, cut out the center, 1/255, mean and deviation.",
    )


def _pair(size: Any) -> tuple[Any, Any]:
    return (size.get("height"), size.get("width")) if isinstance(size, dict) else (size, size)


def _channels(values: Mapping[str, Any], key: str, default: Channels) -> Channels:
    channels = values.get(key, default)
    channels = [channels] * 3 if isinstance(channels, int | float) else channels
    if len(channels) != 3:
        raise ModelError(f"A recognizer's {key} has {len(channels)} values, not 3.", cure="Correct its JSON file.")
    return float(channels[0]), float(channels[1]), float(channels[2])


def _broken(path: Path, problem: str) -> ModelError:
    return ModelError(f"{path}: {problem}.", cure="Download the model's folder again.")
