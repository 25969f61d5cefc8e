"""The `eval` section of a recipe: how edits are sampled and scored."""

from __future__ import annotations

from typing import Literal

from actionpairs.configs.judges import JudgeConfig
from actionpairs.keys import Config, Positive, Weight


class RecognitionConfig(Config):
    """How the classes of `--recognizer` are understood as actions of the shards.

    labels: which of its labels each of our actions is, `our action: its label`, or the path of a YAML or JSON file
    with such lines; an action that is not named is the label of the same name. A recognizer that was trained
    elsewhere is refused unless every action has a label.
    """

    labels: dict[str, str] | str | None = None


class EvalConfig(Config):
    """How edits are sampled and scored.

    resolution: pictures are edited and scored at about resolution² pixels and at their own aspect; null takes the
    size that the models were trained at. square: as center-cropped squares instead, which is what the paper does.
    steps, guidance and scheduler: null takes each model's own; a scheduler is one of diffusers' classes.
    negatives: edits are guided away from another action's instruction, drawn so, in place of the null text.
    quantize: as `model.quantize` in training. gallery: number of samples on the report's page. rater_samples:
    number of samples on the page for raters. recognizer: how its classes are understood. vlm_judge: how `--judge`
    asks a vision-language model.
    """

    resolution: Positive | None = None
    square: bool = False
    seed: int = 0
    steps: Positive | None = None
    image_guidance: Weight | None = None
    text_guidance: Weight | None = None
    batch_size: Positive = 8
    scheduler: str | None = None
    negatives: Literal["all", "same verb", "same noun", "same scene"] | None = None
    quantize: Literal["nf4", "int8"] | None = None
    gallery: Positive = 60
    rater_samples: Positive = 30
    recognizer: RecognitionConfig = RecognitionConfig()
    vlm_judge: JudgeConfig = JudgeConfig()
