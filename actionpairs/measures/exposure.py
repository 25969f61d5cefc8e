"""Differences of light between two pictures: exposure, white balance and soft shadows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_STEP = 4  # every fourth pixel in both directions is enough
_MIN_PIXELS = 100
_SAME_LEVELS = 2.0  # a smaller median difference is noise, not exposure
_CLIPPED = (8, 247)  # gray levels: beyond them a sensor shows no change of light
_MIN_VARIANCE = 100.0  # levels squared; from a flatter channel no gain can be told
_MAX_GAIN, _MAX_OFFSET = 1.6, 30.0
_FITS = 3
# A shadow or a reflex: all channels change by nearly one factor, whose edge is soft.
_MAX_TINT = 0.12  # difference between the channels' log factors
_MAX_SLOPE = 0.05  # of the log factor, per pixel at a height of 128
_MAX_FACTOR = 0.7  # log
_LOG = np.log(np.arange(256, dtype=np.float32) + 8)  # 8: so that noise in the dark is no large factor


def match_exposure(
    first: NDArray[np.uint8], last: NDArray[np.uint8], overlap: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the first picture with the exposure and white balance of the last one.

    first, last: H W 3 uint8, aligned. overlap: H W, the pixels that both show. Gain and offset of each channel are
    fitted to the pixels that agree best, so that what moved has no say. Without a difference of exposure the
    picture is returned unchanged.
    """
    window = slice(_STEP // 2, None, _STEP)
    one, two = (picture[window, window].reshape(-1, 3) for picture in (first, last))
    inside = overlap[window, window].ravel()
    inside &= (np.minimum(one, two).min(axis=1) > _CLIPPED[0]) & (np.maximum(one, two).max(axis=1) < _CLIPPED[1])
    before, after = one[inside].astype(np.float32), two[inside].astype(np.float32)
    if len(before) < _MIN_PIXELS or np.abs(np.median(after - before, axis=0)).max() < _SAME_LEVELS:
        return first
    tables = [_fit(*channels) for channels in zip(before.T, after.T, strict=True)]
    return cv2.LUT(first, np.stack(tables, axis=1)[None])  # type: ignore[return-value]


def _fit(one: NDArray[np.float32], two: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the table of 256 levels that maps one channel onto another."""
    gain, offset = float(np.median(two / one)), 0.0
    for _ in range(_FITS):
        error = np.abs(two - gain * one - offset)
        agree = error < max(6.0, 1.5 * float(np.median(error)))
        if agree.sum() < _MIN_PIXELS / 2:
            break
        x, y = one[agree], two[agree]
        variance = float(x.var())
        if variance > _MIN_VARIANCE:
            slope = float(((x - x.mean()) * (y - y.mean())).mean()) / variance
            gain = float(np.clip(slope, 1 / _MAX_GAIN, _MAX_GAIN))
        offset = float(np.clip(y.mean() - gain * x.mean(), -_MAX_OFFSET, _MAX_OFFSET))
    return np.clip(np.round(gain * np.arange(256) + offset), 0, 255).astype(np.uint8)


def drop_shadows(
    first: NDArray[np.uint8], last: NDArray[np.uint8], changed: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return the mask of the changes without those of light alone.

    first, last: H W 3 uint8. changed: H W, 0 or 1. What a sharp or colored edge encloses is kept, so that an even
    thing is not taken for a shadow.
    """
    near = np.ones((3, 3), np.uint8)
    factors = cv2.subtract(cv2.LUT(last, _LOG), cv2.LUT(first, _LOG))
    blue, green, red = cv2.split(factors)
    tint = cv2.subtract(cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red))
    factor = cv2.transform(factors, np.full((1, 3), 1 / 3, np.float32))
    slope = cv2.magnitude(
        cv2.Sobel(factor, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(factor, cv2.CV_32F, 0, 1, scale=1 / 8)
    )
    light = (tint < _MAX_TINT) & (slope < _MAX_SLOPE) & (np.abs(factor) < _MAX_FACTOR)
    edges = cv2.dilate(changed & ~light, near)
    outlines, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(edges), outlines, -1, 1, cv2.FILLED)
    return cv2.morphologyEx(filled, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))  # type: ignore[return-value]
