"""The sections of a recipe: one frozen config per stage. recipe.py makes them from YAML."""

from actionpairs.configs.evaluate import EvalConfig
from actionpairs.configs.extract import ExtractConfig, PictureConfig, ReleasedFramesConfig, SelectConfig
from actionpairs.configs.shard import (
    ExpectedConfig,
    FilterConfig,
    ShardConfig,
    SourceConfig,
    SplitConfig,
    SubsetConfig,
)
from actionpairs.configs.train import (
    ActionLossConfig,
    EditorConfig,
    LoopConfig,
    LoraConfig,
    PretrainedModel,
    RecognizerConfig,
    RegularizationConfig,
    TimesConfig,
    TinyModel,
    TrainConfig,
)
from actionpairs.keys import Config

__all__ = [
    "ActionLossConfig",
    "Config",
    "EditorConfig",
    "EvalConfig",
    "ExpectedConfig",
    "ExtractConfig",
    "FilterConfig",
    "LoopConfig",
    "LoraConfig",
    "PictureConfig",
    "PretrainedModel",
    "RecognizerConfig",
    "RegularizationConfig",
    "ReleasedFramesConfig",
    "SelectConfig",
    "ShardConfig",
    "SourceConfig",
    "SplitConfig",
    "SubsetConfig",
    "TimesConfig",
    "TinyModel",
    "TrainConfig",
]
