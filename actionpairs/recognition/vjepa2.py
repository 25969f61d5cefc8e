"""V-JEPA 2 (arXiv 2506.09985): tubelets of two frames, rotary positions, and an attentive pooler."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import VJEPA2Config, VJEPA2ForVideoClassification

from actionpairs.errors import ModelError
from actionpairs.recognition.preprocessing import IMAGENET
from actionpairs.recognition.recognizer import ClipShape, Model, RecognizerFamily, Sizes

_LEAST_HEAD = 6  # two channels for each of time, height and width


class VJepa2(RecognizerFamily):
    """Its features are what the pooler's query finds.

    Positions are rotations, so that a released model takes clips of other lengths and sizes. The predictor of
    pretraining is not used, and does not train.
    """

    model_type = "vjepa2"
    name = "V-JEPA 2"
    citation = "V-JEPA 2: arXiv 2506.09985"
    model_class = VJEPA2ForVideoClassification
    processor = "VJEPA2VideoProcessor"
    normalization = IMAGENET
    new_parts = ("classifier.", "pooler.")
    unused = ("vjepa2.predictor",)
    keeps_position = False

    def config(self, sizes: Sizes, **options: Any) -> VJEPA2Config:
        """One layer in the pooler and none in the predictor."""
        return VJEPA2Config(
            crop_size=sizes.resolution,
            patch_size=sizes.patch_size,
            frames_per_clip=sizes.frames,
            tubelet_size=2,
            hidden_size=sizes.width,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            num_pooler_layers=1,
            pred_hidden_size=sizes.width,
            pred_num_attention_heads=sizes.heads,
            pred_num_hidden_layers=0,
            initializer_range=sizes.initializer_range,
            **options,
        )

    def clip(self, config: Any) -> ClipShape:
        """frames_per_clip of crop_size."""
        return ClipShape(config.frames_per_clip, config.crop_size)

    def pooled(self, model: Model, clips: Tensor) -> Tensor:
        """What the pooler makes of all tokens."""
        pooled: Tensor = model.pooler(model.vjepa2(clips, skip_predictor=True).last_hidden_state)
        return pooled

    def check(self, sizes: Sizes) -> None:
        """Each head needs channels for the rotations of time, height and width."""
        super().check(sizes)
        if sizes.width // sizes.heads < _LEAST_HEAD:
            raise ModelError(
                f"V-JEPA 2 needs {_LEAST_HEAD} channels in each head for positions, and a width of {sizes.width} "
                f"gives {sizes.heads} heads {sizes.width // sizes.heads}.",
                cure="Choose a larger width or fewer heads.",
            )

    def other_clip(self, clip: ClipShape) -> dict[str, int]:
        """The positions follow these two keys."""
        return {"frames_per_clip": clip.frames, "crop_size": clip.side}

    def resized(self, side: int) -> int:
        """VJEPA2VideoProcessor computes it from the size of the crop."""
        return int(side * 256 / 224)
