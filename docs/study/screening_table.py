"""The table of the screening, and whether it orders settings as the full rows do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import estimates
import numpy as np
import results
import screening
from passes import passes
from results import RowResult
from rows import BASE, Study
from scoring import ScoredEdit
from screening import REFERENCE

_FEWEST = 3  # settings whose order can be compared


def make(study: Study) -> str:
    """Every setting in every round, best first, with paired differences to the reference."""
    if study.size.screening is None:
        return ""
    lines = [
        "| steps | setting | passes | score | actions done % | progress | against the reference | static kept % "
        "| progress | against the reference |",
        "|---:|---|" + "---:|" * 8,
    ]
    for steps, names in screening.plan(study):
        scores = {name: screening.score(study, name, steps) for name in names}
        finished = {name: value for name, value in scores.items() if value is not None}
        lines += [
            _format_setting(study, name, steps) for name in sorted(finished, key=lambda each: -finished[each])
        ]
    return "\n".join([*lines, "", *_agreement(study)])


def _format_setting(study: Study, name: str, steps: int) -> str:
    config = screening.config_of(study, name)
    scaled = config.model_copy(update={"steps": screening.row_of(study, name, steps).train["steps"]})
    scored = screening.load_scores(study, name, steps)
    assert scored is not None
    reference = screening.load_scores(study, REFERENCE, steps) if name != REFERENCE else None
    cells = [f"{steps}", name, f"{passes(scaled):.0f}", f"{screening.total(scored):.3f}"]
    for number, each in enumerate(scored):
        progress = [one.progress for one in each]
        cells += [f"{results.done_percent(each):.1f}", f"{np.mean(progress):.3f}"]
        cells.append(_difference(progress, reference[number]) if reference else "–")
    return f"| {' | '.join(cells)} |"


def _difference(progress: Sequence[float], reference: Sequence[ScoredEdit]) -> str:
    mean, low, high = estimates.paired(progress, [one.progress for one in reference])
    return f"{mean:+.3f} ({low:+.3f}, {high:+.3f})"


def _agreement(study: Study) -> list[str]:
    """Sentences: Spearman's ρ between a round of the screening and the full rows, over settings in both."""
    full = {one.name: one for one in results.row_results(study, study.size.sets[0]) if one.name != BASE}
    row_of = {
        setting: row
        for setting in screening.settings(study)
        for row in full
        if screening.same_setting(study, setting, row)
    }
    sentences = []
    for steps, names in screening.plan(study):
        both = [name for name in names if name in row_of and screening.score(study, name, steps) is not None]
        if len(both) >= _FEWEST:
            rows = [full[row_of[name]] for name in both]
            sentences.append(_agreement_of_round(study, steps, both, rows))
    return sentences


def _agreement_of_round(study: Study, steps: int, names: Sequence[str], rows: Sequence[RowResult]) -> str:
    scored = [screening.load_scores(study, name, steps) or () for name in names]
    progress: dict[str, Callable[[Sequence[Sequence[ScoredEdit]]], float]] = {
        "the score": screening.total,
        "actions": lambda each: screening.total(each[:1]),
        "static edits": lambda each: screening.total(each[1:]),
    }
    seeds = [[*zip(row.actions, row.static, strict=True)] for row in rows]
    ranks = []
    for aim, measure in progress.items():
        pairs = [
            (measure(short), float(np.mean([measure(each) for each in long])))
            for short, long in zip(scored, seeds, strict=True)
        ]
        ranks.append(f"{estimates.spearman(pairs, fewest=_FEWEST)} for {aim}")
    return (
        f"Ranks after {steps} steps and in the full rows, over the {len(names)} settings in both "
        f"({', '.join(f'`{name}`' for name in names)}): Spearman's ρ is {', '.join(ranks)}."
    )
