"""Feature networks: what distances between sets look at. Each takes B H W 3 uint8 and gives B D float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image

from actionpairs.errors import ScoreError
from actionpairs.manifest import FileDigest
from actionpairs.metrics import formulas
from actionpairs.recognition.timesformer import Recognizer
from actionpairs.storage import located

_SIDE = 299
INCEPTION_URL = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt"


Distance = Callable[[np.ndarray, np.ndarray], float]


class FeatureNetwork(Protocol):
    """A network, the digest of its weights, and the scores that are taken on its features.

    distances: score name → a distance between two sets of features. similarity: what the cosine to the truth is
    called, direction: what the direction of change against the truth's is; None where it is not taken.
    """

    name: str
    digest: str
    distances: Mapping[str, Distance]
    similarity: str | None
    direction: str | None

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""


class TorchScriptFeatures:
    """A TorchScript file that turns pictures into features, as the standard Inception file does.

    A file with a `layers` part is called as clean-fid calls NVlabs' Inception (arXiv 2104.11222): resized to
    299 pixels with an anti-aliased bicubic filter, (x − 128)/128, and pool3 of size 2048 comes back. Any other
    file is called with the resized pictures as B 3 299 299 uint8. Raises ScoreError where that fails.
    """

    similarity: str | None = None
    direction: str | None = None

    def __init__(self, path: str, *, device: str = "cpu") -> None:
        file = Path(path)
        try:
            self.digest = FileDigest.of_file(*located(path)).sha256
            self._network = torch.jit.load(path, map_location=device).eval()  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as error:
            raise ScoreError(
                f"{path}: not a TorchScript file: {str(error).strip().partition(chr(10))[0]}",
                cure=f"The standard Inception file is at {INCEPTION_URL}.",
            ) from None
        self._path, self._device = path, device
        self._is_inception = hasattr(self._network, "layers")
        self.name = f"Inception pool3 ({file.name})" if self._is_inception else file.name
        names = ("FID", "KID") if self._is_inception else ("FD", "KD")
        self.distances: Mapping[str, Distance] = dict(
            zip(names, (formulas.frechet, formulas.kernel_distance), strict=True)
        )

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        resized = np.stack([resize(picture, _SIDE) for picture in pictures])
        pixels = torch.from_numpy(resized).permute(0, 3, 1, 2).to(self._device)
        try:
            if self._is_inception:
                features = self._network.layers((pixels - 128) / 128)
            else:
                features = self._network(pixels.round().to(torch.uint8))
            return np.asarray(features.reshape(len(pictures), -1).float().cpu())
        except (RuntimeError, AttributeError, TypeError) as error:
            raise ScoreError(
                f"{self._path}: cannot be called with pictures: {str(error).strip().splitlines()[-1]}",
                cure="Give a network that takes B 3 299 299 uint8, or the standard Inception file.",
            ) from None


class RecognizerFeatures:
    """The class token of our own recognizer over a picture that stands still: small, and no standard."""

    name = "the recognizer's class token"
    distances: Mapping[str, Distance] = {
        "FD (recognizer)": formulas.frechet,
        "KD (recognizer)": formulas.kernel_distance,
    }
    similarity: str | None = None
    direction: str | None = None

    def __init__(self, recognizer: Recognizer, *, digest: str) -> None:
        self._recognizer, self.digest = recognizer, digest

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        return self._recognizer.features(pictures, pictures)


def resize(picture: np.ndarray, side: int) -> np.ndarray:
    """Resize to a square with an anti-aliased bicubic filter, channel by channel and without rounding.

    picture: H W 3 uint8; returns side side 3 float32 in [0, 255]. As clean-fid does (arXiv 2104.11222).
    """
    channels = [
        np.asarray(
            Image.fromarray(picture[..., c].astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
        )
        for c in range(3)
    ]
    return np.stack(channels, axis=-1).clip(0, 255)
