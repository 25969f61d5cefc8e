"""Encoders turn pictures into features; a distance between two sets of features is a SetMetric."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from actionpairs.metrics.intervals import Estimate, jackknife
from actionpairs.metrics.metric import MetricColumn

Distance = Callable[[np.ndarray, np.ndarray], float]


class Encoder(Protocol):
    """A network that turns pictures into features, its name, and the digest of its weights.

    resizing: what it is given of a picture, which need not be square: "whole pictures …", for a note.
    """

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def resizing(self) -> str: ...

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""


class CachedEncoder:
    """An encoder that keeps the features of every batch: inputs and truths come again with every row."""

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.digest, self.resizing = encoder.name, encoder.digest, encoder.resizing
        self._encoder, self._features = encoder, dict[bytes, np.ndarray]()

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        batch = hashlib.sha256(repr(pictures.shape).encode() + pictures.tobytes()).digest()
        if batch not in self._features:
            self._features[batch] = self._encoder(pictures)
        return self._features[batch]


@dataclass(frozen=True)
class FeatureDistance:
    """A SetMetric: distances between the features of the edits and those of the truths, one per column."""

    encoder: Encoder
    distance_of: Mapping[MetricColumn, Distance]
    citation: str

    @property
    def columns(self) -> tuple[MetricColumn, ...]:
        """One for each distance."""
        return tuple(self.distance_of)

    @property
    def digest(self) -> str:
        """The encoder's."""
        return self.encoder.digest

    @property
    def note(self) -> str:
        """What is compared, and by which network."""
        return f"{_names(self.columns)}: edits against the real last frames, on {described(self.encoder)}."

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        return self.encoder(pictures)

    def compare(self, edits: np.ndarray, truths: np.ndarray) -> Mapping[str, Estimate]:
        """The distances between two sets of features, N D each, with jackknife intervals."""
        return {column.name: jackknife(distance, edits, truths) for column, distance in self.distance_of.items()}


def described(encoder: Encoder) -> str:
    """How a note names an encoder, and what it is given."""
    return f"{encoder.name}, digest {encoder.digest[:16]}, given {encoder.resizing}"


def squeezed(side: int) -> str:
    """How a note names what `resize` does.

    A center crop would lose the sides of wide pictures, and what moves there. Edit and real last frame have one
    shape, so that both are squeezed alike.
    """
    return f"whole pictures resized to {side}×{side}, those that are not square too"


def _names(columns: tuple[MetricColumn, ...]) -> str:
    return ", ".join(column.name for column in columns)


def resize(picture: np.ndarray, side: int) -> np.ndarray:
    """Resize to a square with an anti-aliased bicubic filter, channel by channel and without rounding.

    picture: H W 3 uint8 of any shape; returns side side 3 float32 in [0, 255]. Nothing is cut off and no aspect is
    kept, as in clean-fid (arXiv 2104.11222).
    """
    channels = [
        np.asarray(
            Image.fromarray(picture[..., c].astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
        )
        for c in range(3)
    ]
    return np.stack(channels, axis=-1).clip(0, 255)
