"""What a recipe may say: one frozen config per stage. recipe.py reads YAML into these."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]


class Config(BaseModel):
    """A frozen part of a recipe; keys that it does not know are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def digest(self) -> str:
        """Name this config by its content: 16 hexadecimal digits."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


# ── extract ─────────────────────────────────────────────────────────────────────────────────────────────


class TableColumns(Config):
    """Which column of a table holds what; a column set to null is not there."""

    id: str | None = None
    video: str = "video"
    start: str = "start"
    stop: str = "stop"
    instruction: str = "instruction"
    verb: str | None = None
    noun: str | None = None
    group: str | None = None


class TableFormat(Config):
    """A CSV or TSV file with a header; times in seconds or as clock times."""

    format: Literal["table"]
    columns: TableColumns = TableColumns()
    unit: Literal["seconds", "clock"] = "seconds"


class Epic100Format(Config):
    """EPIC-KITCHENS-100: the timestamps count, never the frame columns."""

    format: Literal["epic100"]
    instruction: Literal["class keys", "narration"] = "class keys"


AnnotationFormat = Annotated[TableFormat | Epic100Format, Field(discriminator="format")]


class SelectConfig(Config):
    """Which segments are wanted, before any video is opened."""

    min_seconds: Weight = 0.0
    max_seconds: float = float("inf")
    min_clips_per_action: Positive = 1
    drop_verbs: tuple[str, ...] = ()


class PictureConfig(Config):
    """How a decoded frame becomes a JPEG; pictures are made smaller, never larger."""

    short_side: Positive = 512
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    chroma: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:4:4"


class ExtractConfig(Config):
    """From annotation files and videos to frame pairs."""

    annotations: AnnotationFormat
    select: SelectConfig = SelectConfig()
    pictures: PictureConfig = PictureConfig()
    past_end_seconds: Weight = 0.5
    max_rejected: Share = 1.0


# ── shard ───────────────────────────────────────────────────────────────────────────────────────────────


class FilterConfig(Config):
    """Which pairs are kept; a filter that is null is off."""

    min_change: Share | None = 0.005
    min_sharpness: Weight | None = None


class SplitConfig(Config):
    """Who goes where: the `tests` hold out so many samples each, in hash order; the rest trains."""

    rule: Literal["paper"] = "paper"
    seed: int = 0
    train: str
    tests: dict[str, Positive] = {}

    @model_validator(mode="after")
    def _names_differ(self) -> SplitConfig:
        if self.train in self.tests:
            raise ValueError(f"the training split and a test split are both called {self.train!r}")
        return self


class ShardConfig(Config):
    """From frame pairs to WebDataset shards of one data set."""

    dataset: str
    filters: FilterConfig = FilterConfig()
    splits: SplitConfig
    samples_per_shard: Positive = 1000


# ── train ───────────────────────────────────────────────────────────────────────────────────────────────


class PretrainedModel(Config):
    """Weights to start from: a diffusers folder or a hub id (for example timbrooks/instruct-pix2pix)."""

    source: str


class TinyModel(Config):
    """A small model built from nothing: its autoencoder and its tokenizer are trained on the shards first."""

    tiny: Literal[True]
    unet_channels: tuple[Positive, ...] = (32, 64, 96)
    unet_layers: Positive = 1
    text_width: Positive = 64
    text_layers: Positive = 2
    vocabulary: Positive = 512
    autoencoder_channels: tuple[Positive, ...] = (16, 32, 32)
    autoencoder_steps: Positive = 400
    autoencoder_batch_size: Positive = 16


class ActionLossConfig(Config):
    """L_action, which tells the right instruction from a wrong one."""

    weight: Weight = 0.1
    form: Literal["logistic", "hinge", "negated"] = "logistic"
    beta: Annotated[float, Field(gt=0)] = 1000.0
    margin: Weight = 0.1


class RegularizationConfig(Config):
    """L_reg, which holds the model near the frozen one that it started from."""

    weight: Weight = 0.1


class LoopConfig(Config):
    """What every training loop needs to know."""

    seed: int = 0
    steps: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    warmup_steps: int = 0
    weight_decay: Weight = 0.01
    max_gradient_norm: Weight = 1.0
    precision: Literal["no", "bf16", "fp16"] = "no"
    checkpoint_every: Positive = 1000
    keep_checkpoints: Positive = 2


class EditorConfig(LoopConfig):
    """Fine-tuning of InstructPix2Pix with L_static + λ1·L_action + λ2·L_reg."""

    task: Literal["editor"]
    model: PretrainedModel | TinyModel
    steps: Positive = 40_000
    batch_size: Positive = 32
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    warmup_steps: int = 1000
    resolution: Positive = 256
    freeze: tuple[str, ...] = ("attn2",)
    action: ActionLossConfig = ActionLossConfig()
    regularization: RegularizationConfig = RegularizationConfig()
    conditioning_dropout: Annotated[float, Field(ge=0, le=1 / 3)] = 0.05
    flip: Share = 0.5
    ema_decay: Share = 0.9999
    gradient_checkpointing: bool = False
    sample_every: Positive = 5000
    sample_count: Positive = 4
    sample_steps: Positive = 20


class RecogniserConfig(LoopConfig):
    """Fine-tuning of a TimeSformer on pairs written as [first frame × half, last frame × half]."""

    task: Literal["recogniser"]
    source: str | None = None  # a folder or hub id; null builds one from the sizes below
    steps: Positive = 5000
    batch_size: Positive = 16
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    resolution: Positive = 224
    frames: Annotated[int, Field(gt=1, multiple_of=2)] = 8
    patch_size: Positive = 16
    width: Positive = 768
    layers: Positive = 12
    heads: Positive = 12


TrainConfig = Annotated[EditorConfig | RecogniserConfig, Field(discriminator="task")]


# ── eval ────────────────────────────────────────────────────────────────────────────────────────────────


class EvalConfig(Config):
    """How edits are generated and scored."""

    resolution: Positive = 256
    seed: int = 0
    steps: Positive = 100
    image_guidance: Weight = 1.5
    text_guidance: Weight = 7.5
    batch_size: Positive = 8
    scheduler: str = "EulerAncestralDiscreteScheduler"
    gallery: Positive = 60
