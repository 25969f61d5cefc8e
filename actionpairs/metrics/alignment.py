"""How the background of one picture lies on that of another: a shift, a zoom and a rotation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from actionpairs.metrics.side import side_of

_SIDES = (
    32,
    64,
    128,
)  # pixels: the sides (of the square of the same area) at which pictures are aligned, coarse to fine
_SHIFTS = (-0.12, -0.06, 0.0, 0.06, 0.12)  # of the side: where the search starts, across and down …
_ZOOMS = (0.88, 0.94, 1.0, 1.06, 1.12)  # … and with which zoom
_FARTHEST = 0.3  # a shift or zoom beyond it is no drift: the search went astray
_KEPT = 3  # of the starts, for refinement
_STEPS = 15
_SMALL_STEP = 0.005  # pixels: the step after which refinement ends
_OUTLIER = 2.5  # robust standard deviations: residuals beyond it count less (Huber)
_BORDER = 4  # pixels, where what lies outside of the picture would count
_LEAST_OVERLAP = 0.5  # of the mask must lie inside the other picture


@dataclass(frozen=True, slots=True)
class Similarity:
    """Where a point of one picture lies on another: middle + factor · (point − middle) + shift.

    Complex numbers, right + i·down. factor: its length is the zoom, its angle the rotation. shift: how far the
    middle moved, in shares of `side_of` the picture.
    """

    factor: complex = 1 + 0j
    shift: complex = 0j

    def warp(self, picture: np.ndarray) -> np.ndarray:
        """Draw the other picture, H W or H W 3 float32, over the first one; NaN where it has no pixel."""
        height, width = picture.shape[:2]
        middle = complex(width - 1, height - 1) / 2
        offset = middle + self.shift * side_of(picture) - self.factor * middle
        matrix = np.array(
            [[self.factor.real, -self.factor.imag, offset.real], [self.factor.imag, self.factor.real, offset.imag]]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderValue=(math.nan,) * 4)

    @property
    def is_astray(self) -> bool:
        """Whether this is more than any drift that is looked for."""
        return max(abs(self.factor - 1), abs(self.shift)) > _FARTHEST


class Level:
    """Two pictures at one size, gray and band-passed, so that brightness and color washes do not count.

    mask: H W bool, what of the original takes part.
    """

    def __init__(self, original: np.ndarray, edit: np.ndarray, mask: np.ndarray, side: float) -> None:
        self.original, self.edit = (_band(shrink(_gray(picture), side)) for picture in (original, edit))
        self.mask = shrink(mask.astype(np.float32), side) > 0.99
        for picture, nothing in ((self.mask, False), (self.edit, math.nan)):
            _clear_border(picture, nothing)
        self._slopes = _slopes(self.original)
        height, width = self.mask.shape
        down, right = np.mgrid[:height, :width].astype(np.float32)
        self._right, self._down = right - (width - 1) / 2, down - (height - 1) / 2

    def correlation(self, similarity: Similarity) -> float:
        """Of the original and the edit below it, in [−1, 1]; −1 where they hardly overlap."""
        warped = similarity.warp(self.edit)
        inside = self.mask & ~np.isnan(warped)
        if not inside.any() or inside.sum() < _LEAST_OVERLAP * self.mask.sum():
            return -1.0
        one, other = (band[inside] - band[inside].mean() for band in (self.original, warped))
        return float((one * other).sum() / math.sqrt(float((one**2).sum() * (other**2).sum()) + 1e-6))

    def structure(self) -> float:
        """How much the original shows that can be aligned in every direction, in gray levels per pixel.

        The root of the smaller eigenvalue of the structure tensor: 0 for what is flat or has stripes only.
        """
        if not self.mask.any():
            return 0.0
        right, down = (slope[self.mask] for slope in self._slopes)
        tensor = np.array([[right @ right, right @ down], [right @ down, down @ down]]) / len(right)
        return math.sqrt(max(0.0, float(np.linalg.eigvalsh(tensor)[0])))

    def refine(self, start: Similarity) -> Similarity:
        """Gauss–Newton steps from a start; the start where they do not make the correlation better."""
        side, current = side_of(self.mask), start
        for _ in range(_STEPS):
            step = self._step(current)
            if step is None:
                break
            shift = current.shift + current.factor * step.shift
            current = Similarity(current.factor * step.factor, shift)
            if current.is_astray or side * max(abs(step.shift), abs(step.factor - 1) / 2) < _SMALL_STEP:
                break
        return max(current, start, key=self.correlation)

    def _step(self, current: Similarity) -> Similarity | None:
        """The best small change: efficient second-order minimization, with brightness and contrast set free."""
        warped = current.warp(self.edit)
        slopes = _slopes(warped)
        inside = self.mask & ~np.isnan(slopes[0] + slopes[1] + warped)
        if inside.sum() < max(_LEAST_OVERLAP * self.mask.sum(), 8):
            return None
        one, scale = _standardized(self.original[inside])
        other, other_scale = _standardized(warped[inside])
        along, below = (
            (own[inside] / scale + slope[inside] / other_scale) / 2
            for own, slope in zip(self._slopes, slopes, strict=True)
        )
        right, down = self._right[inside], self._down[inside]
        columns = [
            along * right + below * down,
            below * right - along * down,
            along,
            below,
            np.ones_like(one),
            other,
        ]
        jacobian, residual = np.stack(columns, axis=1), one - other
        weighted = jacobian * _huber(residual)[:, None]
        normal = (weighted.T @ jacobian).astype(np.float64)
        normal += np.diag(1e-6 * np.diag(normal) + 1e-9)
        zoom, turn, x, y = np.linalg.solve(normal, weighted.T @ residual)[:4].tolist()
        return Similarity(complex(1 + zoom, turn), complex(x, y) / side_of(self.mask))


def levels(original: np.ndarray, edit: np.ndarray, mask: np.ndarray) -> tuple[Level, ...]:
    """Both pictures (H W 3 uint8) at each size, coarse to fine; none is larger than the pictures."""
    sides = [min(side, side_of(original)) for side in _SIDES]
    return tuple(Level(original, edit, mask, side) for side in dict.fromkeys(sides))


def search(pyramid: Sequence[Level]) -> tuple[Similarity, float]:
    """Find the similarity of two pictures without a start, and their correlation under it.

    No change is a start at every size: what is too fine for the coarse sizes leads the other starts astray there.
    """
    grid = [Similarity(complex(zoom), complex(x, y)) for zoom in _ZOOMS for x in _SHIFTS for y in _SHIFTS]
    starts = sorted(grid, key=pyramid[0].correlation)[-_KEPT:]
    for level in pyramid:
        refined = {level.refine(start): None for start in (*starts, Similarity())}
        starts = sorted(refined, key=level.correlation)[-2:]
    return starts[-1], pyramid[-1].correlation(starts[-1])


def shrink(picture: np.ndarray, side: float) -> np.ndarray:
    """Make a picture, H W or H W 3 float32, at most as large as a square of this side; its aspect stays.

    Each pixel is the mean of those before.
    """
    scale = side / side_of(picture)
    if scale >= 1:
        return picture
    height, width = (max(1, round(length * scale)) for length in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _gray(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2GRAY)


def _band(gray: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(gray, (0, 0), 1) - cv2.GaussianBlur(gray, (0, 0), 4)


def _clear_border(picture: np.ndarray, nothing: float) -> None:
    """Take out where a band-pass depends on what lies outside of the picture."""
    for side in (picture, picture.T):
        side[:_BORDER], side[-_BORDER:] = nothing, nothing


def _slopes(band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences to the right and down."""
    kernel = np.array([[-0.5, 0, 0.5]], np.float32)
    return cv2.filter2D(band, -1, kernel), cv2.filter2D(band, -1, kernel.T)


def _standardized(values: np.ndarray) -> tuple[np.ndarray, float]:
    """The values with mean 0 and spread 1, and the spread that they had."""
    spread = float(values.std()) + 1e-6
    return (values - values.mean()) / spread, spread


def _huber(residual: np.ndarray) -> np.ndarray:
    size = np.abs(residual)
    limit = np.float32(_OUTLIER * 1.4826 * np.median(size) + 1e-3)
    return np.asarray(limit / np.maximum(size, limit))
