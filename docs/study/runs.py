"""Trains and scores rows. Those that differ only in sampling or interpolation share one training."""

from __future__ import annotations

from pathlib import Path

import cv2
import scoring
import torch
from rows import BASE, RECONSTRUCTION, Row, Run, Study, editor_config, write_recipe
from scoring import TestSet

from actionpairs.editors import families
from actionpairs.editors.interpolation import interpolate
from actionpairs.editors.sampling import device_for
from actionpairs.evaluation import rows as evaluation
from actionpairs.evaluation.models import EvaluatedModel
from actionpairs.evaluation.predictions import ModelPredictions
from actionpairs.evaluation.records import COPY, TRUTH
from actionpairs.recipe import load
from actionpairs.stages.eval import evaluate
from actionpairs.stages.train import train
from actionpairs.storage import Folder
from actionpairs.synthetic.synthetic_shards import SyntheticSet


def train_and_score(study: Study, run: Run) -> None:
    """Train once, then score each row. What is finished is skipped."""
    limit_threads(study.size.threads)
    trained = study.out / "runs" / run.digest
    cache = str(study.out / "cache")
    train(run.recipe, shards=study.train_folders, out=str(trained), device=study.device, cache=cache)
    for row in run.rows:
        score_model(study, row, str(_interpolated(study, row, trained)))


def train_recognizer(study: Study) -> None:
    """Train the recognizer of the reports, into OUT/recognizer."""
    limit_threads(study.size.threads)
    recipe = study.size.recipes / "recognizer.yaml"
    train(recipe, shards=study.train_folders, out=str(study.out / "recognizer"), device=study.device)


def limit_threads(count: int | None) -> None:
    """Compute with so many threads: then a row's numbers do not depend on how many rows run beside it."""
    if count:
        torch.set_num_threads(count)
        cv2.setNumThreads(count)


def _interpolated(study: Study, row: Row, trained: Path) -> Path:
    """The folder of a row's weights: the trained ones, or those between them and the base."""
    share = editor_config(study, row).interpolation
    if share == 1:
        return trained
    folder = study.out / "interpolated" / row.name
    if not (folder / "model_index.json").exists():
        editor = families.load(str(trained))
        interpolate(editor.denoiser, dict(families.load(study.base).denoiser.named_parameters()), share)
        unfinished = folder.with_name(f".{folder.name}")
        editor.save(unfinished)
        unfinished.rename(folder)
    return folder


def score_base(study: Study) -> None:
    """Score the base on every test set, and what its edits lie between: copies, and the real last frames."""
    limit_threads(study.size.threads)
    row = Row(BASE, study.size.recipes / "actions.yaml", study.test_sets, is_reported=bool(study.size.reported))
    for spec in row.sets:
        test_set = _test_set(study, spec)
        truths = {key: pair[1] for key, pair in test_set.pairs.items()}
        bounds = {
            COPY: lambda test_set=test_set: {key: pair[0] for key, pair in test_set.pairs.items()},
            TRUTH: lambda truths=truths: truths,
            RECONSTRUCTION: lambda truths=truths: scoring.reconstruct(study.base, truths),
        }
        for name, edits in bounds.items():
            if not study.scores(spec, name).exists():
                scoring.save_scores(study.scores(spec, name), test_set.score(edits()))
    score_model(study, row, study.base)


def score_model(study: Study, row: Row, model: str) -> None:
    """Let a model edit every set of a row, and save the scores of its edits."""
    for spec in row.sets:
        path, test_set = study.scores(spec, row.name), _test_set(study, spec)
        if path.exists():
            continue
        folder = edit(study, row, model, spec)
        edits = {key: cv2.imread(str(folder / f"{key}.png"), cv2.IMREAD_COLOR_RGB) for key in test_set.pairs}
        scoring.save_scores(path, test_set.score(edits))


def edit(study: Study, row: Row, model: str, spec: SyntheticSet) -> Path:
    """Let a model edit a set, with a report where the row has one. Returns the folder of its edits."""
    if row.is_reported and spec.kind == "actions":
        folder = study.report(spec, row.name)
        report = evaluate(
            write_recipe(study, row),
            models=[model],
            shards=str(study.shards(spec)),
            split=spec.test,
            out=str(folder),
            recognizer=str(study.out / "recognizer"),
            device=study.device,
        )
        return folder / "predictions" / report.rows[0].name
    config = load(write_recipe(study, row)).eval
    folder = study.out / "edits" / spec.name
    samples = _test_set(study, spec).samples
    predictions = ModelPredictions(
        EvaluatedModel(row.name, model, Path(model), ""),
        Folder(folder),
        dict.fromkeys((each.name for each in samples), (spec.side, spec.side)),
    )
    device = device_for(study.device)
    editor = families.load(model, device=device)
    editor.to(torch.device(device))
    evaluation.generate_missing(predictions, editor, samples, config)
    return study.edits(spec, row.name)


def edits_folder(study: Study, spec: SyntheticSet, name: str) -> Path | None:
    """The folder of a finished row's edits of a set; None if there is none."""
    reported = sorted((study.report(spec, name) / "predictions").glob("*"))
    plain = study.edits(spec, name)
    return reported[0] if reported else plain if plain.exists() else None


def _test_set(study: Study, spec: SyntheticSet) -> TestSet:
    return TestSet(study.shards(spec), study.outcomes(spec))
