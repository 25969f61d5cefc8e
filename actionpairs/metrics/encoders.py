"""What CLIP and DINOv2 share: finding a transformers folder or hub id, loading it, normalizing pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from transformers import AutoConfig

from actionpairs import manifest
from actionpairs.errors import ScoreError, one_line
from actionpairs.metrics.features import resize
from actionpairs.storage import Folder


def locate(source: str) -> Path:
    """The folder of an encoder on this machine; a hub id is downloaded, its safetensors and config only.

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


def digest(source: str) -> str:
    """Name an encoder's folder by its content; raises ScoreError as `locate` does."""
    return manifest.folder_digest(Folder(locate(source)))


def load(kind: Any, source: str, model_type: str) -> Any:
    """A transformers network, only where the folder says that it is of this type and has all of its weights.

    kind: its class. Raises ScoreError.
    """
    folder = locate(source)
    try:
        actual = AutoConfig.from_pretrained(folder).model_type
        if actual not in {model_type, f"{model_type}_vision_model"}:
            raise ValueError(f"it is a {actual}")
        network, info = kind.from_pretrained(folder, use_safetensors=True, output_loading_info=True)
        if info["missing_keys"]:
            raise ValueError(f"{len(info['missing_keys'])} of its weights are missing")
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ScoreError(
            f"{source}: cannot be loaded as {kind.__name__}: {one_line(error)}.",
            cure=f"Give --features {model_type}= a transformers folder or hub id of that kind, with safetensors.",
        ) from error
    return network.eval()


def normalize(
    pictures: np.ndarray, side: int, mean: tuple[float, ...], deviation: tuple[float, ...]
) -> torch.Tensor:
    """B H W 3 uint8 → B 3 side side float32, normalized by channel."""
    resized = np.stack([resize(picture, side) for picture in pictures]) / 255
    normal = (resized - np.array(mean)) / np.array(deviation)
    return torch.from_numpy(normal.astype(np.float32)).permute(0, 3, 1, 2)
