"""The measures tell what they are meant to tell."""

from __future__ import annotations

import cv2
import numpy as np

from actionpairs.measures import measure


def scene(seed: int = 0) -> np.ndarray:
    texture = np.random.default_rng(seed).integers(0, 255, (18, 32, 3), np.uint8)
    return cv2.resize(texture, (640, 360), interpolation=cv2.INTER_NEAREST)


def test_noise_is_no_change() -> None:
    noise = np.random.default_rng(1).normal(0, 4, (360, 640, 3))
    noisy = np.clip(scene() + noise, 0, 255).astype(np.uint8)
    assert measure(scene(), noisy).change == 0


def test_change_is_the_share_of_the_area_that_differs() -> None:
    after = scene()
    after[:, :160] = 255 - after[:, :160]
    assert 0.15 < measure(scene(), after).change < 0.27


def test_a_blurred_picture_is_less_sharp() -> None:
    measures = measure(scene(), cv2.GaussianBlur(scene(), (0, 0), 6))
    assert measures.sharpness_after < measures.sharpness_before / 2
