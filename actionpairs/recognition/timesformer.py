"""TimeSformer (arXiv 2102.05095), with divided space-time attention."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import TimesformerConfig, TimesformerForVideoClassification

from actionpairs.recognition.preprocessing import IMAGENET
from actionpairs.recognition.recognizer import ClipShape, Model, RecognizerFamily, Sizes


class TimeSformer(RecognizerFamily):
    """Its features are the class token.

    Position and time embeddings are learned. transformers stretches those of time to other numbers of frames, but
    its layers divide by the config's number (huggingface/transformers issue 38027), so a clip has exactly these.
    """

    model_type = "timesformer"
    name = "TimeSformer"
    citation = "TimeSformer: arXiv 2102.05095"
    model_class = TimesformerForVideoClassification
    processor = "TimesformerVideoProcessor"
    normalization = IMAGENET
    embeddings = ("timesformer.embeddings.time_embeddings", "timesformer.embeddings.position_embeddings")

    def config(self, sizes: Sizes, **options: Any) -> TimesformerConfig:
        """Its keys are called as ViT's."""
        return TimesformerConfig(**sizes.as_vit(), **options)

    def clip(self, config: Any) -> ClipShape:
        """num_frames of image_size."""
        return ClipShape(config.num_frames, config.image_size)

    def pooled(self, model: Model, clips: Tensor) -> Tensor:
        """The class token after the last norm."""
        states: Tensor = model.timesformer(clips).last_hidden_state  # B (1 + patches) D
        return states[:, 0]
