"""Perceptual hashes: similar pictures differ in few bits, different ones in many."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from actionpairs.measures import measure
from actionpairs.measures.hashes import perceptual_hash
from tests.measures.pictures import HEIGHT, WIDTH, add_noise, compress, list_rendered_pairs, make_texture


def count_bits(one: str, two: str) -> int:
    return (int(one, 16) ^ int(two, 16)).bit_count()


def hash_of(picture: np.ndarray) -> str:
    return perceptual_hash(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG": lambda picture: compress(picture, 50),
    "noise": lambda picture: add_noise(picture, 5),
    "half size": lambda picture: cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "brighter": lambda picture: cv2.convertScaleAbs(picture, alpha=1.1),
    "strong blur": lambda picture: cv2.GaussianBlur(picture, (0, 0), 8),
}


@pytest.mark.parametrize("name", CHANGES)
def test_small_changes_flip_few_bits(name: str) -> None:
    for pair in list_rendered_pairs("fixed")[::5]:
        assert count_bits(hash_of(pair.before), hash_of(CHANGES[name](pair.before))) <= 6


def test_detail_finer_than_the_hash_changes_few_bits() -> None:
    grid = np.indices((HEIGHT, WIDTH)).sum(axis=0)[:, :, None] % 2 * 60
    for pair in list_rendered_pairs("fixed")[::5]:
        finer = np.clip(pair.before.astype(int) + grid - 30, 0, 255).astype(np.uint8)
        assert count_bits(hash_of(pair.before), hash_of(finer)) <= 2


def test_each_frame_of_a_pair_has_its_own_hash() -> None:
    one, two = make_texture(0), make_texture(1)
    measures = measure(one, two)
    assert (measures.hash_before, measures.hash_after) == (
        measure(one, one).hash_after,
        measure(two, two).hash_after,
    )
    assert measures.hash_before != measures.hash_after


def test_different_pictures_differ_in_many_bits() -> None:
    hashes = [hash_of(make_texture(seed)) for seed in range(12)]
    distances = [count_bits(one, two) for one, two in itertools.combinations(hashes, 2)]
    assert min(distances) >= 16
    assert 28 < np.mean(distances) < 36  # half of the bits, as of independent ones


def test_frames_of_one_scene_are_nearer_than_those_of_another() -> None:
    pairs = list_rendered_pairs("fixed")
    within = [count_bits(pair.measures.hash_before, pair.measures.hash_after) for pair in pairs]
    across = [
        count_bits(one.measures.hash_before, two.measures.hash_before)
        for one, two in zip(pairs[:10], pairs[10:20], strict=True)
    ]
    assert max(within) < min(across)


def test_a_hash_is_16_hexadecimal_digits_with_half_of_the_bits_set() -> None:
    for seed in range(5):
        text = hash_of(make_texture(seed))
        assert re.fullmatch("[0-9a-f]{16}", text)
        assert int(text, 16).bit_count() == 32


def test_inverting_a_picture_inverts_every_bit() -> None:
    picture = make_texture()
    assert count_bits(hash_of(picture), hash_of(255 - picture)) == 64


def test_a_mirrored_picture_has_another_hash() -> None:
    assert count_bits(hash_of(make_texture()), hash_of(make_texture()[:, ::-1].copy())) > 10


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_color_has_no_bit(level: int) -> None:
    assert perceptual_hash(np.full((90, 160), level, np.uint8)) == "0" * 16
