"""What a metric is: the columns that it declares, the edits that it gets, the numbers and texts that it returns.

A new metric is one file that ends in a `MetricLoader`, and one entry in `available.LOADERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

from actionpairs.editors.editor import Editor
from actionpairs.metrics.intervals import MEAN, Estimate, Statistic
from actionpairs.records import Entry

Better = Literal["higher", "lower"]
About = Literal["action", "picture"]
Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """One column of the table of scores.

    about: "action" (is the action done?) or "picture" (does the picture look right?). The real last frame has
    scores of the first kind only. unit: "%", "dB", "px" …, or empty. statistic: how one number is made of all
    samples. text: what the text beside each value is, if the metric gives one, such as "the recognized action".
    without_truth: the edit is not compared with the real last frame, so that frame has this score of pictures too.
    """

    name: str
    better: Better
    about: About
    unit: str = ""
    statistic: Statistic = MEAN
    text: str = ""
    without_truth: bool = False


@dataclass(frozen=True, slots=True)
class EditBatch:
    """Some samples, and what one row of the table made of them.

    originals, edits, truths: B H W 3 uint8 RGB; the input, the edited picture and the real last frame. All are of
    one shape, which need not be square; the next batch of the same split may be of another. editor: the model that
    made the edits; None for edits from a folder, for the copy of the input and for the real last frame. row: the
    name of the table's row.
    """

    keys: tuple[str, ...]
    instructions: tuple[str, ...]
    actions: tuple[str, ...]
    originals: np.ndarray
    edits: np.ndarray
    truths: np.ndarray
    editor: Editor | None = None
    row: str = ""

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class BatchScores:
    """What a metric says of the edits of a batch, by column name.

    values: B float64, NaN where the column does not apply to a sample. Whether it applies must not depend on the
    edit: else a model could drop the samples that it fails. texts: B texts, for columns that declare a text.
    gaps: B reasons, "" where there is none, for columns that apply and still have no value, such as where a server
    did not answer. A mean over them is refused, unless the user allows it.
    """

    values: Mapping[str, np.ndarray]
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gaps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class MetricDescription(Protocol):
    """What every metric says of itself.

    note: what a report says of the method, in a sentence or two. citation: the paper, or where the idea is from.
    digest: SHA-256 or a folder digest of the weights that it loaded; empty if it loaded none.
    """

    @property
    def columns(self) -> tuple[MetricColumn, ...]: ...

    @property
    def note(self) -> str: ...

    @property
    def citation(self) -> str: ...

    @property
    def digest(self) -> str: ...


@runtime_checkable
class Metric(MetricDescription, Protocol):
    """Scores every edit on its own: instruction, input, edit and truth → numbers, and texts if it has any."""

    def score(self, batch: EditBatch) -> BatchScores:
        """The scores of every edit of a batch, one array for each column."""


@runtime_checkable
class SetMetric(MetricDescription, Protocol):
    """Compares the set of all edits with the set of all truths, or with a reference that it loaded itself."""

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """What is kept of each picture: B H W 3 uint8 → B D float32."""

    def compare(self, edits: np.ndarray, truths: np.ndarray) -> Mapping[str, Estimate]:
        """Column name → the number for two sets of features, N D each, row i of both from sample i; N ≥ 2."""


AnyMetric = Metric | SetMetric


@dataclass(frozen=True)
class MetricInputs:
    """What a loader can use: the weights that the user gave, and the samples that will be scored.

    weights: kind → path, URL or hub id, as --recognizer and --features give them. seed: the recipe's.
    recognizer_labels: our action → the recognizer's label. vlm_judge: a vision-language model that is ready to be
    asked.
    """

    weights: Mapping[str, str]
    entries: Sequence[Entry] = ()
    seed: int = 0
    device: str = "cpu"
    recognizer_labels: Mapping[str, str] = field(default_factory=dict)
    vlm_judge: Metric | None = None
    _loaded: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def shared(self, kind: str, load: Callable[[str], Loaded]) -> Loaded:
        """What `load` makes of the weights of a kind. They are loaded once, for all metrics that use them."""
        if kind not in self._loaded:
            self._loaded[kind] = load(self.weights[kind])
        loaded: Loaded = self._loaded[kind]
        return loaded


@dataclass(frozen=True, slots=True)
class MetricLoader:
    """How the metrics of one file are made.

    load: called only if the weights of its kind were given. kind: the weights that it takes from the user, by the
    name that stands in `--features KIND=PATH`; empty if it needs none. digest: names such weights by their content
    without loading them. without: the note of a report where these weights are missing, with the way to get them.
    """

    load: Callable[[MetricInputs], Sequence[AnyMetric]]
    kind: str = ""
    digest: Callable[[str], str] | None = None
    without: str = ""
