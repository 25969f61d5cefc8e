"""What a study trains and scores: its rows, and the trainings that they share."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from base import WEIGHTS
from sizes import ROOT, Size

from actionpairs import manifest
from actionpairs.configs import EditorConfig
from actionpairs.evaluation.records import COPY, TRUTH
from actionpairs.recipe import load
from actionpairs.storage import Folder
from actionpairs.synthetic.synthetic_shards import SyntheticSet

BASE = "base"
RECONSTRUCTION = "the real last frame through the autoencoder"
BOUNDS = (COPY, TRUTH, RECONSTRUCTION)


@dataclass(frozen=True, slots=True)
class Study:
    """A study: its size, the folder of everything that it writes, and the device of its rows.

    docs: the folder of study.md, whose tables it writes, and of the pictures.
    """

    size: Size
    out: Path
    device: str
    docs: Path = ROOT / "docs"

    def shards(self, spec: SyntheticSet) -> Path:
        """The folder of a set."""
        return self.out / "sets" / spec.name

    def outcomes(self, spec: SyntheticSet) -> Path:
        """The file of a set's correct outcomes."""
        return self.out / "outcomes" / f"{spec.name}.npz"

    def scores(self, spec: SyntheticSet, name: str) -> Path:
        """The file of a row's scores on a set."""
        return self.out / "scores" / spec.name / f"{name}.json"

    def edits(self, spec: SyntheticSet, name: str) -> Path:
        """The folder of a row's edits of a set, where it has no report."""
        return self.out / "edits" / spec.name / "predictions" / name

    def report(self, spec: SyntheticSet, name: str) -> Path:
        """The folder of a row's report by `actionpairs eval`."""
        return self.out / "reports" / spec.name / name

    @property
    def train_folders(self) -> list[str]:
        """The shards that rows are trained on."""
        return [str(self.shards(spec)) for spec in self.size.sets]

    @property
    def test_sets(self) -> tuple[SyntheticSet, ...]:
        """The sets that rows are tested on."""
        return (*self.size.sets, self.size.static)

    @property
    def base(self) -> str:
        """The model that every row starts from."""
        return str(self.out / BASE) if self.size.base else str(WEIGHTS)


@dataclass(frozen=True, slots=True)
class Row:
    """One model to score: its recipe with its changes, and the sets to score it on."""

    name: str
    recipe: Path
    sets: tuple[SyntheticSet, ...]
    train: Mapping[str, Any] = field(default_factory=dict)
    eval: Mapping[str, Any] = field(default_factory=dict)
    is_reported: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One training, and all rows that are made of its weights. recipe: with `interpolation: 1`."""

    digest: str
    recipe: Path
    rows: tuple[Row, ...]

    def is_finished(self, study: Study) -> bool:
        """Whether every row has all its scores."""
        return all(study.scores(spec, row.name).exists() for row in self.rows for spec in row.sets)


def full_rows(study: Study, names: Sequence[str]) -> list[Row]:
    """These rows with their seeds: the first seed of each row, then the second of each."""
    size = study.size
    unknown = set(names) - set(size.rows)
    if unknown:
        raise SystemExit(f"no row is called {', '.join(sorted(unknown))}: there are {', '.join(size.rows)}")
    every_seed = sorted({seed for row in names for seed in size.rows[row]})
    return [
        Row(
            f"{row}-seed{seed}",
            size.recipes / f"{row}.yaml",
            study.test_sets,
            train={"seed": seed},
            is_reported=row in size.reported and seed == 0,
        )
        for seed in every_seed
        for row in names
        if seed in size.rows[row]
    ]


def group(study: Study, rows: Sequence[Row]) -> list[Run]:
    """The trainings that these rows need. Rows share one if their `train` differs only in `interpolation`."""
    rows_of: dict[str, list[Row]] = {}
    for row in rows:
        rows_of.setdefault(digest(editor_config(study, row)), []).append(row)
    return [
        Run(
            key,
            _write(
                study.out / "recipes/runs" / f"{key}.yaml",
                write_recipe(study, some[0]),
                {"train": {"interpolation": 1}},
            ),
            tuple(some),
        )
        for key, some in rows_of.items()
    ]


def editor_config(study: Study, row: Row) -> EditorConfig:
    """The `train` section of a row."""
    config = load(write_recipe(study, row)).train
    assert isinstance(config, EditorConfig)
    return config


def digest(config: EditorConfig) -> str:
    """What a training is known by: its `train` section without `interpolation` and the place of the base."""
    content = config.model_dump(mode="json", exclude={"interpolation": True, "model": {"source"}})
    return _digest_of(content)


def drop_stale(study: Study, rows: Sequence[Row]) -> None:
    """Remove scores, edits and weights of rows whose recipe or base is no longer the one that they are of."""
    base = manifest.folder_digest(Folder(study.base)) if Path(study.base).exists() else ""
    for row in rows:
        recipe = load(write_recipe(study, row))
        sections = [each.model_dump(mode="json") for each in (recipe.train, recipe.eval)]
        sections[0]["model"].pop("source")
        key, mark = _digest_of([base, *sections, [repr(spec) for spec in row.sets]]), study.out / "keys" / row.name
        if mark.exists() and mark.read_text() == key:
            continue
        for spec in row.sets:
            study.scores(spec, row.name).unlink(missing_ok=True)
            shutil.rmtree(study.report(spec, row.name), ignore_errors=True)
            shutil.rmtree(study.edits(spec, row.name), ignore_errors=True)
        shutil.rmtree(study.out / "interpolated" / row.name, ignore_errors=True)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(key)


def _digest_of(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def write_recipe(study: Study, row: Row) -> Path:
    """Write a row's recipe, with its base and its changes."""
    change = {"train": {"model": {"source": study.base}, **row.train}, "eval": dict(row.eval)}
    return _write(study.out / "recipes" / f"{row.name}.yaml", row.recipe, change)


def _write(path: Path, parent: Path, change: Mapping[str, Any]) -> Path:
    """Write a recipe that extends another, unless it is there: another process may be reading it."""
    content = {"extends": str(parent.resolve()).removesuffix(".yaml"), **{k: v for k, v in change.items() if v}}
    text = yaml.safe_dump(content)
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}")
        unfinished.write_text(text)
        unfinished.replace(path)
    return path
