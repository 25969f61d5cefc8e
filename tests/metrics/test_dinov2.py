"""DINOv2's encoder gives the class token, and refuses other networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from actionpairs.errors import ScoreError
from actionpairs.metrics.dinov2 import Dinov2Encoder


def test_features_are_one_token_of_the_networks_width(weights: Mapping[str, str]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    assert Dinov2Encoder(weights["dinov2"])(pictures).shape == (3, 16)


def test_a_network_of_another_kind_is_refused(weights: Mapping[str, str]) -> None:
    with pytest.raises(ScoreError, match="it is a clip_vision_model"):
        Dinov2Encoder(weights["clip"])


def test_what_is_neither_folder_nor_hub_id_is_refused() -> None:
    with pytest.raises(ScoreError, match="neither a folder nor a model"):
        Dinov2Encoder("no/such/folder")
