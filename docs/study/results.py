"""The finished rows of a study as numbers: what each does and keeps, with every seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scoring
from passes import passes
from rows import BASE, Study
from scoring import ScoredEdit

from actionpairs.configs import EditorConfig
from actionpairs.recipe import load
from actionpairs.synthetic.synthetic_shards import SyntheticSet


@dataclass(frozen=True)
class RowResult:
    """A row's scores with each of its finished seeds: of actions, and of static edits."""

    name: str
    actions: tuple[list[ScoredEdit], ...]
    static: tuple[list[ScoredEdit], ...]
    passes: float

    @cached_property
    def done(self) -> list[float]:
        """The share of actions done with each seed, in percent."""
        return [done_percent(each) for each in self.actions]

    @cached_property
    def kept(self) -> list[float]:
        """The share of static edits that are still done with each seed, in percent."""
        return [done_percent(each) for each in self.static]

    @property
    def mean(self) -> tuple[float, float]:
        """Static edits kept and actions done, in percent, over the seeds."""
        return float(np.mean(self.kept)), float(np.mean(self.done))


def row_results(study: Study, spec: SyntheticSet) -> list[RowResult]:
    """The base, and the rows with at least one finished seed, on one set of actions and on the static set."""
    results = []
    names_of = {row: [f"{row}-seed{seed}" for seed in seeds] for row, seeds in study.size.rows.items()}
    for row, names in {BASE: [BASE], **names_of}.items():
        pairs = [[study.scores(each, name) for each in (spec, study.size.static)] for name in names]
        scored = [[scoring.load_scores(path) for path in pair] for pair in pairs if all(p.exists() for p in pair)]
        if scored:
            actions, static = zip(*scored, strict=True)
            results.append(RowResult(row, actions, static, 0 if row == BASE else passes_of(study, row)))
    return results


def passes_of(study: Study, row: str) -> float:
    """The passes of a row's training."""
    config = load(study.size.recipes / f"{row}.yaml").train
    assert isinstance(config, EditorConfig)
    return passes(config)


def done_percent(scored: Sequence[ScoredEdit]) -> float:
    """The share of edits that are done, in percent."""
    return 100 * float(np.mean([one.is_done for one in scored]))


def front(results: Sequence[RowResult]) -> list[RowResult]:
    """The rows that no other row beats in one aim without losing in the other, by static edits kept."""
    best: list[RowResult] = []
    for result in sorted(results, key=lambda one: (-one.mean[0], -one.mean[1])):
        if not best or result.mean[1] > best[-1].mean[1]:
            best.append(result)
    return best[::-1]


def below_front(result: RowResult, best: Sequence[RowResult]) -> float:
    """How many percent more actions the front does at as many static edits kept.

    The front is interpolated between its rows; beyond its ends it is level. 0 on the front.
    """
    kept, done = zip(*(one.mean for one in best), strict=True)
    return float(np.interp(result.mean[0], kept, done)) - result.mean[1]
