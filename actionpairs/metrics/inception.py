"""FID and KID on the standard Inception file, or FD and KD on any other TorchScript network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from actionpairs.errors import ScoreError
from actionpairs.manifest import FileDigest
from actionpairs.metrics.distances import FRECHET, KERNEL, frechet, kernel_distance
from actionpairs.metrics.features import CachedEncoder, FeatureDistance, resize, squeezed
from actionpairs.metrics.metric import AnyMetric, MetricColumn, MetricInputs, MetricLoader
from actionpairs.storage import located

URL = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt"
_SIDE = 299
_CITATION = "FID: arXiv 1706.08500; KID: arXiv 1801.01401; resizing after clean-fid: arXiv 2104.11222"


class TorchScriptEncoder:
    """A TorchScript file that turns pictures into features, as the standard Inception file does.

    A file with a `layers` part is called as clean-fid calls NVlabs' Inception (arXiv 2104.11222): resized to
    299×299 pixels whatever their shape, with an anti-aliased bicubic filter, (x − 128)/128, and pool3 of size
    2048 comes back. Any other file is called with the resized pictures as B 3 299 299 uint8. Raises ScoreError
    where that fails.
    """

    resizing = squeezed(_SIDE)

    def __init__(self, path: str, *, device: str = "cpu") -> None:
        try:
            self.digest = digest(path)
            self._network = torch.jit.load(path, map_location=device).eval()  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as error:
            raise ScoreError(
                f"{path}: not a TorchScript file: {str(error).strip().partition(chr(10))[0]}",
                cure=f"The standard Inception file is at {URL}.",
            ) from None
        self._path, self._device = path, device
        self.is_inception = hasattr(self._network, "layers")
        self.name = f"Inception pool3 ({Path(path).name})" if self.is_inception else Path(path).name

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        resized = np.stack([resize(picture, _SIDE) for picture in pictures])
        pixels = torch.from_numpy(resized).permute(0, 3, 1, 2).to(self._device)
        try:
            if self.is_inception:
                features = self._network.layers((pixels - 128) / 128)
            else:
                features = self._network(pixels.round().to(torch.uint8))
            return np.asarray(features.reshape(len(pictures), -1).float().cpu())
        except (RuntimeError, AttributeError, TypeError) as error:
            raise ScoreError(
                f"{self._path}: cannot be called with pictures: {str(error).strip().splitlines()[-1]}",
                cure="Give a network that takes B 3 299 299 uint8, or the standard Inception file.",
            ) from None


def digest(path: str) -> str:
    """The SHA-256 of the file; raises StorageError where there is none."""
    return FileDigest.of_file(*located(path)).sha256


def columns(frechet_name: str, kernel_name: str) -> tuple[MetricColumn, MetricColumn]:
    """A Fréchet and a kernel distance under these names."""
    return (
        MetricColumn(frechet_name, "lower", "picture", statistic=FRECHET),
        MetricColumn(kernel_name, "lower", "picture", statistic=KERNEL),
    )


def load_encoder(inputs: MetricInputs) -> tuple[CachedEncoder, bool]:
    """The network that the user gave, and whether it is the standard Inception."""

    def load(path: str) -> tuple[CachedEncoder, bool]:
        encoder = TorchScriptEncoder(path, device=inputs.device)
        return CachedEncoder(encoder), encoder.is_inception

    return inputs.shared(LOADER.kind, load)


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    encoder, is_inception = load_encoder(inputs)
    names = ("FID", "KID") if is_inception else ("FD", "KD")
    distances = zip(columns(*names), (frechet, kernel_distance), strict=True)
    return (FeatureDistance(encoder, dict(distances), _CITATION),)


LOADER = MetricLoader(
    _load,
    "inception",
    digest,
    f"No FID or KID: download the standard Inception TorchScript file from {URL} and name it with --features "
    "inception=PATH.",
)
