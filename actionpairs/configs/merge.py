"""What `merge` and `mix` write into `recipe.json`. It is no section of a recipe: the options of the commands."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from actionpairs.configs.shard import SourceConfig
from actionpairs.keys import Config, Positive


class MergedSetConfig(Config):
    """A data set that is part of a merged one: its name, its recipe's digest, and where its videos are from."""

    name: str
    recipe_digest: str
    source: SourceConfig = SourceConfig()


class MergeConfig(Config):
    """Several data sets as one.

    train: the split that all training splits become. sets: in the order of the command line. renamed_splits:
    INPUT/SPLIT → the new name. near_duplicate_bits: two pairs of different inputs are near-duplicates if at most
    this number of their hashes' 128 bits differ. keep_duplicates: keep training pairs that repeat another input's
    training pair. seed: of the order of the samples and of the draw. weights: input → its share of the training
    pairs, and samples: how many are drawn, both for `mix`.
    """

    dataset: str
    train: str
    sets: tuple[MergedSetConfig, ...]
    renamed_splits: dict[str, str] = Field(default_factory=dict)
    near_duplicate_bits: Annotated[int, Field(ge=0, le=16)]
    keep_duplicates: bool = False
    seed: int = 0
    samples_per_shard: Positive = 1000
    weights: dict[str, float] = Field(default_factory=dict)
    samples: Positive | None = None
