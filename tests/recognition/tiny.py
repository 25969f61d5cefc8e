"""Tiny recognizers of every family, built by transformers from configs that stand here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VJEPA2Config,
    VJEPA2ForVideoClassification,
)

SIDE = 32
SSV2 = (  # some of the 174 templates, as the released classifiers write them
    "Putting [something] into [something]",
    "Taking [something] out of [something]",
    "Moving [something] and [something] closer to each other",
    "Moving [something] and [something] away from each other",
    "Pushing [something] from left to right",
    "Pushing [something] from right to left",
)
_WIDTHS = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8}
FRAMES = {"timesformer": 8, "videomae": 16, "vjepa2": 16}


def released(family: str, labels: Sequence[str] = SSV2, *, seed: int = 0, **changes: Any) -> Any:
    """A classifier with random weights, large enough that its logits differ; by transformers alone."""
    names = {"id2label": dict(enumerate(labels)), "label2id": {name: n for n, name in enumerate(labels)}}
    sizes = {**_WIDTHS, **names, "initializer_range": 0.3}
    torch.manual_seed(seed)
    model: Any
    if family == "timesformer":
        config = TimesformerConfig(
            **{**sizes, "image_size": SIDE, "num_frames": 8, "intermediate_size": 48, **changes}
        )
        model = TimesformerForVideoClassification(config)
    elif family == "videomae":
        config = VideoMAEConfig(
            **{**sizes, "image_size": SIDE, "num_frames": 16, "intermediate_size": 48, **changes}
        )
        model = VideoMAEForVideoClassification(config)
    else:
        own = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
        config = VJEPA2Config(
            **{**sizes, **own, "crop_size": SIDE, "frames_per_clip": 16, "num_pooler_layers": 1, **changes}
        )
        model = VJEPA2ForVideoClassification(config)
    for parameter in model.parameters():  # no bias and no scale stays at 0 or 1
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def save(model: Any, folder: Path, **preprocessing: Any) -> str:
    """A folder as released: the model, and its preprocessor_config.json where values of it are given."""
    model.save_pretrained(folder)
    if preprocessing:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
    return str(folder)


def as_published(
    mean: Sequence[float], std: Sequence[float], *, short: int = SIDE, side: int = SIDE
) -> Mapping[str, Any]:
    """The keys of the files on the hub, such as facebook/timesformer-base-finetuned-ssv2's."""
    return {
        "crop_size": {"height": side, "width": side},
        "do_center_crop": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": list(mean),
        "image_std": list(std),
        "image_processor_type": "VideoMAEImageProcessor",
        "resample": 2,
        "rescale_factor": 0.00392156862745098,
        "size": {"shortest_edge": short},
    }


def pictures(count: int = 3, shape: tuple[int, int] = (48, 70), *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Originals and edits, N H W 3 uint8, with edges that an antialiased filter must soften."""
    draw = np.random.default_rng(seed)
    both = draw.integers(0, 256, (2, count, shape[0] // 2, shape[1] // 2, 3), np.uint8)
    return tuple(both.repeat(2, axis=2).repeat(2, axis=3))  # type: ignore[return-value]
