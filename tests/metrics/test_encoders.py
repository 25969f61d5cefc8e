"""CLIP and DINOv2 load from folders, give transformers' own features, and say what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    BitImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
)

from actionpairs.errors import ScoreError
from actionpairs.metrics.encoders import ClipFeatures, Dinov2Features

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("encoders")
    torch.manual_seed(0)
    CLIPVisionModelWithProjection(
        CLIPVisionConfig(**SIZES, intermediate_size=32, projection_dim=8)
    ).save_pretrained(root / "clip")
    Dinov2Model(Dinov2Config(**SIZES)).save_pretrained(root / "dinov2")
    return root


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


def test_clip_sees_what_transformers_processor_gives_it(folders: Path) -> None:
    processor = BitImageProcessor(
        do_resize=False,
        do_center_crop=False,
        image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711],
    )
    pixels = processor([Image.fromarray(picture) for picture in pictures()], return_tensors="pt").pixel_values
    with torch.no_grad():
        expected = CLIPVisionModelWithProjection.from_pretrained(folders / "clip")(pixels).image_embeds
    expected = expected / expected.norm(dim=-1, keepdim=True)
    assert ClipFeatures(str(folders / "clip"))(pictures()) == pytest.approx(expected.numpy(), abs=1e-5)


def test_batches_change_nothing(folders: Path) -> None:
    for network in (ClipFeatures(str(folders / "clip")), Dinov2Features(str(folders / "dinov2"))):
        one_by_one = np.concatenate([network(pictures()[i : i + 1]) for i in range(3)])
        assert network(pictures()) == pytest.approx(one_by_one, abs=1e-5)


def test_a_network_of_another_kind_is_refused(folders: Path) -> None:
    with pytest.raises(ScoreError, match="it is a dinov2"):
        ClipFeatures(str(folders / "dinov2"))
    with pytest.raises(ScoreError, match="it is a clip_vision_model"):
        Dinov2Features(str(folders / "clip"))
