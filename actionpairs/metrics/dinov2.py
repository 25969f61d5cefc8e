"""DINOv2: how alike edit and truth are, and the set distance FD-DINOv2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import Dinov2Model

from actionpairs.metrics import encoders
from actionpairs.metrics.distances import FRECHET, cosine, frechet
from actionpairs.metrics.features import CachedEncoder, Encoder, FeatureDistance, described, squeezed
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader

SIMILARITY = MetricColumn("DINOv2 similarity", "higher", "picture")
DISTANCE = MetricColumn("FD-DINOv2", "lower", "picture", statistic=FRECHET)
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
_SIDE = 224  # as in dgm-eval (arXiv 2306.04675); the published weights name 518, at which they were trained


class Dinov2Encoder:
    """DINOv2's class token (arXiv 2304.07193); FD-DINOv2 uses ViT-L/14 (arXiv 2306.04675)."""

    def __init__(self, source: str, *, device: str = "cpu") -> None:
        self.digest = encoders.digest(source)
        self._network = encoders.load(Dinov2Model, source, "dinov2").to(device)
        self.name = f"DINOv2 ({Path(source).name})"
        self._side = min(_SIDE, self._network.config.image_size)
        self.resizing = squeezed(self._side)

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        pixels = encoders.normalize(pictures, self._side, _MEAN, _DEVIATION)
        return np.asarray(self._network(pixels.to(self._network.device)).last_hidden_state[:, 0].cpu())


class Dinov2Similarity:
    """Per edit: the cosine to the truth."""

    columns = (SIMILARITY,)
    citation = "DINOv2: arXiv 2304.07193"

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.digest = encoder, encoder.digest
        self.note = f"DINOv2 similarity: the cosine of edit and real last frame, on {described(encoder)}."

    def score(self, batch: EditBatch) -> BatchScores:
        """The cosine of every edit."""
        return BatchScores({SIMILARITY.name: cosine(self._encoder(batch.edits), self._encoder(batch.truths))})


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    encoder = CachedEncoder(Dinov2Encoder(inputs.weights[LOADER.kind], device=inputs.device))
    return Dinov2Similarity(encoder), FeatureDistance(encoder, {DISTANCE: frechet}, "FD-DINOv2: arXiv 2306.04675")


LOADER = MetricLoader(
    _load,
    "dinov2",
    encoders.digest,
    "No FD-DINOv2 or DINOv2 similarity: name a DINOv2 folder or hub id with --features dinov2=ID, for example "
    "facebook/dinov2-large.",
)
