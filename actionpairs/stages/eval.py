"""eval: a split of shards and some models in; their predictions, scores and a report out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from actionpairs import manifest
from actionpairs.configs import EvalConfig
from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.editors import instruct_pix2pix
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.editors.sampling import Sampling, device_for
from actionpairs.errors import ScoreError
from actionpairs.evaluation import comparisons, human_eval, notes, samples, scorecard
from actionpairs.evaluation.models import resolve
from actionpairs.evaluation.predictions import ModelPredictions, Predictions, open_folders
from actionpairs.evaluation.records import COPY, TRUTH, Kind, Report, ReportRow, ReportSample
from actionpairs.evaluation.samples import EditOf
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.metrics import available
from actionpairs.metrics.metric import AnyMetric, MetricInputs
from actionpairs.recipe import Recipe, load
from actionpairs.report import files, gallery
from actionpairs.report import rater_page as page_for_raters
from actionpairs.shards import load_index
from actionpairs.storage import Folder


# 12 parameters: this is the command `eval` in Python, with one parameter for each of its options
def evaluate(
    recipe: str | Path | Recipe,
    *,
    models: Sequence[str] = (),
    predictions: Mapping[str, str] | None = None,
    shards: str,
    split: str,
    out: str,
    recognizer: str | None = None,
    features: Mapping[str, str] | None = None,
    device: str = "auto",
    limit: int | None = None,
    rater_page: bool = False,
    answers: Sequence[str] = (),
) -> Report:
    """Let every model edit the pictures of a split, and score the edits. The same call again continues.

    models: diffusers folders or hub ids. predictions: name → a folder of edits made with other tools, one picture
    per key. features: kind of weights (inception, clip, dinov2, lpips) → path or hub id. limit: score so many
    samples only, the first in hash order. rater_page: also write the page for raters. answers: the files that
    raters saved; a finished report takes them in too. Raises ActionpairsError subclasses.
    """
    _refuse_several_processes()
    recipe = load(recipe)
    config, folder, source = recipe.eval, Folder(out), Folder(shards)
    weights = {**({} if recognizer is None else {"recognizer": recognizer}), **(features or {})}
    chosen = samples.select(source, split, limit=limit)
    compared = _predictions(models, predictions or {}, chosen, folder, side=config.resolution)
    inputs = MetricInputs(weights, [each.entry for each in chosen], config.seed, device_for(device))
    spec = StageSpec("eval", recipe.name, config, _spec_inputs(source, split, limit, compared, weights))
    with manifest.working(folder, spec) as finished:
        report = files.load(folder) if finished else _score(source, split, chosen, compared, config, inputs)
        if answers:
            report = human_eval.with_answers(report, answers)
        if rater_page or answers or not finished:
            folder.remove(manifest.MANIFEST_FILE)
            _write(folder, report, chosen, compared, config, with_rater_page=rater_page)
            counts = {"samples": len(chosen), "models": len(compared), "raters": report.raters}
            manifest.finish(folder, spec, counts=counts, files=_digests(folder))
    return report


def _refuse_several_processes() -> None:
    """Raise ScoreError under torchrun: several processes would make the same edits in the same folder."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ScoreError(
            f"eval works in one process, and {os.environ['WORLD_SIZE']} were started.",
            cure="Run it without torchrun; one eval per GPU, each with its own --model and --out, share the work.",
        )


def _predictions(
    models: Sequence[str], folders: Mapping[str, str], chosen: Sequence[Example], out: Folder, *, side: int
) -> tuple[Predictions, ...]:
    """Those of the models, then those of the user's folders."""
    own = tuple(ModelPredictions(model, out, side) for model in resolve(models))
    return own + open_folders(folders, own, [each.name for each in chosen], side=side)


def _spec_inputs(
    source: Folder, split: str, limit: int | None, compared: Sequence[Predictions], weights: Mapping[str, str]
) -> dict[str, str]:
    """What the report is made of, by digest."""
    digests = available.digests(weights)
    return {
        "shards": manifest.load(source, stage="shard", oldest=1).digest,
        "split": split,
        **({} if limit is None else {"limit": str(limit)}),
        **{f"model {each.name}": each.digest for each in compared},
        **{kind if kind == "recognizer" else f"features {kind}": digest for kind, digest in digests.items()},
    }


def _score(
    source: Folder,
    split: str,
    chosen: Sequence[Example],
    compared: Sequence[Predictions],
    config: EvalConfig,
    inputs: MetricInputs,
) -> Report:
    """Make the missing predictions, score every row, and compare the rows."""
    metrics = available.load_all(inputs)
    sampling = Sampling(config.scheduler, config.steps, config.image_guidance, config.text_guidance)
    rows = _rows(chosen, compared, metrics, sampling, config, device=inputs.device)
    report_samples = tuple(ReportSample(each.name, each.entry.instruction, each.entry.action) for each in chosen)
    trained_verbs = {example.entry.verb for example in examples.load_train([source])}
    unseen = {sample.name for sample in chosen if sample.entry.verb not in trained_verbs}
    return Report(
        dataset=load_index(source).dataset,
        split=split,
        samples=report_samples,
        rows=rows,
        differences=comparisons.differences(rows),
        parts=comparisons.by_verb(rows, report_samples, unseen=unseen),
        notes=(
            *(f"{each.origin}, digest {each.digest}." for each in compared),
            notes.sampling_note(sampling, seed=config.seed, resolution=config.resolution),
            *notes.metric_notes(metrics, rows),
            *available.missing_notes(inputs.weights),
        ),
        recipe_digest=config.digest(),
    )


def _rows(
    chosen: Sequence[Example],
    compared: Sequence[Predictions],
    metrics: Sequence[AnyMetric],
    sampling: Sampling,
    config: EvalConfig,
    *,
    device: str,
) -> tuple[ReportRow, ...]:
    """The models, those that do the action best first, then the copy, then the truth."""
    side, size = config.resolution, config.batch_size

    def score(name: str, kind: Kind, edit_of: EditOf, editor: Editor | None = None) -> ReportRow:
        batches = samples.iter_batches(name, chosen, edit_of, side=side, batch_size=size, editor=editor)
        return scorecard.score_row(name, kind, batches, metrics)

    models = []
    for each in compared:
        editor = None
        if isinstance(each, ModelPredictions):
            editor = instruct_pix2pix.load(str(each.model.folder)).to(torch.device(device))
            samples.generate_missing(each, editor, chosen, sampling, seed=config.seed, batch_size=size)
        models.append(score(each.name, "model", _edits_of(each), editor))
    models.sort(key=lambda row: -row.scores[0].value)
    copy = score(COPY, "copy", lambda _, pair: pair[0])
    truth = score(TRUTH, "truth", lambda _, pair: pair[1])
    return (*models, copy, truth)


def _edits_of(predictions: Predictions) -> EditOf:
    return lambda sample, _: predictions.load(sample.name)


def _write(
    folder: Folder,
    report: Report,
    chosen: Sequence[Example],
    compared: Sequence[Predictions],
    config: EvalConfig,
    *,
    with_rater_page: bool,
) -> None:
    """The report's files, and the page for raters where it is wanted."""
    load_pictures = partial(gallery.load_pictures, chosen, compared, side=config.resolution)
    files.write(folder, report, load_pictures(most=config.gallery))
    if with_rater_page:
        page = page_for_raters.render(report, load_pictures(most=config.rater_samples))
        folder.write_bytes(page_for_raters.PAGE_FILE, page.encode())


def _digests(folder: Folder) -> dict[str, FileDigest]:
    """Every file of a finished report: the predictions too."""
    names = [*files.FILES, *folder.names(page_for_raters.PAGE_FILE), *folder.names(".png")]
    return {name: FileDigest.of_file(folder, name) for name in names}
