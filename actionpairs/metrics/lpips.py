"""LPIPS: how different two pictures look (arXiv 1801.03924), on AlexNet's features, without torchvision."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torchmetrics.functional.image.lpips
from torch import Tensor, nn

from actionpairs.data.examples import to_signed
from actionpairs.errors import ScoreError
from actionpairs.manifest import FileDigest
from actionpairs.storage import located

ALEXNET_URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
LEAST_SIDE = 31  # pixels, below which AlexNet's last layers see nothing
_WIDTHS = (64, 192, 384, 256, 256)
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # the paper's, for pictures in [-1, 1]
_LINEAR_FILE = Path(torchmetrics.functional.image.lpips.__file__).with_name("lpips_models") / "alex.pth"


class Lpips:
    """The published linear weights, which come with torchmetrics, on AlexNet's, which a user gives.

    path: torchvision's file of AlexNet's ImageNet weights. Raises ScoreError where it is none, StorageError
    where there is no such file.
    """

    def __init__(self, path: str, *, device: str = "cpu") -> None:
        self.digest = FileDigest.of_file(*located(path)).sha256
        self._layers = _alexnet()
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
            weights = {
                name.removeprefix("features."): found[name] for name in found if name.startswith("features.")
            }
            self._layers.load_state_dict(weights)
        except (RuntimeError, ValueError, EOFError, TypeError, AttributeError, pickle.UnpicklingError) as error:
            raise ScoreError(
                f"{path}: not AlexNet's weights: {str(error).strip().partition(chr(10))[0]}",
                cure=f"Give torchvision's file, which is at {ALEXNET_URL}.",
            ) from None
        self._layers.eval().to(device)
        linear = torch.load(_LINEAR_FILE, map_location=device, weights_only=True)
        self._linear = [linear[f"lin{layer}.model.1.weight"] for layer in range(len(_WIDTHS))]
        self._device = torch.device(device)

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Each picture against its other: both B H W 3 uint8; returns B float64.

        Raises ScoreError where a side is below LEAST_SIDE.
        """
        if min(pictures.shape[1:3]) < LEAST_SIDE:
            raise ScoreError(
                f"LPIPS needs pictures of {LEAST_SIDE} pixels a side, not {min(pictures.shape[1:3])}.",
                cure="Raise `eval.resolution`, or leave --features lpips out.",
            )
        pairs = zip(self._features(pictures), self._features(others), self._linear, strict=True)
        distances = [((unit(one) - unit(other)) ** 2 * weight).sum(1).mean((1, 2)) for one, other, weight in pairs]
        return np.asarray(torch.stack(distances).sum(0).double().cpu())

    def _features(self, pictures: np.ndarray) -> Iterator[Tensor]:
        """What comes out of each of the five convolutions and its ReLU: B C h w."""
        shift, scale = (torch.tensor(values, device=self._device).view(1, 3, 1, 1) for values in (_SHIFT, _SCALE))
        shown = (to_signed(pictures, self._device) - shift) / scale
        for layer in self._layers:
            shown = layer(shown)
            if isinstance(layer, nn.ReLU):
                yield shown


def unit(features: Tensor) -> Tensor:
    """Features whose channels have length 1 at every place: B C h w."""
    return features / torch.sqrt(1e-8 + (features**2).sum(1, keepdim=True))


def _alexnet() -> nn.Sequential:
    """The convolutions of AlexNet (arXiv 1404.5997), numbered as torchvision numbers them."""
    first, second, third, fourth, fifth = _WIDTHS
    return nn.Sequential(
        nn.Conv2d(3, first, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(first, second, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(second, third, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(third, fourth, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(fourth, fifth, 3, padding=1),
        nn.ReLU(),
    )
