"""The tables and the figure of docs/study.md, made from the files that a study left."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import truth
from scipy.stats import binomtest, sem, spearmanr, t
from sizes import HELD_BACK, MAIN_ROWS, ROOT, ROWS, SIZES
from truth import Judged

from actionpairs.stages.eval import COPY, TRUTH
from actionpairs.synthetic.synthetic_shards import SyntheticSet

PAGE, FIGURE = ROOT / "docs/study.md", "docs/study-{}.jpg"
ROUND_TRIP = "the real last frame through the autoencoder"
_SHOWN = ("base", "static-only-seed0", "no-action-seed0", "actions-seed0")
_ACTIONS_SHOWN, _CELL, _LABEL = 8, 128, 20  # a row each; pixels


def write(size: str, out: Path) -> None:
    """Put the tables between docs/study.md's marks, and the figure beside it."""
    text = PAGE.read_text(encoding="utf-8")
    made_of = {"truth": _truth, "seeds": _seeds, "scores": _reported, "trust": _trust}
    for name, made in ((name, make(size, out)) for name, make in made_of.items()):
        start, stop = f"<!-- {size} {name} -->", f"<!-- end of {size} {name} -->"
        text = re.sub(f"(?s){start}.*?{stop}", lambda _, part=f"{start}\n{made}\n{stop}": part, text)
    PAGE.write_text(text, encoding="utf-8")
    _draw(size, out)


def _truth(size: str, out: Path) -> str:
    """Per set and row: how many actions are done, of all and of verb-noun pairs that training had and had not,
    the mean progress, and what else was kept."""
    lines = [
        "| set | row | n | done % | 95 % | seen pairs | held-back pairs | progress | kept % | against `actions` |",
        "|---|---|" + "---:|" * 8,
    ]
    for painted in (*SIZES[size].sets, SIZES[size].static):
        for path in _scores(out, painted):
            whole = path.with_stem(f"actions-seed{path.stem.partition('-seed')[2] or 0}")
            against = _against(truth.read(path), truth.read(whole)) if whole.exists() and whole != path else "–"
            lines.append(f"| {painted.name} | {path.stem} | {_verdict(truth.read(path))} | {against} |")
    return "\n".join(lines)


def _verdict(judged: Sequence[Judged]) -> str:
    """A row's cells from n on."""
    held = [one for one in judged if (one.verb, one.noun) in HELD_BACK]
    seen = [one for one in judged if one not in held]
    low, high = _interval(judged)
    progress, kept = (float(np.mean([getattr(one, name) for one in judged])) for name in ("progress", "kept"))
    cells = [len(judged), f"{_done(judged):.1f}", f"{low:.0f} to {high:.0f}", _of(seen), _of(held)]
    return " | ".join(map(str, [*cells, f"{progress:.2f}", f"{100 * kept:.1f}"]))


def _against(judged: Sequence[Judged], others: Sequence[Judged]) -> str:
    """What one row does and the other does not, and the reverse, with the p of McNemar's exact test."""
    both = list(zip(judged, others, strict=True))
    won, lost = (
        sum(one.is_done and not two.is_done for one, two in pairs) for pairs in (both, map(reversed, both))
    )
    return f"+{won} −{lost}, p {binomtest(won, won + lost).pvalue:.2g}" if won + lost else "the same"


def _seeds(size: str, out: Path) -> str:
    """The main rows over their seeds: the mean share done with Student's interval, and how far it lies from
    that of `actions`, seed by seed. What is left is the chance of training; the test samples are the same.
    """
    lines = ["| set | row | done % by seed | mean | 95 % | minus `actions` | 95 % |", "|---|---|" + "---:|" * 5]
    for painted in (*SIZES[size].sets, SIZES[size].static):
        done = {path.stem: _done(truth.read(path)) for path in _scores(out, painted)}
        whole = _by_seed(done, "actions")
        for row in MAIN_ROWS:
            found = _by_seed(done, row)
            apart = [found[seed] - whole[seed] for seed in found if seed in whole]
            if len(found) > 1:
                shares = ", ".join(f"{share:.1f}" for share in found.values())
                against = _mean_of(apart) if row != "actions" and len(apart) > 1 else "– | –"
                lines.append(f"| {painted.name} | {row} | {shares} | {_mean_of([*found.values()])} | {against} |")
    return "\n".join(lines)


def _done(judged: Sequence[Judged]) -> float:
    """The share that is done, in per cent."""
    return 100 * float(np.mean([one.is_done for one in judged]))


def _by_seed(done: Mapping[str, float], row: str) -> dict[str, float]:
    return {stem.partition("-seed")[2]: share for stem, share in done.items() if stem.startswith(f"{row}-seed")}


def _mean_of(values: Sequence[float]) -> str:
    """Two cells: the mean, and Student's 95 % interval of it."""
    mean, half = float(np.mean(values)), float(sem(values) * t.ppf(0.975, len(values) - 1))
    return f"{mean:.1f} | {mean - half:.1f} to {mean + half:.1f}"


def _reported(size: str, out: Path) -> str:
    """What `actionpairs eval` says of every row on the first test set."""
    folder = SIZES[size].sets[0].name
    rows = {path.stem: _report(out / "reports" / folder / path.stem)["rows"] for path in _models(size, out)}
    names = [score["name"] for score in next(iter(rows.values()))[0]["scores"]]
    lines = [f"| row | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    bounds = {row["name"]: row for row in rows["base"][1:]}
    for name, row in ({name: found[0] for name, found in rows.items()} | bounds).items():
        values = {score["name"]: f"{score['value']:.2f}" for score in row["scores"]}
        lines.append(f"| {name} | {' | '.join(values.get(each, '–') for each in names)} |")
    return "\n".join(lines)


def _models(size: str, out: Path) -> list[Path]:
    """The base and the rows that are there, judged on the first test set."""
    return [path for path in _scores(out, SIZES[size].sets[0]) if path.stem not in (COPY, TRUTH, ROUND_TRIP)]


def _scores(out: Path, painted: SyntheticSet) -> list[Path]:
    """The rows that are there: what bounds the others first and last, the others as in ROWS, seed by seed."""
    order = [COPY, "base", *ROWS, ROUND_TRIP, TRUTH]
    found = (out / "scores" / painted.name).glob("*.json")
    return sorted(found, key=lambda path: (order.index(path.stem.partition("-seed")[0]), path.stem))


def _of(judged: Sequence[Judged]) -> str:
    """How many are done of how many."""
    return f"{sum(one.is_done for one in judged)} of {len(judged)}" if judged else "–"


def _interval(judged: Sequence[Judged]) -> tuple[float, float]:
    """Wilson's 95 % interval of the share done, in per cent."""
    n, p, z = len(judged), float(np.mean([one.is_done for one in judged])), 1.96
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 100 / (1 + z * z / n)
    return max(0.0, scale * (middle - half)), scale * (middle + half)


def _trust(size: str, out: Path) -> str:
    """Per score of a report its rank correlation with the true progress: over single edits, and over rows."""
    edits, rows = defaultdict(list), defaultdict(list)
    for painted in SIZES[size].sets:
        for path in sorted((out / "scores" / painted.name).glob("*-seed*.json")):
            progress = {one.key: one.progress for one in truth.read(path)}
            row = _report(out / "reports" / painted.name / path.stem)["rows"][0]
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
    """Spearman's ρ, where there are enough pairs that differ."""
    if len(pairs) < 5 or min(len(set(values)) for values in zip(*pairs, strict=True)) < 2:
        return "–"
    return f"{spearmanr(*np.array(pairs).T).statistic:.2f}"


def _report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def _draw(size: str, out: Path) -> None:
    """A few actions of the first test set, a column for each row that is there."""
    painted = SIZES[size].sets[0]
    there = [name for name in _SHOWN if (out / "reports" / painted.name / name / "report.json").exists()]
    samples = _report(out / "reports" / painted.name / there[0])["samples"]
    chosen = [samples[number * len(samples) // _ACTIONS_SHOWN] for number in range(_ACTIONS_SHOWN)]
    pairs = truth.Truth(out / painted.name, painted).pairs
    columns = {"input": {key: pair[0] for key, pair in pairs.items()}}
    for name in there:
        folder = out / "reports" / painted.name / name
        made = folder / "edits" / _report(folder)["rows"][0]["name"]
        columns[name.removesuffix("-seed0")] = {
            each["key"]: cv2.imread(str(made / f"{each['key']}.png"))[:, :, ::-1] for each in chosen
        }
    columns["the real last frame"] = {key: pair[1] for key, pair in pairs.items()}
    picture = [np.hstack([_labeled(name, None) for name in columns])]
    for each in chosen:
        cells = [_labeled("", pictures[each["key"]]) for pictures in columns.values()]
        picture += [_text(each["instruction"], _CELL * len(columns)), np.hstack(cells)]
    cv2.imwrite(str(ROOT / FIGURE.format(size)), np.vstack(picture)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def _labeled(text: str, picture: np.ndarray | None) -> np.ndarray:
    if picture is None:
        return _text(text, _CELL)
    return cv2.resize(picture, (_CELL, _CELL), interpolation=cv2.INTER_NEAREST)


def _text(text: str, width: int) -> np.ndarray:
    strip = np.full((_LABEL, width, 3), 255, np.uint8)
    return cv2.putText(strip, text, (3, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
