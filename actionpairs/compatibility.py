"""Names of the version before this one, and what they are called now. Nothing else in the package knows them."""

from __future__ import annotations

from collections.abc import Mapping

RECIPES: Mapping[str, str] = {
    "recogniser": "recognizer",
    "recogniser-segments": "recognizer-segments",
    "demo-recogniser": "demo-recognizer",
    "study/cpu/recogniser": "study/cpu/recognizer",
    "study/gpu/recogniser": "study/gpu/recognizer",
}
"""Recipes that come with the package: old name → new name."""

KEYS: Mapping[tuple[str, ...], str] = {
    ("shard", "filters", "max_blown"): "max_overexposed",
    ("train", "shown"): "input",
    ("eval", "study"): "rater_samples",
}
"""Recipe keys: the path of the old key → its new name in the same section."""

VALUES: Mapping[tuple[str, ...], Mapping[str, str]] = {("train", "task"): {"recogniser": "recognizer"}}
"""Values of recipe keys: the path of the key → old value → new value."""

REASONS: Mapping[str, str] = {"blown_out": "overexposed"}
"""Reasons of rejections: old → new."""
