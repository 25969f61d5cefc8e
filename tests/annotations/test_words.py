"""Keys become plain words."""

from __future__ import annotations

import pytest

from actionpairs.annotations.words import spoken


@pytest.mark.parametrize(
    ("key", "instruction"),
    [
        ("put-down", "put down"),
        ("box:lunch", "lunch box"),
        ("liquid:washing:up", "up washing liquid"),
        ("take \\& put in fridge", "take and put in fridge"),
        ("open/close drawer", "open or close drawer"),
        ("put-down board:chopping", "put down chopping board"),
        ("lid: put on", "put on lid"),
        ("take_gray_perforated_bar", "take gray perforated bar"),
        (" peel ", "peel"),
    ],
)
def test_a_key_becomes_plain_words(key: str, instruction: str) -> None:
    assert spoken(key) == instruction
