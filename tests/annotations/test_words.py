"""Keys are said as people say them."""

from __future__ import annotations

import pytest

from actionpairs.annotations.words import spoken


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("put-down", "put down"),
        ("box:lunch", "lunch box"),
        ("liquid:washing:up", "up washing liquid"),
        ("take \\& put in fridge", "take and put in fridge"),
        ("open/close drawer", "open or close drawer"),
        ("lid: put on", "put on lid"),
        ("take_gray_perforated_bar", "take gray perforated bar"),
        (" peel ", "peel"),
    ],
)
def test_a_key_is_spoken(key: str, said: str) -> None:
    assert spoken(key) == said
