"""The standard Inception file is called as clean-fid calls it; other files get FD and KD, or are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from actionpairs.errors import ScoreError
from actionpairs.metrics import inception
from actionpairs.metrics.features import resize
from actionpairs.metrics.inception import TorchScriptEncoder
from actionpairs.metrics.metric import MetricInputs
from tests.metrics.conftest import LikeInception

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)


def names(path: Path) -> list[str]:
    """The columns that a file gives."""
    [metric] = inception.LOADER.load(MetricInputs({"inception": str(path)}))
    return [column.name for column in metric.columns]


class TakesBytes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.dtype == torch.uint8
        return x.float().amax(dim=(2, 3))


def save(module: nn.Module, path: Path) -> str:
    torch.jit.script(module).save(str(path))
    return str(path)


def test_the_standard_file_is_called_as_clean_fid_calls_it(tmp_path: Path) -> None:
    network = TorchScriptEncoder(save(LikeInception(), tmp_path / "inception.pt"))
    resized = np.stack([resize(picture, 299) for picture in PICTURES])
    expected = ((resized - 128) / 128).mean(axis=(1, 2))
    assert network(PICTURES) == pytest.approx(expected, abs=1e-5)
    assert len(network.digest) == 64
    assert names(tmp_path / "inception.pt") == ["FID", "KID"]


def test_any_other_file_takes_uint8_and_is_not_called_fid(tmp_path: Path) -> None:
    network = TorchScriptEncoder(save(TakesBytes(), tmp_path / "net.pt"))
    assert network(PICTURES).shape == (2, 3)
    assert names(tmp_path / "net.pt") == ["FD", "KD"]


def test_a_file_that_is_no_torchscript_is_refused(tmp_path: Path) -> None:
    (tmp_path / "not.pt").write_bytes(b"hello")
    with pytest.raises(ScoreError, match="not a TorchScript file"):
        TorchScriptEncoder(str(tmp_path / "not.pt"))


def test_a_network_that_takes_no_pictures_is_named(tmp_path: Path) -> None:
    network = TorchScriptEncoder(save(nn.Linear(3, 3), tmp_path / "linear.pt"))
    with pytest.raises(ScoreError, match=r"linear\.pt: cannot be called"):
        network(PICTURES)
