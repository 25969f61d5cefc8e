"""CLIP's and DINOv2's picture encoders as feature networks, from a folder or by hub id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from transformers import AutoConfig, CLIPVisionModelWithProjection, Dinov2Model

from actionpairs import manifest
from actionpairs.errors import ScoreError, one_line
from actionpairs.metrics import formulas
from actionpairs.metrics.features import Distance, resize
from actionpairs.storage import Folder

_CLIP_MEAN, _CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_DINOV2_SIDE = 224  # as in dgm-eval (arXiv 2306.04675); the published weights name 518, at which they were trained


class ClipFeatures:
    """CLIP's projected picture embedding, of length 1 (arXiv 2103.00020); CMMD uses ViT-L/14 at 336 pixels."""

    distances: Mapping[str, Distance] = {"CMMD": formulas.gaussian_distance}
    similarity: str | None = "CLIP similarity"
    direction: str | None = "CLIP direction"

    def __init__(self, source: str, *, device: str = "cpu") -> None:
        folder = located(source)
        self.digest = manifest.folder_digest(Folder(folder))
        self._network = _loaded(CLIPVisionModelWithProjection, folder, "clip", source).to(device)
        self.name = f"CLIP ({Path(source).name})"

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        pixels = _pixels(pictures, self._network.config.image_size, _CLIP_MEAN, _CLIP_DEVIATION)
        embedded = self._network(pixels.to(self._network.device)).image_embeds
        return np.asarray((embedded / embedded.norm(dim=-1, keepdim=True)).cpu())


class Dinov2Features:
    """DINOv2's class token (arXiv 2304.07193); FD-DINOv2 uses ViT-L/14 (arXiv 2306.04675)."""

    distances: Mapping[str, Distance] = {"FD-DINOv2": formulas.frechet}
    similarity: str | None = "DINOv2 similarity"
    direction: str | None = None

    def __init__(self, source: str, *, device: str = "cpu") -> None:
        folder = located(source)
        self.digest = manifest.folder_digest(Folder(folder))
        self._network = _loaded(Dinov2Model, folder, "dinov2", source).to(device)
        self.name = f"DINOv2 ({Path(source).name})"

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        side = min(_DINOV2_SIDE, self._network.config.image_size)
        pixels = _pixels(pictures, side, _IMAGENET_MEAN, _IMAGENET_DEVIATION)
        return np.asarray(self._network(pixels.to(self._network.device)).last_hidden_state[:, 0].cpu())


def located(source: str) -> Path:
    """The folder of an encoder on this machine; a hub id is downloaded, its safetensors and config alone.

    Raises ScoreError where there is neither such a folder nor such an id.
    """
    if Path(source).is_dir():
        return Path(source)
    try:
        return Path(snapshot_download(source, allow_patterns=["config.json", "model.safetensors"]))
    except (OSError, ValueError) as error:
        raise ScoreError(
            f"{source}: neither a folder nor a model that could be downloaded: {one_line(error)}.",
            cure="Check the path, or the hub id and the network.",
        ) from error


def _loaded(kind: Any, folder: Path, model_type: str, source: str) -> Any:
    """The network, only where the folder says that it is of this kind and has all of its weights."""
    try:
        found = AutoConfig.from_pretrained(folder).model_type
        if found not in {model_type, f"{model_type}_vision_model"}:
            raise ValueError(f"it is a {found}")
        network, info = kind.from_pretrained(folder, use_safetensors=True, output_loading_info=True)
        if info["missing_keys"]:
            raise ValueError(f"{len(info['missing_keys'])} of its weights are missing")
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ScoreError(
            f"{source}: cannot be loaded as {kind.__name__}: {one_line(error)}.",
            cure=f"Give --features {model_type}= a transformers folder or hub id of that kind, with safetensors.",
        ) from error
    return network.eval()


def _pixels(
    pictures: np.ndarray, side: int, mean: tuple[float, ...], deviation: tuple[float, ...]
) -> torch.Tensor:
    """B H W 3 uint8 → B 3 side side float32, normalized by channel."""
    resized = np.stack([resize(picture, side) for picture in pictures]) / 255
    normal = (resized - np.array(mean)) / np.array(deviation)
    return torch.from_numpy(normal.astype(np.float32)).permute(0, 3, 1, 2)
