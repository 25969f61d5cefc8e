"""Looks for a region of one picture in another one, over all offsets at once."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_MIN_COVERED = 0.6  # of the region: a hand or the border may hide the rest
_APART = 0.5  # of the square root of the area: an offset nearer than this is the same one


@dataclass(frozen=True, slots=True)
class Offset:
    """The best offset of a region in pixels, and how well it and the next best one explain the region.

    The quality is 1 − the mean squared color difference there ÷ that at the region's own place: 1 for the same
    colors, 0 where they are as different as if nothing had moved. `second` is −inf if no other offset is possible.
    """

    down: int
    right: int
    quality: float
    second: float


def correlate_difference(difference: NDArray[np.float32]) -> tuple[int, int, float]:
    """Return the offset (pixels down and right, up to its sign) at the minimum of a difference's autocorrelation.

    difference: H W 3. A thing that moved by d is in the difference twice, once negated and d away, so the minimum
    is at d. Also returns the share of the difference that this offset explains: at most 0.5.
    """
    size = height, width = _padded_size(difference.shape[:2], difference.shape[:2])
    spectrum = np.zeros(size, np.float32)
    for channel in cv2.split(difference):
        frequencies = _transform(channel, size)  # type: ignore[arg-type]
        spectrum += _product(frequencies, frequencies)
    correlation = _invert(spectrum)
    lowest, _, (x, y), _ = cv2.minMaxLoc(correlation)
    return _signed(y, height), _signed(x, width), -lowest / max(float(correlation[0, 0]), 1e-6)


class OffsetSearch:
    """The spectra of one picture, in which regions of the other are looked for.

    picture, other: H W 3 float32. free: H W, the pixels of `picture` at which a region may be found: those that
    changed. largest: height and width that no region exceeds.
    """

    def __init__(
        self,
        picture: NDArray[np.float32],
        other: NDArray[np.float32],
        free: NDArray[np.bool_],
        *,
        largest: tuple[int, int],
    ) -> None:
        self._shape = free.shape
        self._size = _padded_size(free.shape, largest)
        self._other = _add_squares(other)
        inside = free.astype(np.float32)
        self._inside = _transform(inside, self._size)
        *self._colors, self._squares = (_transform(inside * layer, self._size) for layer in _add_squares(picture))

    def find(self, region: NDArray[np.bool_], own_error: float) -> Offset | None:
        """Find a region (H W) of the other picture; None if no offset covers enough of it.

        own_error: the mean squared color difference between the pictures in the region.
        """
        left, top, across, down = cv2.boundingRect(region.astype(np.uint8))
        box = slice(top, top + down), slice(left, left + across)
        weight = region[box].astype(np.float32)
        *colors, squares = (_transform(weight * layer[box], self._size) for layer in self._other)
        spectrum = _transform(weight, self._size)
        error = _product(self._inside, squares) + _product(self._squares, spectrum)
        for channel, there in enumerate(self._colors):
            error -= 2 * _product(there, colors[channel])
        error, covered = _invert(error), _invert(_product(self._inside, spectrum))
        area = float(np.count_nonzero(weight))
        cost = np.full(self._size, np.inf, np.float32)
        enough = covered >= _MIN_COVERED * area
        cost[enough] = error[enough] / covered[enough] / own_error
        lowest, _, (x, y), _ = cv2.minMaxLoc(cost)
        if not np.isfinite(lowest):
            return None
        radius = max(2, round(_APART * area**0.5))
        rows, columns = (
            np.arange(center - radius, center + radius + 1) % side
            for center, side in zip((y, x), self._size, strict=True)
        )
        cost[np.ix_(rows, columns)] = np.inf
        y, x = (
            at - side if at >= inside else at
            for at, side, inside in zip((y, x), self._size, self._shape, strict=True)
        )
        return Offset(y - top, x - left, 1 - max(lowest, 0.0), 1 - float(cost.min()))


def _add_squares(picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The channels of a picture, and the sum of their squares.  4 of H W"""
    return [*cv2.split(picture), np.einsum("hwc,hwc->hw", picture, picture)]


def _padded_size(size: tuple[int, ...], template: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a transform in which no offset wraps onto another one."""
    return cv2.getOptimalDFTSize(size[0] + template[0]), cv2.getOptimalDFTSize(size[1] + template[1])


def _signed(index: int, side: int) -> int:
    return index - side if index > side / 2 else index


def _transform(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    (height, width), (rows, columns) = values.shape, size
    padded = cv2.copyMakeBorder(values, 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT)
    return cv2.dft(padded, nonzeroRows=height)  # type: ignore[return-value]


def _product(one: NDArray[np.float32], two: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.mulSpectrums(one, two, 0, conjB=True)  # type: ignore[return-value]


def _invert(spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.dft(spectrum, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE)  # type: ignore[return-value]
