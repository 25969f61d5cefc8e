"""LPIPS agrees with the formula of torchmetrics' own layers, on AlexNets of random weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics.functional.image.lpips as peer

from actionpairs.errors import ScoreError
from actionpairs.metrics import lpips


@pytest.fixture(scope="module")
def alexnet(weights: Mapping[str, str]) -> Path:
    return Path(weights["lpips"])


def test_distances_are_those_of_the_published_formula(alexnet: Path) -> None:
    one, other = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64, 3), np.uint8)
    network = lpips._alexnet()
    network.load_state_dict({k.removeprefix("features."): v for k, v in torch.load(alexnet).items()})
    linear = torch.load(lpips._LINEAR_FILE, map_location="cpu", weights_only=True)
    scaled = [
        peer.ScalingLayer()(torch.from_numpy(p).permute(0, 3, 1, 2).float() / 127.5 - 1) for p in (one, other)
    ]
    expected = 0
    for layer, end in enumerate((2, 5, 8, 10, 12)):
        features = [peer._normalize_tensor(network[:end](x)) for x in scaled]
        weighed = torch.nn.functional.conv2d(
            (features[0] - features[1]) ** 2, linear[f"lin{layer}.model.1.weight"]
        )
        expected = expected + peer._spatial_average(weighed, keep_dim=False)[:, 0]
    distances = lpips.Lpips(str(alexnet)).distance(one, other)
    assert distances == pytest.approx(expected.detach().numpy(), rel=1e-4)
    assert (distances > 0).all()


def test_a_picture_is_no_distance_from_itself(alexnet: Path) -> None:
    one = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    assert lpips.Lpips(str(alexnet)).distance(one, one).tolist() == [0, 0]


def test_what_is_no_alexnet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"no weights")
    with pytest.raises(ScoreError, match="not AlexNet's weights"):
        lpips.Lpips(str(tmp_path / "x.pth"))


def test_pictures_that_its_layers_cannot_see_are_refused(alexnet: Path) -> None:
    network, smallest = lpips.Lpips(str(alexnet)), np.zeros((1, lpips.LEAST_SIDE, 64, 3), np.uint8)
    assert network.distance(smallest, smallest).tolist() == [0]
    with pytest.raises(ScoreError, match="31 pixels a side, not 30"):
        network.distance(smallest[:, 1:], smallest[:, 1:])
