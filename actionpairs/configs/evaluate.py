"""The `eval` section of a recipe: how edits are sampled and scored."""

from __future__ import annotations

from actionpairs.keys import Config, Positive, Weight


class EvalConfig(Config):
    """How edits are sampled and scored.

    gallery: number of samples on the report's page. rater_samples: number of samples on the page for raters.
    """

    resolution: Positive = 256
    seed: int = 0
    steps: Positive = 100
    image_guidance: Weight = 1.5
    text_guidance: Weight = 7.5
    batch_size: Positive = 8
    scheduler: str = "EulerAncestralDiscreteScheduler"
    gallery: Positive = 60
    rater_samples: Positive = 30
