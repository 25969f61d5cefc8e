"""The sections of a recipe: one frozen config per stage. recipe.py makes them from YAML."""

from actionpairs.configs.evaluate import EvalConfig, RecognitionConfig
from actionpairs.configs.extract import ExtractConfig, PictureConfig, ReleasedFramesConfig, SelectConfig
from actionpairs.configs.frames import FramesConfig
from actionpairs.configs.instructions import InstructionsConfig, RewrittenInstructions, TemplateInstructions
from actionpairs.configs.judges import JudgeConfig, JudgeOptions
from actionpairs.configs.language_models import ChatModelConfig
from actionpairs.configs.losses import ActionLossConfig, DiagnosticsConfig, IdentityConfig, RegularizationConfig
from actionpairs.configs.shard import (
    ExpectedConfig,
    FilterConfig,
    ShardConfig,
    SourceConfig,
    SplitConfig,
    SubsetConfig,
)
from actionpairs.configs.train import (
    EditorConfig,
    LoopConfig,
    LoraConfig,
    PretrainedModel,
    RecognizerConfig,
    TimesConfig,
    TinyModel,
    TrainConfig,
)
from actionpairs.keys import Config

__all__ = [
    "ActionLossConfig",
    "ChatModelConfig",
    "Config",
    "DiagnosticsConfig",
    "EditorConfig",
    "EvalConfig",
    "ExpectedConfig",
    "ExtractConfig",
    "FilterConfig",
    "FramesConfig",
    "IdentityConfig",
    "InstructionsConfig",
    "JudgeConfig",
    "JudgeOptions",
    "LoopConfig",
    "LoraConfig",
    "PictureConfig",
    "PretrainedModel",
    "RecognitionConfig",
    "RecognizerConfig",
    "RegularizationConfig",
    "ReleasedFramesConfig",
    "RewrittenInstructions",
    "SelectConfig",
    "ShardConfig",
    "SourceConfig",
    "SplitConfig",
    "SubsetConfig",
    "TemplateInstructions",
    "TimesConfig",
    "TinyModel",
    "TrainConfig",
]
