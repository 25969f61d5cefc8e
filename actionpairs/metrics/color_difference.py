"""CIEDE2000: how different two colors look."""

from __future__ import annotations

import cv2
import numpy as np

_POW_25 = 25.0**7


def ciede2000(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """ΔE₀₀ of CIELAB colors: both … 3 (L*, a*, b*), returns … float64; about 1 is just noticeable.

    Sharma, Wu and Dalal 2005, The CIEDE2000 color-difference formula, equations (2) to (22); kL = kC = kH = 1.
    """
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(each, np.float64), -1, 0) for each in (one, other))
    stretch = 1.5 - 0.5 * _saturation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    (c1, h1), (c2, h2) = _polar(a1 * stretch, b1), _polar(a2 * stretch, b2)
    turn = (h2 - h1 + 180) % 360 - 180  # the shorter way round
    turn = np.where(c1 * c2 == 0, 0, np.where((turn == -180) & (h2 > h1), 180, turn))
    hue_step = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    hue = np.where(c1 * c2 == 0, h1 + h2, _mean_hue(h1, h2))
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    steps = (
        (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)),
        (c2 - c1) / (1 + 0.045 * chroma),
        hue_step / (1 + 0.015 * chroma * _hue_weight(hue)),
    )
    swing = 60 * np.exp(-(((hue - 275) / 25) ** 2))
    rotation = -np.sin(np.radians(swing)) * 2 * _saturation(chroma)
    squares = steps[0] ** 2 + steps[1] ** 2 + steps[2] ** 2 + rotation * steps[1] * steps[2]
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def to_lab(picture: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of sRGB colors in [0, 255]: H W 3 float32 both; NaN stays NaN."""
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _saturation(chroma: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(chroma**7 / (chroma**7 + _POW_25)))


def _polar(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chroma, and hue in degrees from 0 to 360."""
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _mean_hue(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    mean = (one + other) / 2
    opposite = np.where(mean < 180, mean + 180, mean - 180)
    return np.asarray(np.where(np.abs(one - other) <= 180, mean, opposite))


def _hue_weight(hue: np.ndarray) -> np.ndarray:
    first, second, third, fourth = (
        np.cos(np.radians(angle)) for angle in (hue - 30, 2 * hue, 3 * hue + 6, 4 * hue - 63)
    )
    return np.asarray(1 - 0.17 * first + 0.24 * second + 0.32 * third - 0.20 * fourth)
