"""The `shard` section of a recipe: from frame pairs to WebDataset shards."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from actionpairs.configs.instructions import InstructionsConfig
from actionpairs.keys import Config, Positive, Share, Weight


class FilterConfig(Config):
    """Which pairs are kept. A filter that is null is off.

    Each key is a threshold on one of the `Measures`; the worse frame decides. A pair without the measure is
    dropped as `unmeasured`. max_camera_shift and min_displacement are shares of the picture's diagonal.
    near_duplicate_bits: a pair is dropped if its two hashes differ from those of an earlier pair in at most this
    number of the 128 bits.
    """

    min_change: Share | None = 0.005
    min_sharpness: Share | None = None
    max_dark: Share | None = None
    max_overexposed: Share | None = None
    max_cut: Share | None = None
    max_camera_shift: Weight | None = None
    min_displacement: Weight | None = None
    min_displacement_confidence: Share | None = None
    near_duplicate_bits: Annotated[int, Field(ge=0, le=16)] | None = None

    @model_serializer(mode="wrap")
    def _without_a_key_that_is_new(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The digest of a recipe without the key is that of versions that did not have it."""
        content: dict[str, Any] = dump(self)
        return {key: value for key, value in content.items() if key != "min_displacement_confidence" or value}


class SubsetConfig(Config):
    """The `count` samples of the split `of` with the largest measure `by`, also written as a separate split.

    max_per_action: the most samples of one action; null is no limit. At a tie, the smaller id is taken.
    min_confidence: by displacement, samples with a lower `displacement_confidence` are left out; null is no limit.
    """

    of: str
    count: Positive
    by: Literal["displacement", "change", "camera_shift"] = "displacement"
    max_per_action: Positive | None = None
    min_confidence: Share | None = 0.5


class SplitConfig(Config):
    """Which split a pair is in. Each of the `tests` holds out a number of samples, in hash order.

    train: the split of all other samples. rule: `paper` draws the tests from all samples; `leak-free` holds out
    whole groups (participants, or videos if there are none), at least min_test_groups of them, and draws the tests
    from those. Samples of held-out groups that are in no test go to the split `spare`, so that no group or video
    is both trained on and tested. unseen_verbs: split → verbs whose samples all go there, and are never trained
    on. subsets: name → samples of a split that are also written as a separate split.
    """

    rule: Literal["paper", "leak-free"] = "paper"
    seed: int = 0
    train: str
    tests: dict[str, Positive] = Field(default_factory=dict)
    unseen_verbs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    min_test_groups: Positive = 1
    spare: str | None = None
    subsets: dict[str, SubsetConfig] = Field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All splits except the subsets, the training split first."""
        return (self.train, *self.tests, *self.unseen_verbs, *([self.spare] if self.spare else []))

    @model_validator(mode="after")
    def _names_differ(self) -> SplitConfig:
        names = (*self.names, *self.subsets)
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two splits are both called {name!r}")
        for name, subset in self.subsets.items():
            if subset.of not in self.names:
                raise ValueError(f"`subsets.{name}.of`: no split has the name {subset.of!r}")
        return self

    @model_validator(mode="after")
    def _rule_has_its_keys(self) -> SplitConfig:
        if (self.rule == "leak-free") != (self.spare is not None):
            raise ValueError("`rule: leak-free` needs `spare`, and no other rule takes it")
        if self.rule == "paper" and self.min_test_groups != 1:
            raise ValueError("`min_test_groups` is only for `rule: leak-free`")
        verbs = [verb for listed in self.unseen_verbs.values() for verb in listed]
        if len(set(verbs)) != len(verbs):
            raise ValueError("`unseen_verbs` names a verb twice")
        return self


class ExpectedConfig(Config):
    """Published figures, which `--dry-run` prints next to ours. source: who published them."""

    source: str
    actions: int | None = None
    splits: dict[str, int] = Field(default_factory=dict)


class SourceConfig(Config):
    """Where the videos come from, for the data-set card. license: its identifier on the Hugging Face hub."""

    name: str = ""
    home: str = ""
    license: str = ""
    terms: str = ""


class ShardConfig(Config):
    """From frame pairs to WebDataset shards of one data set.

    instructions: null keeps the words of extract. The words of extract stay in each sample's JSON in any case.
    """

    dataset: str
    source: SourceConfig = SourceConfig()
    filters: FilterConfig = FilterConfig()
    splits: SplitConfig
    instructions: InstructionsConfig | None = None
    samples_per_shard: Positive = 1000
    expected: ExpectedConfig | None = Field(default=None, exclude=True)  # not in the digest: it changes no output

    @model_serializer(mode="wrap")
    def _without_null_instructions(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The digest of a recipe without the key is that of versions that did not have it."""
        content: dict[str, Any] = dump(self)
        if content["instructions"] is None:
            del content["instructions"]
        return content
