"""Screening by successive halving: many settings for few steps each, of which the better half goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import rows
import scoring
from rows import Row, Study
from scoring import ScoredEdit
from sizes import Screening

from actionpairs.configs import EditorConfig
from actionpairs.recipe import load

REFERENCE = "reference"
FOLDER = "screening"


def settings(study: Study) -> list[str]:
    """The names of all settings, the reference first."""
    names = sorted(path.name.removesuffix(".yaml") for path in (study.size.recipes / FOLDER).glob("*.yaml"))
    return [REFERENCE, *(name for name in names if name != REFERENCE)]


def row_of(study: Study, setting: str, steps: int) -> Row:
    """A setting as it is trained in the round of so many steps.

    A setting with more steps than the reference has as many more in each round. The warm-up has the same share.
    """
    screening = _screening(study)
    own, reference = config_of(study, setting), config_of(study, REFERENCE)
    scaled = round(steps * own.steps / reference.steps)
    warmup = round(scaled * own.warmup_steps / own.steps)
    return Row(
        f"{setting}-{steps}",
        _path(study, setting),
        screening.sets,
        train={"seed": 0, "steps": scaled, "warmup_steps": warmup, "sample_every": scaled},
        eval={"steps": screening.sampling_steps},
    )


def config_of(study: Study, setting: str) -> EditorConfig:
    """The `train` section of a setting at its full length."""
    config = load(_path(study, setting)).train
    assert isinstance(config, EditorConfig)
    return config


def plan(study: Study) -> list[tuple[int, list[str]]]:
    """The rounds that can begin: steps and settings of each. A round needs all scores of the one before."""
    rounds: list[tuple[int, list[str]]] = []
    entering = settings(study)
    for steps in _screening(study).rounds:
        rounds.append((steps, entering))
        scores = {name: score(study, name, steps) for name in entering}
        if None in scores.values():
            break
        entering = better_half({name: value for name, value in scores.items() if value is not None})
    return rounds


def better_half(scores: Mapping[str, float]) -> list[str]:
    """The settings that go on, best first: half of them, rounded up. The reference always goes on."""
    ordered = sorted(scores, key=lambda name: (-scores[name], name))
    best = ordered[: -(-len(ordered) // 2)]
    return best if REFERENCE in best or REFERENCE not in scores else [*best, REFERENCE]


def score(study: Study, setting: str, steps: int) -> float | None:
    """A setting's score after a round: its mean progress on actions plus that on static edits.

    A model that learns actions by forgetting as much has no more than the base. None if it is not known yet.
    """
    scored = load_scores(study, setting, steps)
    return None if scored is None else total(scored)


def total(scored: Sequence[Sequence[ScoredEdit]]) -> float:
    """The sum of the mean progress of several sets."""
    return float(sum(np.mean([one.progress for one in each]) for each in scored))


def load_scores(study: Study, setting: str, steps: int) -> tuple[list[ScoredEdit], ...] | None:
    """A setting's scores after a round, on actions and on static edits; None if they are not known yet."""
    paths = [study.scores(spec, f"{setting}-{steps}") for spec in _screening(study).sets]
    if not all(path.exists() for path in paths):
        return None
    return tuple(scoring.load_scores(path) for path in paths)


def same_setting(study: Study, setting: str, row: str) -> bool:
    """Whether a full row trains a setting of the screening."""
    own = config_of(study, setting)
    full = load(study.size.recipes / f"{row}.yaml")
    assert isinstance(full.train, EditorConfig)
    is_plain = full.train.interpolation == 1 and full.eval == load(_path(study, setting)).eval
    return is_plain and rows.digest(full.train) == rows.digest(own)


def _path(study: Study, setting: str) -> Path:
    return study.size.recipes / FOLDER / f"{setting}.yaml"


def _screening(study: Study) -> Screening:
    screening = study.size.screening
    assert screening is not None
    return screening
