"""LPIPS: how different two pictures look (arXiv 1801.03924), on AlexNet's features, without torchvision."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torchmetrics.functional.image.lpips
from torch import Tensor, nn

from actionpairs.data.examples import to_signed
from actionpairs.errors import ScoreError
from actionpairs.manifest import FileDigest
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader
from actionpairs.storage import located

COLUMN = MetricColumn("LPIPS", "lower", "picture")
URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
LEAST_SIDE = 31  # pixels, below which AlexNet's last layers see nothing
_WIDTHS = (64, 192, 384, 256, 256)
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # the paper's, for pictures in [-1, 1]
_LINEAR_FILE = Path(torchmetrics.functional.image.lpips.__file__).with_name("lpips_models") / "alex.pth"


class Lpips:
    """Per edit: the distance to the truth, by the published linear weights on AlexNet's features.

    The linear weights come with torchmetrics; AlexNet's the user gives. path: torchvision's file of its ImageNet
    weights. Raises ScoreError where it is not that file, StorageError where there is no such file.
    """

    columns = (COLUMN,)
    citation = "LPIPS: arXiv 1801.03924"

    def __init__(self, path: str, *, device: str = "cpu") -> None:
        self.digest = digest(path)
        self.note = (
            f"LPIPS: to the real last frames, on AlexNet, digest {self.digest[:16]}, on whole pictures that are "
            "not resized, whatever their shape."
        )
        self._layers = _alexnet()
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            weights = {
                name.removeprefix("features."): saved[name] for name in saved if name.startswith("features.")
            }
            self._layers.load_state_dict(weights)
        except (RuntimeError, ValueError, EOFError, TypeError, AttributeError, pickle.UnpicklingError) as error:
            raise ScoreError(
                f"{path}: not AlexNet's weights: {str(error).strip().partition(chr(10))[0]}",
                cure=f"Give torchvision's file, which is at {URL}.",
            ) from None
        self._layers.eval().to(device)
        linear = torch.load(_LINEAR_FILE, map_location=device, weights_only=True)
        self._linear = [linear[f"lin{layer}.model.1.weight"] for layer in range(len(_WIDTHS))]
        self._device = torch.device(device)

    def score(self, batch: EditBatch) -> BatchScores:
        """The distance of every edit to its truth; raises ScoreError where a side is below LEAST_SIDE."""
        return BatchScores({COLUMN.name: self.distance(batch.edits, batch.truths)})

    @torch.inference_mode()
    def distance(self, pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
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
        activations = (to_signed(pictures, self._device) - shift) / scale
        for layer in self._layers:
            activations = layer(activations)
            if isinstance(layer, nn.ReLU):
                yield activations


def unit(features: Tensor) -> Tensor:
    """Features whose channels have length 1 at every position: B C h w."""
    return features / torch.sqrt(1e-8 + (features**2).sum(1, keepdim=True))


def digest(path: str) -> str:
    """The SHA-256 of the file; raises StorageError where there is none."""
    return FileDigest.of_file(*located(path)).sha256


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


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    return (Lpips(inputs.weights[LOADER.kind], device=inputs.device),)


LOADER = MetricLoader(
    _load,
    "lpips",
    digest,
    f"No LPIPS: download AlexNet's weights from {URL} and name the file with --features lpips=PATH.",
)
