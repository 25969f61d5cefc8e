"""VideoMAE (arXiv 2203.12602): every token is a tubelet of two frames."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from actionpairs.recognition.preprocessing import SIGNED
from actionpairs.recognition.recognizer import ClipShape, Model, RecognizerFamily, Sizes


class VideoMAE(RecognizerFamily):
    """Its features are the mean over all tokens, or the first token where the config says so.

    Positions are a fixed table of sines for the whole clip; transformers stretches it to no other clip.
    """

    model_type = "videomae"
    name = "VideoMAE"
    citation = "VideoMAE: arXiv 2203.12602"
    model_class = VideoMAEForVideoClassification
    processor = "VideoMAEVideoProcessor"
    normalization = SIGNED
    new_parts = ("classifier.", "fc_norm.")
    other_parts = ("decoder.", "encoder_to_decoder.", "mask_token")

    def config(self, sizes: Sizes, **options: Any) -> VideoMAEConfig:
        """Its keys are called as ViT's."""
        return VideoMAEConfig(tubelet_size=2, **sizes.as_vit(), **options)

    def clip(self, config: Any) -> ClipShape:
        """num_frames of image_size."""
        return ClipShape(config.num_frames, config.image_size)

    def pooled(self, model: Model, clips: Tensor) -> Tensor:
        """As VideoMAEForVideoClassification pools."""
        states: Tensor = model.videomae(clips).last_hidden_state  # B tokens D
        pooled: Tensor = states[:, 0] if model.fc_norm is None else model.fc_norm(states.mean(1))
        return pooled
