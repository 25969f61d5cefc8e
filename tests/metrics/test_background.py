"""Background preservation looks only where the truth left things alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from actionpairs.metrics import background
from actionpairs.metrics.pixels import IDENTICAL_DB
from tests.evaluation.conftest import moved

ORIGINAL, TRUTH = moved("move right", side=96, seed=1)


def kept(picture: np.ndarray, *, truth: np.ndarray = TRUTH) -> float:
    return float(background.background_psnr(picture[None], ORIGINAL[None], truth[None])[0])


def test_a_copy_and_the_truth_keep_all_of_it() -> None:
    assert kept(ORIGINAL) == IDENTICAL_DB
    assert kept(TRUTH) > 30


def test_what_changes_where_the_action_is_does_not_count() -> None:
    mask = background.unchanged(ORIGINAL, TRUTH)
    assert 0.3 < mask.mean() < 0.99
    edit = np.where(mask[..., None], ORIGINAL, 255 - ORIGINAL).astype(np.uint8)
    assert kept(edit) == IDENTICAL_DB


def test_a_background_that_is_off_by_so_much_has_that_psnr() -> None:
    darker = np.clip(ORIGINAL.astype(int), 10, 255).astype(np.uint8)
    original = darker.copy()
    edit = (darker - 10).astype(np.uint8)
    value = float(background.background_psnr(edit[None], original[None], original[None])[0])
    assert value == pytest.approx(10 * math.log10(255**2 / 10**2))


def test_where_everything_moved_there_is_no_background() -> None:
    assert math.isnan(kept(ORIGINAL, truth=255 - ORIGINAL))
