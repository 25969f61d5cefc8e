"""eval: a split of shards and some models in; their predictions, scores and a report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from actionpairs import manifest
from actionpairs.configs import EvalConfig, JudgeOptions
from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.editors.sampling import device_for
from actionpairs.errors import ScoreError
from actionpairs.evaluation import calibration, comparisons, human_eval, notes, recognizer_accuracy, samples, trust
from actionpairs.evaluation.models import EvaluatedModel, common_multiple, own_resolution, resolve
from actionpairs.evaluation.predictions import FolderPredictions, ModelPredictions, open_folders
from actionpairs.evaluation.records import Report, ReportSample
from actionpairs.evaluation.rows import Compared, score_rows
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.metrics import available
from actionpairs.metrics.metric import MetricInputs
from actionpairs.processes import world_size
from actionpairs.recipe import Recipe, load
from actionpairs.recognition import labels
from actionpairs.report import files, gallery
from actionpairs.report import rater_page as page_for_raters
from actionpairs.shards import load_index
from actionpairs.stages import judged
from actionpairs.storage import Folder


# 15 parameters: this is the command `eval` in Python, with one parameter for each of its options
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
    square: bool = False,
    allow_missing: bool = False,
    vlm_judge: JudgeOptions | None = None,
) -> Report:
    """Let every model edit the pictures of a split, and score the edits. The same call again continues.

    models: folders, checkpoint files or hub ids. predictions: name → a folder of edits made with other tools, one
    picture per key. features: kind of weights (inception, clip, dinov2, lpips) → path or hub id. limit: score so
    many samples only, the first in hash order. rater_page: also write the page for raters. answers: the files that
    raters saved; a finished report takes them in. square: as the recipe's. allow_missing: a folder of edits may
    lack some; its row then says how many. vlm_judge: which model judges. Raises ActionpairsError subclasses.
    """
    _refuse_several_processes()
    recipe, folder, source = load(recipe, square=square), Folder(out), Folder(shards)
    config, names = recipe.eval, labels.load_mapping(recipe.eval.recognizer.labels)
    weights = {**({"recognizer": recognizer} if recognizer else {}), **(features or {})}
    chosen = samples.select(source, split, limit=limit)
    opened = partial(open_folders, predictions or {}, allow_missing=allow_missing)
    compared = _compared(chosen, resolve(models), opened, folder, config)
    inputs = MetricInputs(weights, [each.entry for each in chosen], config.seed, device_for(device), names)
    judging = judged.Judging(vlm_judge, config.vlm_judge, folder, inputs.device)
    made_of = {**_spec_inputs(source, split, limit, compared, inputs), **judging.spec_inputs()}
    spec = StageSpec("eval", recipe.name, config, made_of)
    score = partial(_score, source, split, compared, config, inputs, judging)
    return _finish(spec, folder, score, partial(_write, compared=compared, config=config), answers, rater_page)


# 6 parameters: what is made, where, how it is scored and written, and what people add to it
def _finish(
    spec: StageSpec,
    folder: Folder,
    score: Callable[[], Report],
    write: Callable[..., None],
    answers: Sequence[str],
    rater_page: bool,
) -> Report:
    """Score what is not scored yet, and write what is new."""
    with manifest.working(folder, spec) as finished:
        report = files.load(folder) if finished else score()
        if answers:
            report = human_eval.with_answers(report, answers)
        if rater_page or answers or not finished:
            write(folder, report, with_rater_page=rater_page)
            models = [row for row in report.rows if row.kind == "model"]
            counts = {"samples": len(report.samples), "models": len(models), "raters": report.raters}
            manifest.finish(folder, spec, counts=counts, files=_digests(folder))
    return report


def _refuse_several_processes() -> None:
    """Raise ScoreError under torchrun: several processes would make the same edits in the same folder."""
    if world_size() > 1:
        raise ScoreError(
            f"eval works in one process, and {world_size()} were started.",
            cure="Run it without torchrun; one eval per GPU, each with its own --model and --out, share the work.",
        )


def _compared(
    chosen: tuple[Example, ...],
    models: Sequence[EvaluatedModel],
    open_others: Callable[..., tuple[FolderPredictions, ...]],
    out: Folder,
    config: EvalConfig,
) -> Compared:
    """The predictions of the models, then those of the user's folders, at the shapes that all of them can have."""
    size = config.resolution or own_resolution(models)
    multiple = common_multiple(models)
    shape_of = samples.shape_of_each(chosen, resolution=size, multiple=multiple, square=config.square)
    own = tuple(ModelPredictions(model, out, shape_of) for model in models)
    return Compared(chosen, size, shape_of, own + open_others(own, chosen, shape_of))


def _spec_inputs(
    source: Folder, split: str, limit: int | None, compared: Compared, inputs: MetricInputs
) -> dict[str, str]:
    """What the report is made of, by digest."""
    digests, names = available.digests(inputs.weights), inputs.recognizer_labels
    return {
        "shards": manifest.load(source, stage="shard", oldest=1).digest,
        "split": split,
        **({} if limit is None else {"limit": str(limit)}),
        **{f"model {each.name}": each.digest for each in compared.predictions},
        **{kind if kind == "recognizer" else f"features {kind}": digest for kind, digest in digests.items()},
        **({"recognizer labels": labels.digest(names)} if names else {}),
    }


def _score(
    source: Folder,
    split: str,
    compared: Compared,
    config: EvalConfig,
    inputs: MetricInputs,
    judging: judged.Judging,
) -> Report:
    """Calibrate the judge, make the missing predictions, score every row, and compare the rows."""
    with judging.opened() as judge_of:
        metrics = available.load_all(replace(inputs, vlm_judge=judge_of.metric))
        judge_notes = judge_of.calibrate(calibration.of_split(compared.samples, compared.shape_of))
        rows, sampling_notes = score_rows(
            compared, metrics, config, device=inputs.device, on_gaps=judge_of.gaps.append
        )
        judge_notes += judge_of.gap_notes()
    chosen = compared.samples
    pictures = samples.summary(compared.shape_of, resolution=compared.resolution, square=config.square)
    report_samples = tuple(ReportSample(each.name, each.entry.instruction, each.entry.action) for each in chosen)
    report = Report(
        dataset=load_index(source).dataset,
        split=split,
        samples=report_samples,
        rows=rows,
        differences=comparisons.differences(rows),
        parts=comparisons.by_verb(rows, report_samples, unseen=_unseen(source, chosen)),
        notes=(
            *(f"{each.origin}, digest {each.digest}." for each in compared.predictions),
            *sampling_notes,
            notes.shapes_note(pictures),
            *judge_notes,
            *notes.metric_notes(metrics, rows),
            *available.missing_notes(inputs.weights),
        ),
        recipe_digest=config.digest(),
        pictures=pictures,
        calibrated=judge_of.calibrated,
    )
    report = recognizer_accuracy.added(report, metrics)
    return replace(report, first_to_read=trust.first_to_read(report))


def _unseen(source: Folder, chosen: Sequence[Example]) -> set[str]:
    """The names of the samples whose verb has no training sample."""
    trained_verbs = {example.entry.verb for example in examples.load_train([source])}
    return {sample.name for sample in chosen if sample.entry.verb not in trained_verbs}


def _write(
    folder: Folder,
    report: Report,
    compared: Compared,
    config: EvalConfig,
    *,
    with_rater_page: bool,
) -> None:
    """The report's files, and the page for raters where it is wanted. Meanwhile the folder has no manifest."""
    folder.remove(manifest.MANIFEST_FILE)
    load_pictures = partial(gallery.load_pictures, compared.samples, compared.predictions, compared.shape_of)
    files.write(folder, report, load_pictures(most=config.gallery))
    if with_rater_page:
        page = page_for_raters.render(report, load_pictures(most=config.rater_samples))
        folder.write_bytes(page_for_raters.PAGE_FILE, page.encode())


def _digests(folder: Folder) -> dict[str, FileDigest]:
    """Every file of a finished report: the predictions too."""
    names = [*files.FILES, *folder.names(page_for_raters.PAGE_FILE), *folder.names(judged.FILE)]
    names += folder.names(".png")
    return {name: FileDigest.of_file(folder, name) for name in names}
