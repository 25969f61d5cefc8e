"""Whether an edit leaves alone what the action does not touch."""

from __future__ import annotations

import math

import cv2
import numpy as np

from actionpairs.metrics import formulas

_CHANGED = 20.0  # gray levels, of a blurred difference: more than what JPEG and sensors do
_MARGIN = 1 / 16  # of the width: how far around what changed an edit may differ too
_LEAST_SHARE = 0.1  # of the picture, below which there is no background to speak of


def kept(pictures: np.ndarray, originals: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """PSNR in dB of each picture with its input where the truth does not differ from it; 100 dB for a copy.

    All B H W 3 uint8; returns B float64, NaN where nearly all of the truth differs, as where a camera moves.
    """
    return np.array([_kept(*each) for each in zip(pictures, originals, truths, strict=True)])


def untouched(original: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Where the truth shows what the input does, well away from what changed: both H W 3 uint8, H W bool."""
    difference = cv2.absdiff(original, truth).max(axis=-1)
    changed = cv2.GaussianBlur(difference.astype(np.float32), (0, 0), sigmaX=1.5) > _CHANGED
    reach = 2 * round(_MARGIN * original.shape[1]) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return np.asarray(cv2.dilate(changed.astype(np.uint8), kernel) == 0)


def _kept(picture: np.ndarray, original: np.ndarray, truth: np.ndarray) -> float:
    still = untouched(original, truth)
    if still.mean() < _LEAST_SHARE:
        return math.nan
    error = float(((picture[still].astype(np.float64) - original[still]) ** 2).mean())
    return min(formulas.IDENTICAL_DB, 10 * math.log10(255**2 / error)) if error else formulas.IDENTICAL_DB
