"""Feature networks take pictures and give features, or say why they cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from actionpairs.errors import ScoreError
from actionpairs.metrics.features import RecognizerFeatures, TorchScriptFeatures, resize
from tests.evaluation.conftest import make_recognizer

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)


class Layers(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


class LikeInception(nn.Module):
    """The parts of NVlabs' file that count: `layers` works on (x − 128)/128."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = Layers()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers((images.float() - 128) / 128)


class TakesBytes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.dtype == torch.uint8
        return x.float().amax(dim=(2, 3))


def save(module: nn.Module, path: Path) -> str:
    torch.jit.script(module).save(str(path))
    return str(path)


def test_the_standard_file_is_called_as_clean_fid_calls_it(tmp_path: Path) -> None:
    network = TorchScriptFeatures(save(LikeInception(), tmp_path / "inception.pt"))
    resized = np.stack([resize(picture, 299) for picture in PICTURES])
    expected = ((resized - 128) / 128).mean(axis=(1, 2))
    assert network(PICTURES) == pytest.approx(expected, abs=1e-5)
    assert ([*network.distances], len(network.digest)) == (["FID", "KID"], 64)


def test_any_other_file_takes_uint8_and_is_not_called_fid(tmp_path: Path) -> None:
    network = TorchScriptFeatures(save(TakesBytes(), tmp_path / "net.pt"))
    assert network(PICTURES).shape == (2, 3)
    assert [*network.distances] == ["FD", "KD"]


def test_a_file_that_is_no_torchscript_is_refused(tmp_path: Path) -> None:
    (tmp_path / "not.pt").write_bytes(b"hello")
    with pytest.raises(ScoreError, match="not a TorchScript file"):
        TorchScriptFeatures(str(tmp_path / "not.pt"))


def test_a_network_that_takes_no_pictures_is_named(tmp_path: Path) -> None:
    network = TorchScriptFeatures(save(nn.Linear(3, 3), tmp_path / "linear.pt"))
    with pytest.raises(ScoreError, match=r"linear\.pt: cannot be called"):
        network(PICTURES)


def test_resizing_keeps_what_it_cannot_round() -> None:
    picture = np.zeros((600, 600, 3), np.uint8)
    picture[::2] = 255  # stripes alias to black or white unless they are averaged
    assert resize(picture, 299)[10:-10, 10:-10] == pytest.approx(127.5, abs=8)
    red = np.asarray(
        Image.fromarray(PICTURES[0, ..., 0].astype(np.float32)).resize((20, 20), Image.Resampling.BICUBIC)
    )
    assert resize(PICTURES[0], 20)[..., 0] == pytest.approx(red.clip(0, 255))


def test_the_recognizer_serves_as_a_network_of_its_own_name() -> None:
    network = RecognizerFeatures(make_recognizer(), digest="abc")
    features = network(PICTURES)
    assert (features.shape, features.dtype) == ((2, 16), np.float32)
    assert [*network.distances] == ["FD (recognizer)", "KD (recognizer)"]
    assert not np.array_equal(features[0], features[1])
