"""CLIP: how alike pictures are, whether they changed in the right direction, and the set distance CMMD."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPVisionModelWithProjection

from actionpairs.metrics import encoders
from actionpairs.metrics.distances import KERNEL, cosine
from actionpairs.metrics.features import CachedEncoder, Encoder, FeatureDistance, described, squeezed
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader

DIRECTION = MetricColumn("CLIP direction", "higher", "action")
SIMILARITY = MetricColumn("CLIP similarity", "higher", "picture")
CMMD = MetricColumn("CMMD", "lower", "picture", statistic=KERNEL)
_MEAN, _DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ClipEncoder:
    """CLIP's projected picture embedding, of length 1 (arXiv 2103.00020); CMMD uses ViT-L/14 at 336 pixels.

    CLIP's own processor crops the center square, which takes 44 % off a 16:9 frame: here, whole pictures count.
    """

    def __init__(self, source: str, *, device: str = "cpu") -> None:
        self.digest = encoders.digest(source)
        self._network = encoders.load(CLIPVisionModelWithProjection, source, "clip").to(device)
        self.name = f"CLIP ({Path(source).name})"
        self.resizing = squeezed(self._network.config.image_size)

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        pixels = encoders.normalize(pictures, self._network.config.image_size, _MEAN, _DEVIATION)
        embedded = self._network(pixels.to(self._network.device)).image_embeds
        return np.asarray((embedded / embedded.norm(dim=-1, keepdim=True)).cpu())


class ClipScores:
    """Per edit: the cosine to the truth, and whether the picture changed as the truth did."""

    columns = (DIRECTION, SIMILARITY)
    citation = "CLIP: arXiv 2103.00020; directions as in StyleGAN-NADA (arXiv 2108.00946), between pictures"

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.digest = encoder, encoder.digest
        self.note = (
            f"CLIP similarity: the cosine of edit and real last frame. CLIP direction: cos(E(edit) − E(input), "
            f"E(truth) − E(input)), 0 for a copy. Both on {described(encoder)}."
        )

    def score(self, batch: EditBatch) -> BatchScores:
        """Both cosines of every edit."""
        edits, originals, truths = map(self._encoder, (batch.edits, batch.originals, batch.truths))
        return BatchScores(
            {
                DIRECTION.name: direction(edits, originals, truths),
                SIMILARITY.name: cosine(edits, truths),
            }
        )


def direction(edits: np.ndarray, originals: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Whether features change as they should: cos(E(edit) − E(input), E(truth) − E(input)).

    All N D; returns N float64. An edit that is its input scores 0; NaN where the truth is the input.
    """
    change, true_change = edits - originals, truths - originals
    cosines = cosine(change, true_change)
    return np.where(np.isnan(cosines) & true_change.any(axis=1), 0.0, cosines)


def gaussian_distance(x: np.ndarray, y: np.ndarray) -> float:
    """CMMD: 1000 times the squared MMD with the kernel exp(−|x − y|²/2σ²), σ = 10 (arXiv 2401.09603).

    x: N D, y: M D, rows of length 1. The published estimator, V-statistics with the diagonals: never below 0.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    return float(1000 * (_gaussian(x, x).mean() + _gaussian(y, y).mean() - 2 * _gaussian(x, y).mean()))


def _gaussian(x: np.ndarray, y: np.ndarray, sigma: float = 10.0) -> np.ndarray:
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None] - 2 * x @ y.T
    return np.asarray(np.exp(-squares / (2 * sigma**2)))


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    encoder = CachedEncoder(ClipEncoder(inputs.weights[LOADER.kind], device=inputs.device))
    return ClipScores(encoder), FeatureDistance(encoder, {CMMD: gaussian_distance}, "CMMD: arXiv 2401.09603")


LOADER = MetricLoader(
    _load,
    "clip",
    encoders.digest,
    "No CMMD, CLIP similarity or CLIP direction: name a CLIP folder or hub id with --features clip=ID, for "
    "example openai/clip-vit-large-patch14-336.",
)
