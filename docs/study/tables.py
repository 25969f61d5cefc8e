"""The tables and the figure of docs/study.md, from the files in OUT."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scoring
from scipy.stats import binomtest, sem, spearmanr, t
from scoring import ScoredEdit
from sizes import HELD_BACK, MAIN_ROWS, ROOT, ROWS, SIZES

from actionpairs.evaluation.records import COPY, TRUTH
from actionpairs.synthetic.synthetic_shards import SyntheticSet

PAGE, FIGURE = ROOT / "docs/study.md", "docs/study-{}.jpg"
RECONSTRUCTION = "the real last frame through the autoencoder"
_FIGURE_ROWS = ("base", "static-only-seed0", "no-action-seed0", "actions-seed0")
_FIGURE_ACTIONS, _CELL, _LABEL = 8, 128, 20  # the last two in pixels


def write(size: str, out: Path) -> None:
    """Write the tables between the marks in docs/study.md, and the figure beside it."""
    text = PAGE.read_text(encoding="utf-8")
    makers = {"truth": _make_truth, "seeds": _make_seeds, "scores": _make_scores, "trust": _make_correlations}
    for name, table in ((name, make(size, out)) for name, make in makers.items()):
        start, stop = f"<!-- {size} {name} -->", f"<!-- end of {size} {name} -->"
        text = re.sub(f"(?s){start}.*?{stop}", lambda _, part=f"{start}\n{table}\n{stop}": part, text)
    PAGE.write_text(text, encoding="utf-8")
    _draw(size, out)


def _make_truth(size: str, out: Path) -> str:
    """Per set and row: the actions done (all, seen, held-back pairs), the mean progress, and the pixels kept."""
    lines = [
        "| set | row | n | done % | 95 % | seen pairs | held-back pairs | progress | kept % | against `actions` |",
        "|---|---|" + "---:|" * 8,
    ]
    for spec in (*SIZES[size].sets, SIZES[size].static):
        for path in _scores(out, spec):
            whole = path.with_stem(f"actions-seed{path.stem.partition('-seed')[2] or 0}")
            scored = scoring.load_scores(path)
            is_comparable = whole.exists() and whole != path
            against = _compare(scored, scoring.load_scores(whole)) if is_comparable else "–"
            lines.append(f"| {spec.name} | {path.stem} | {_format_row(scored)} | {against} |")
    return "\n".join(lines)


def _format_row(scored: Sequence[ScoredEdit]) -> str:
    """The cells of a row from n on."""
    held_back = [one for one in scored if (one.verb, one.noun) in HELD_BACK]
    seen = [one for one in scored if one not in held_back]
    low, high = _interval(scored)
    progress, kept = (float(np.mean([getattr(one, name) for one in scored])) for name in ("progress", "kept"))
    cells = [len(scored), f"{_done(scored):.1f}", f"{low:.0f} to {high:.0f}", _count(seen), _count(held_back)]
    return " | ".join(map(str, [*cells, f"{progress:.2f}", f"{100 * kept:.1f}"]))


def _compare(scored: Sequence[ScoredEdit], others: Sequence[ScoredEdit]) -> str:
    """How many actions only one row does, and only the other; with the p of McNemar's exact test."""
    both = list(zip(scored, others, strict=True))
    won, lost = (
        sum(one.is_done and not two.is_done for one, two in pairs) for pairs in (both, map(reversed, both))
    )
    return f"+{won} −{lost}, p {binomtest(won, won + lost).pvalue:.2g}" if won + lost else "the same"


def _make_seeds(size: str, out: Path) -> str:
    """The main rows over their seeds: mean share done with Student's interval, and its difference to `actions`.

    Differences are taken seed by seed. The test samples are the same, so the spread is that of training alone.
    """
    lines = ["| set | row | done % by seed | mean | 95 % | minus `actions` | 95 % |", "|---|---|" + "---:|" * 5]
    for spec in (*SIZES[size].sets, SIZES[size].static):
        done = {path.stem: _done(scoring.load_scores(path)) for path in _scores(out, spec)}
        whole = _by_seed(done, "actions")
        for row in MAIN_ROWS:
            by_seed = _by_seed(done, row)
            differences = [by_seed[seed] - whole[seed] for seed in by_seed if seed in whole]
            if len(by_seed) > 1:
                shares = ", ".join(f"{share:.1f}" for share in by_seed.values())
                against = _mean_of(differences) if row != "actions" and len(differences) > 1 else "– | –"
                lines.append(f"| {spec.name} | {row} | {shares} | {_mean_of([*by_seed.values()])} | {against} |")
    return "\n".join(lines)


def _done(scored: Sequence[ScoredEdit]) -> float:
    """The share of actions that are done, in percent."""
    return 100 * float(np.mean([one.is_done for one in scored]))


def _by_seed(done: Mapping[str, float], row: str) -> dict[str, float]:
    return {stem.partition("-seed")[2]: share for stem, share in done.items() if stem.startswith(f"{row}-seed")}


def _mean_of(values: Sequence[float]) -> str:
    """Two cells: the mean, and Student's 95 % interval of it."""
    mean, half = float(np.mean(values)), float(sem(values) * t.ppf(0.975, len(values) - 1))
    return f"{mean:.1f} | {mean - half:.1f} to {mean + half:.1f}"


def _make_scores(size: str, out: Path) -> str:
    """The scores of `actionpairs eval` of every row on the first test set."""
    folder = SIZES[size].sets[0].name
    rows = {path.stem: _load_report(out / "reports" / folder / path.stem)["rows"] for path in _models(size, out)}
    names = [score["name"] for score in next(iter(rows.values()))[0]["scores"]]
    lines = [f"| row | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    bounds = {row["name"]: row for row in rows["base"][1:]}
    for name, row in ({name: report[0] for name, report in rows.items()} | bounds).items():
        values = {score["name"]: f"{score['value']:.2f}" for score in row["scores"]}
        lines.append(f"| {name} | {' | '.join(values.get(each, '–') for each in names)} |")
    return "\n".join(lines)


def _models(size: str, out: Path) -> list[Path]:
    """The score files of the base and of the finished rows on the first test set."""
    return [path for path in _scores(out, SIZES[size].sets[0]) if path.stem not in (COPY, TRUTH, RECONSTRUCTION)]


def _scores(out: Path, spec: SyntheticSet) -> list[Path]:
    """The score files of a set: the lower bound, the rows in the order of ROWS, the upper bounds."""
    order = [COPY, "base", *ROWS, RECONSTRUCTION, TRUTH]
    paths = (out / "scores" / spec.name).glob("*.json")
    return sorted(paths, key=lambda path: (order.index(path.stem.partition("-seed")[0]), path.stem))


def _count(scored: Sequence[ScoredEdit]) -> str:
    """Return "done of all" as text."""
    return f"{sum(one.is_done for one in scored)} of {len(scored)}" if scored else "–"


def _interval(scored: Sequence[ScoredEdit]) -> tuple[float, float]:
    """Wilson's 95 % interval of the share done, in percent."""
    n, p, z = len(scored), float(np.mean([one.is_done for one in scored])), 1.96
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 100 / (1 + z * z / n)
    return max(0.0, scale * (middle - half)), scale * (middle + half)


def _make_correlations(size: str, out: Path) -> str:
    """The rank correlation of each score of a report with the true progress: over edits, and over rows."""
    edits, rows = defaultdict(list), defaultdict(list)
    for spec in SIZES[size].sets:
        for path in sorted((out / "scores" / spec.name).glob("*-seed*.json")):
            progress = {one.key: one.progress for one in scoring.load_scores(path)}
            row = _load_report(out / "reports" / spec.name / path.stem)["rows"][0]
            for score in row["scores"]:
                rows[score["name"]].append((score["value"], float(np.mean(list(progress.values())))))
            for edit in row["edits"]:
                for name, value in edit["values"].items():
                    if edit["key"] in progress and np.isfinite(value):
                        edits[name].append((value, progress[edit["key"]]))
    lines = ["| score | ρ over edits | edits | ρ over rows | rows |", "|---|---:|---:|---:|---:|"]
    for name, pairs in rows.items():
        lines.append(
            f"| {name} | {_rank(edits[name])} | {len(edits[name]) or '–'} | {_rank(pairs)} | {len(pairs)} |"
        )
    return "\n".join(lines)


def _rank(pairs: Sequence[tuple[float, float]]) -> str:
    """Spearman's ρ, if there are at least five pairs and both values vary."""
    if len(pairs) < 5 or min(len(set(values)) for values in zip(*pairs, strict=True)) < 2:
        return "–"
    return f"{spearmanr(*np.array(pairs).T).statistic:.2f}"


def _load_report(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def _draw(size: str, out: Path) -> None:
    """Draw some actions of the first test set, with a column for each finished row."""
    spec = SIZES[size].sets[0]
    finished = [name for name in _FIGURE_ROWS if (out / "reports" / spec.name / name / "report.json").exists()]
    samples = _load_report(out / "reports" / spec.name / finished[0])["samples"]
    chosen = [samples[number * len(samples) // _FIGURE_ACTIONS] for number in range(_FIGURE_ACTIONS)]
    pairs = scoring.TestSet(out / spec.name, spec).pairs
    columns = {"input": {key: pair[0] for key, pair in pairs.items()}}
    for name in finished:
        folder = out / "reports" / spec.name / name
        pictures = folder / "predictions" / _load_report(folder)["rows"][0]["name"]
        columns[name.removesuffix("-seed0")] = {
            each["key"]: cv2.imread(str(pictures / f"{each['key']}.png"))[:, :, ::-1] for each in chosen
        }
    columns["the real last frame"] = {key: pair[1] for key, pair in pairs.items()}
    strips = [np.hstack([_draw_text(name, _CELL) for name in columns])]
    for each in chosen:
        cells = [
            cv2.resize(pictures[each["key"]], (_CELL, _CELL), interpolation=cv2.INTER_NEAREST)
            for pictures in columns.values()
        ]
        strips += [_draw_text(each["instruction"], _CELL * len(columns)), np.hstack(cells)]
    cv2.imwrite(str(ROOT / FIGURE.format(size)), np.vstack(strips)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def _draw_text(text: str, width: int) -> np.ndarray:
    strip = np.full((_LABEL, width, 3), 255, np.uint8)
    return cv2.putText(strip, text, (3, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
