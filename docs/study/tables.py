"""The tables of docs/study.md, from the scores and reports in OUT."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import estimates
import numpy as np
import results
import scoring
import screening_table
from results import RowResult
from rows import BASE, RECONSTRUCTION, Study
from scipy.stats import binomtest
from scoring import ScoredEdit
from sizes import HELD_BACK

from actionpairs.evaluation import trust
from actionpairs.evaluation.records import COPY, TRUTH
from actionpairs.metrics.intervals import Estimate
from actionpairs.synthetic.synthetic_shards import SyntheticSet

PAGE = "study.md"
REFERENCE = "actions"  # the row that the others are compared with


def write(study: Study) -> None:
    """Write every table between its marks in the page; a mark that the page lacks is left out."""
    page = study.docs / PAGE
    makers: dict[str, Callable[[Study], str]] = {
        "screening": screening_table.make,
        "truth": _make_truth,
        "seeds": _make_seeds,
        "front": _make_front,
        "scores": _make_scores,
        "trust": _make_correlations,
    }
    text = page.read_text(encoding="utf-8")
    for name, make in makers.items():
        start, stop = f"<!-- {study.size.name} {name} -->", f"<!-- end of {study.size.name} {name} -->"
        table = make(study)
        if start in text and table.count("\n") > 1:  # a head alone would wipe out the table of another run
            text = re.sub(f"(?s){start}.*?{stop}", lambda _, part=f"{start}\n{table}\n{stop}": part, text)
    page.write_text(text, encoding="utf-8")


def _make_truth(study: Study) -> str:
    """Per set and row: the actions done (all, seen, held-back pairs), the mean progress, and the pixels kept."""
    lines = [
        "| set | row | passes | n | done % | 95 % | seen pairs | held-back pairs | progress | kept % "
        "| against `actions` |",
        "|---|---|" + "---:|" * 9,
    ]
    for spec in study.test_sets:
        for name in _scored_names(study, spec):
            scored = scoring.load_scores(study.scores(spec, name))
            row, _, seed = name.partition("-seed")
            whole = study.scores(spec, f"{REFERENCE}-seed{seed or 0}")
            is_comparable = row != REFERENCE and whole.exists()
            against = _compare(scored, scoring.load_scores(whole)) if is_comparable else "–"
            passes = f"{results.passes_of(study, row):.0f}" if row in study.size.rows else "–"
            lines.append(f"| {spec.name} | {name} | {passes} | {_format_row(scored, spec)} | {against} |")
    return "\n".join(lines)


def _format_row(scored: Sequence[ScoredEdit], spec: SyntheticSet) -> str:
    """The cells of a row from n on. Of several actions under one instruction, only the first is known here."""
    is_known = spec.conditions.steps == 1
    held_back = [one for one in scored if (one.verb, one.noun) in HELD_BACK]
    seen = [one for one in scored if (one.verb, one.noun) not in HELD_BACK]
    low, high = estimates.wilson(sum(one.is_done for one in scored), len(scored))
    progress, kept = (float(np.mean([getattr(one, name) for one in scored])) for name in ("progress", "kept"))
    cells = [
        *(len(scored), f"{results.done_percent(scored):.1f}", f"{low:.0f} to {high:.0f}"),
        *((_count(seen), _count(held_back)) if is_known else ("–", "–")),
        *(f"{progress:.2f}", f"{100 * kept:.1f}"),
    ]
    return " | ".join(map(str, cells))


def _compare(scored: Sequence[ScoredEdit], others: Sequence[ScoredEdit]) -> str:
    """How many actions only one row does, and only the other; with the p of McNemar's exact test."""
    both = list(zip(scored, others, strict=True))
    won, lost = (
        sum(one.is_done and not two.is_done for one, two in pairs) for pairs in (both, map(reversed, both))
    )
    return f"+{won} −{lost}, p {binomtest(won, won + lost).pvalue:.2g}" if won + lost else "the same"


def _make_seeds(study: Study) -> str:
    """The rows of several seeds: mean share done with Student's interval, and its difference to `actions`.

    Differences are taken seed by seed. The test samples are the same, so the spread is that of training alone.
    """
    lines = ["| set | row | done % by seed | mean | 95 % | minus `actions` | 95 % |", "|---|---|" + "---:|" * 5]
    for spec in study.test_sets:
        done = {row: _done_by_seed(study, spec, row) for row in study.size.rows}
        for row, by_seed in done.items():
            if len(by_seed) < 2:
                continue
            whole = done.get(REFERENCE, {})
            differences = [by_seed[seed] - whole[seed] for seed in by_seed if seed in whole]
            shares = ", ".join(f"{share:.1f}" for share in by_seed.values())
            against = _mean_of(differences) if row != REFERENCE and len(differences) > 1 else "– | –"
            lines.append(f"| {spec.name} | {row} | {shares} | {_mean_of([*by_seed.values()])} | {against} |")
    return "\n".join(lines)


def _done_by_seed(study: Study, spec: SyntheticSet, row: str) -> dict[int, float]:
    paths = {seed: study.scores(spec, f"{row}-seed{seed}") for seed in study.size.rows[row]}
    return {seed: results.done_percent(scoring.load_scores(path)) for seed, path in paths.items() if path.exists()}


def _mean_of(values: Sequence[float]) -> str:
    """Two cells: the mean, and Student's 95 % interval of it."""
    mean, half = estimates.student(values)
    return f"{mean:.1f} | {mean - half:.1f} to {mean + half:.1f}"


def _make_front(study: Study) -> str:
    """Both aims of every row, and how far below the front it lies at as many static edits kept."""
    lines = [
        "| set | row | seeds | passes | static edits kept % | actions done % | below the front |",
        "|---|---|" + "---:|" * 5,
    ]
    for spec in study.size.sets:
        every = results.row_results(study, spec)
        best = results.front(every)
        for one in sorted(every, key=lambda each: -each.mean[1]):
            lines.append(f"| {spec.name} | {_format_front(one, best)} |")
    return "\n".join(lines)


def _format_front(one: RowResult, best: Sequence[RowResult]) -> str:
    kept, done = one.mean
    below = "on it" if one in best else f"{results.below_front(one, best):.1f}"
    cells = [one.name, len(one.done), f"{one.passes:.0f}", f"{kept:.1f}", f"{done:.1f}", below]
    return " | ".join(map(str, cells))


def _make_scores(study: Study) -> str:
    """The scores of `actionpairs eval` of every row that has a report, on the first set."""
    spec = study.size.sets[0]
    reports = {name: _load_report(study, spec, name)["rows"] for name in _reported_names(study, spec)}
    if not reports:
        return ""
    first = next(iter(reports.values()))
    names = [score["name"] for score in first[0]["scores"]]
    lines = [f"| row | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    bounds = {row["name"]: row for row in first[1:]}
    for name, row in ({name: report[0] for name, report in reports.items()} | bounds).items():
        values = {score["name"]: f"{score['value']:.2f}" for score in row["scores"]}
        lines.append(f"| {name} | {' | '.join(values.get(each, '–') for each in names)} |")
    return "\n".join(lines)


def _scored_names(study: Study, spec: SyntheticSet) -> list[str]:
    """The scores of a set that exist: the lower bounds, the rows in their order, the upper bounds."""
    rows = [f"{row}-seed{seed}" for row, seeds in study.size.rows.items() for seed in seeds]
    names = [COPY, BASE, *rows, RECONSTRUCTION, TRUTH]
    return [name for name in names if study.scores(spec, name).exists()]


def _reported_names(study: Study, spec: SyntheticSet) -> list[str]:
    names = [BASE, *(f"{row}-seed0" for row in study.size.reported)]
    return [name for name in names if (study.report(spec, name) / "report.json").exists()]


def _count(scored: Sequence[ScoredEdit]) -> str:
    """Return "done of all" as text."""
    return f"{sum(one.is_done for one in scored)} of {len(scored)}" if scored else "–"


def _make_correlations(study: Study) -> str:
    """The rank correlation of each score of a report with the true progress: over edits, and over rows."""
    [spec, *_] = study.size.sets
    rows, progress = [], []
    for name in _reported_names(study, spec)[1:]:
        progress.append({one.key: one.progress for one in scoring.load_scores(study.scores(spec, name))})
        rows.append(_load_report(study, spec, name)["rows"][0])
    if not rows:
        return ""
    keys = sorted(set().union(*progress))
    truth = np.array([[of.get(key, np.nan) for key in keys] for of in progress])
    lines = ["| score | ρ over edits | edits | ρ over rows | rows |", "|---|---:|---:|---:|---:|"]
    for score in rows[0]["scores"]:
        values = np.array([_by_key(row, score["name"], keys) for row in rows])
        whole = np.array([_of_row(row, score["name"]) for row in rows])
        edits = trust.over_edits(values, truth)
        of_rows = trust.over_rows(whole if np.isnan(values).all() else values, truth)
        count = edits.count if edits else "–"
        lines.append(f"| {score['name']} | {_rho(edits)} | {count} | {_rho(of_rows)} | {len(rows)} |")
    return "\n".join(lines)


def _by_key(row: dict[str, Any], name: str, keys: Sequence[str]) -> list[float]:
    values = {edit["key"]: edit["values"].get(name, np.nan) for edit in row["edits"]}
    return [values.get(key, np.nan) for key in keys]


def _of_row(row: dict[str, Any], name: str) -> float:
    return next((score["value"] for score in row["scores"] if score["name"] == name), np.nan)


def _rho(estimate: Estimate | None) -> str:
    """ρ with its interval over samples."""
    if estimate is None:
        return "–"
    interval = "" if estimate.low is None else f" ({estimate.low:.2f} to {estimate.high:.2f})"
    return f"{estimate.value:.2f}{interval}".replace("-", "−")


def _load_report(study: Study, spec: SyntheticSet, name: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((study.report(spec, name) / "report.json").read_text())
    return report
