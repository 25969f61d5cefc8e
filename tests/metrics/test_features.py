"""Pictures are resized without rounding, and a batch is encoded once."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from actionpairs.metrics.features import CachedEncoder, resize

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)


class CountingEncoder:
    """Gives the mean color, and counts how often it is called."""

    name, digest, resizing, calls = "mean color", "abc", "whole pictures", 0

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        self.calls += 1
        return pictures.mean(axis=(1, 2), dtype=np.float32)


def test_a_batch_is_encoded_once_and_another_is_not_taken_for_it() -> None:
    encoder = CountingEncoder()
    cached = CachedEncoder(encoder)
    first = cached(PICTURES)
    assert cached(PICTURES.copy()) is first
    assert encoder.calls == 1
    assert not np.array_equal(cached(PICTURES[::-1]), first)
    assert cached(PICTURES.reshape(2, 20, 80, 3)).shape == first.shape
    assert encoder.calls == 3


def test_resizing_keeps_what_it_cannot_round() -> None:
    picture = np.zeros((600, 600, 3), np.uint8)
    picture[::2] = 255  # stripes alias to black or white unless they are averaged
    assert resize(picture, 299)[10:-10, 10:-10] == pytest.approx(127.5, abs=8)
    red = np.asarray(
        Image.fromarray(PICTURES[0, ..., 0].astype(np.float32)).resize((20, 20), Image.Resampling.BICUBIC)
    )
    assert resize(PICTURES[0], 20)[..., 0] == pytest.approx(red.clip(0, 255))
