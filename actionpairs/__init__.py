"""Annotated action videos in, image-editing data sets and trained editors out.

Each function does what the command of its name does (`evaluate` is `actionpairs eval`), and is imported when it
is first used: `import actionpairs` alone loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionpairs.recipe import load as load_recipe
    from actionpairs.stages.bench import evaluate_benchmark
    from actionpairs.stages.compare import compare
    from actionpairs.stages.demo import demo
    from actionpairs.stages.edit import edit
    from actionpairs.stages.eval import evaluate
    from actionpairs.stages.export import export
    from actionpairs.stages.extract import extract
    from actionpairs.stages.measure import measure
    from actionpairs.stages.merge import merge
    from actionpairs.stages.mix import mix
    from actionpairs.stages.push import push
    from actionpairs.stages.shard import shard
    from actionpairs.stages.stats import stats
    from actionpairs.stages.train import train
    from actionpairs.stages.verify import verify

del annotations  # else `from actionpairs import annotations` would be the __future__ and not the package

__all__ = [
    "extract",
    "measure",
    "shard",
    "verify",
    "merge",
    "mix",
    "stats",
    "export",
    "push",
    "train",
    "evaluate",
    "evaluate_benchmark",
    "compare",
    "edit",
    "demo",
    "load_recipe",
]

_HOMES = {
    "extract": ("actionpairs.stages.extract", "extract"),
    "measure": ("actionpairs.stages.measure", "measure"),
    "shard": ("actionpairs.stages.shard", "shard"),
    "train": ("actionpairs.stages.train", "train"),
    "evaluate": ("actionpairs.stages.eval", "evaluate"),
    "evaluate_benchmark": ("actionpairs.stages.bench", "evaluate_benchmark"),
    "compare": ("actionpairs.stages.compare", "compare"),
    "edit": ("actionpairs.stages.edit", "edit"),
    "verify": ("actionpairs.stages.verify", "verify"),
    "merge": ("actionpairs.stages.merge", "merge"),
    "mix": ("actionpairs.stages.mix", "mix"),
    "stats": ("actionpairs.stages.stats", "stats"),
    "export": ("actionpairs.stages.export", "export"),
    "push": ("actionpairs.stages.push", "push"),
    "demo": ("actionpairs.stages.demo", "demo"),
    "load_recipe": ("actionpairs.recipe", "load"),
}

_TRAINED = frozenset({"train", "evaluate", "evaluate_benchmark", "compare", "edit", "demo"})


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'actionpairs' has no attribute {name!r}")
    if name in _TRAINED:  # this room says which extra is missing, before another import stumbles over it
        importlib.import_module("actionpairs.train_extra")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
