"""eval --bench: a benchmark of the field and some models in; files for its scorer, and our scores of them, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from actionpairs import benchmarks, manifest
from actionpairs.benchmarks import answers, scoring
from actionpairs.benchmarks.answers import Answers, Questions
from actionpairs.benchmarks.benchmark import Benchmark, BenchmarkSample, check_pictures, sizes_of
from actionpairs.configs import EvalConfig, JudgeOptions
from actionpairs.curation import splits
from actionpairs.data import shapes
from actionpairs.editors.sampling import device_for
from actionpairs.errors import ScoreError
from actionpairs.evaluation import comparisons, notes, trust
from actionpairs.evaluation.models import EvaluatedModel, common_multiple, own_resolution, resolve
from actionpairs.evaluation.records import COPY, Report, ReportRow, ReportSample
from actionpairs.evaluation.samples import summary
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.metrics import action_accuracy, available, judge_rubrics
from actionpairs.metrics.disc_edit import DiscEdit
from actionpairs.metrics.metric import AnyMetric, MetricInputs
from actionpairs.metrics.vlm_judge import VlmJudge
from actionpairs.recipe import Recipe, load
from actionpairs.records import Entry
from actionpairs.report import files, gallery
from actionpairs.report.gallery import GallerySample
from actionpairs.stages import judged
from actionpairs.storage import Folder

_RESOLUTION = 512  # pixels: where no model says at which size to score


# 12 parameters: this is the command `eval --bench` in Python, with one parameter for each of its options
def evaluate_benchmark(
    bench: str,
    *,
    data: str,
    out: str,
    models: Sequence[str] = (),
    predictions: Mapping[str, str] | None = None,
    recipe: str | Path | Recipe | None = None,
    features: Mapping[str, str] | None = None,
    device: str = "auto",
    limit: int | None = None,
    square: bool = False,
    allow_missing: bool = False,
    vlm_judge: JudgeOptions | None = None,
) -> Report:
    """Let models answer a benchmark of the field, write what its scorer takes, and score what can be scored here.

    bench: motionedit, bytemorph, aurora, risebench, gedit or imgedit. data: its files as released. models,
    predictions, features, limit, square, allow_missing, vlm_judge: as in `evaluate`. recipe: its `eval` section
    says how edits are sampled; without one, each model's own way. The same call again continues. Raises
    ActionpairsErrors.
    """
    name, config = load_config(recipe, square=square)
    folder, weights, benchmark = Folder(out), _weights(features), benchmarks.load(bench, data)
    resolved = resolve(models)
    questions = load_questions(benchmark, resolved, config, limit)
    rows = _answers(questions, folder, resolved, predictions or {}, allow_missing=allow_missing)
    inputs = MetricInputs(weights, _entries(questions), config.seed, device_for(device))
    judging = judged.Judging(vlm_judge, config.vlm_judge, folder, inputs.device)
    made_of = {**_spec_inputs(bench, questions, rows, weights), **judging.spec_inputs()}
    spec = StageSpec("eval", name, config, made_of)
    with manifest.working(folder, spec) as finished:
        if finished:
            return files.load(folder)
        _check(questions, config, judging)
        report = _score(questions, rows, config, inputs, judging)
        files.write(folder, report, _pictures(questions, rows, most=config.gallery))
        counts = {"samples": len(questions.samples), "models": len(rows), "raters": 0}
        manifest.finish(folder, spec, counts=counts, files=_digests(folder))
    return report


def _answers(
    questions: Questions,
    folder: Folder,
    models: Sequence[EvaluatedModel],
    predictions: Mapping[str, str],
    *,
    allow_missing: bool,
) -> tuple[Answers, ...]:
    """The answers of the models, then those in the user's folders."""
    rows = answers.of_models(models, questions, folder)
    taken = [COPY, scoring.TARGET, *(each.name for each in rows)]
    return (*rows, *answers.of_folders(predictions, questions, folder, taken=taken, allow_missing=allow_missing))


def load_config(recipe: str | Path | Recipe | None, *, square: bool) -> tuple[str, EvalConfig]:
    """The name of the recipe and its `eval` section; the defaults where there is no recipe."""
    if recipe is None:
        return "benchmark", EvalConfig(square=square)
    loaded = load(recipe, square=square)
    if loaded.eval.negatives is not None:
        raise ScoreError(
            "`eval.negatives`: a benchmark does not say which instructions are of another action.",
            cure="Leave it out: --set eval.negatives=null.",
        )
    return loaded.name, loaded.eval


def _weights(features: Mapping[str, str] | None) -> dict[str, str]:
    kind = action_accuracy.LOADER.kind
    if features and kind in features:
        raise ScoreError(f"--features {kind}: a benchmark has no actions to recognize.", cure="Leave it out.")
    return dict(features or {})


def _check(questions: Questions, config: EvalConfig, judging: judged.Judging) -> None:
    """Raise ScoreError for what would stop the run in its middle."""
    if judging.options is not None:
        check_rubrics(questions, config)
    check_pictures(questions.benchmark.title, questions.samples)


def check_rubrics(questions: Questions, config: EvalConfig) -> None:
    """Raise ScoreError if a rubric of the judge shows targets, and the benchmark has none."""
    for rubric in judge_rubrics.load(config.vlm_judge.rubrics):
        if rubric.shows_truth and not _has_targets(questions):
            raise ScoreError(
                f"`eval.vlm_judge.rubrics`: {rubric.name} shows the target of a sample, and "
                f"{questions.benchmark.title} has none.",
                cure="Choose others: --set 'eval.vlm_judge.rubrics=[paper, gedit]'.",
            )


def load_questions(
    benchmark: Benchmark, models: Sequence[EvaluatedModel], config: EvalConfig, limit: int | None
) -> Questions:
    """The samples in the order of the files; with a limit, those that come first in hash order."""
    ranked = sorted(benchmark.samples, key=lambda sample: splits.rank(sample.key, seed=0))
    kept = {sample.key for sample in ranked[:limit]}
    chosen = tuple(sample for sample in benchmark.samples if sample.key in kept)
    size_of, multiple = sizes_of(benchmark.title, chosen), common_multiple(models)
    resolution = _resolution(models, config)
    shape_of = {
        key: shapes.fit_shape(*size, resolution=resolution, multiple=multiple, square=config.square)
        for key, size in size_of.items()
    }
    return Questions(benchmark, chosen, size_of, shape_of)


def _resolution(models: Sequence[EvaluatedModel], config: EvalConfig) -> int:
    return config.resolution or (own_resolution(models) if models else _RESOLUTION)


def _entries(questions: Questions) -> list[Entry]:
    """The samples with a target, as metrics know samples: each instruction is an action of its own."""
    entries = []
    for sample in questions.samples:
        width, height = questions.size_of[sample.key]
        if sample.target is not None:
            own = sample.instruction
            entries.append(Entry(sample.key, "", "", own, "", "", own, "", 0, 0, 0, 0, width, height))
    return entries


def _spec_inputs(
    bench: str, questions: Questions, rows: Sequence[Answers], weights: Mapping[str, str]
) -> dict[str, str]:
    """What the report is made of, by digest."""
    is_whole = len(questions.samples) == len(questions.benchmark.samples)
    return {
        f"benchmark {bench}": questions.benchmark.digest,
        **({} if is_whole else {"limit": str(len(questions.samples))}),
        **{f"model {each.name}": each.digest for each in rows},
        **{f"features {kind}": digest for kind, digest in available.digests(weights).items()},
    }


def _score(
    questions: Questions,
    answered: Sequence[Answers],
    config: EvalConfig,
    inputs: MetricInputs,
    judging: judged.Judging,
) -> Report:
    """Calibrate the judge, make the missing edits, score every row, and compare the rows."""
    with judging.opened() as judge_of:
        metrics = _metrics(questions, inputs, judge_of.metric)
        judge_notes = judge_of.calibrate(scoring.known_samples(questions))
        rows, sampling_notes = scoring.score_rows(
            answered, questions, metrics, config, device=inputs.device, on_gaps=judge_of.gaps.append
        )
        judge_notes += judge_of.gap_notes()
    samples, benchmark = questions.samples, questions.benchmark
    chosen, total = len(samples), len(benchmark.samples)
    resolution = _resolution([each.model for each in answered if each.model is not None], config)
    pictures = summary(questions.shape_of, resolution=resolution, square=config.square)
    by_key = sorted(samples, key=lambda sample: sample.key)
    report = Report(
        dataset=benchmark.title,
        split="whole" if chosen == total else f"{chosen:,} of {total:,}",
        samples=tuple(ReportSample(sample.key, sample.instruction, scoring.category(sample)) for sample in by_key),
        rows=rows,
        differences=comparisons.differences(rows),
        parts=scoring.by_category(rows, samples),
        notes=(
            *_benchmark_notes(questions),
            *(f"{each.origin}, digest {each.digest}." for each in answered),
            *sampling_notes,
            notes.shapes_note(pictures),
            *judge_notes,
            *_metric_notes(questions, metrics, rows, inputs),
        ),
        recipe_digest=config.digest(),
        pictures=pictures,
        calibrated=judge_of.calibrated,
    )
    return replace(report, first_to_read=trust.first_to_read(report))


def _metrics(questions: Questions, inputs: MetricInputs, judging: VlmJudge | None) -> tuple[AnyMetric, ...]:
    contrasts = {sample.key: sample.contrast for sample in questions.samples}
    texts = {key: (each.fulfilled, each.unfulfilled) for key, each in contrasts.items() if each is not None}
    own = (DiscEdit(texts, seed=inputs.seed),) if texts else ()
    by_truth = judging.parts() if judging else ()
    return (*own, *by_truth, *(each for each in available.load_all(inputs) if _applies(each, questions)))


def _applies(metric: AnyMetric, questions: Questions) -> bool:
    return _has_targets(questions) or not scoring.needs_target(metric)


def _has_targets(questions: Questions) -> bool:
    return any(sample.target is not None for sample in questions.samples)


def _benchmark_notes(questions: Questions) -> tuple[str, ...]:
    """What was asked, what is not scored here, and who scores it."""
    benchmark, samples = questions.benchmark, questions.samples
    count = sum(sample.target is not None for sample in samples)
    targets = (
        f"{count:,} of {len(samples):,} samples have a target: it is what is called the real last frame below."
        if count
        else "It has no targets, so no score that compares with one is taken."
    )
    return (
        f"{benchmark.title}, digest {benchmark.digest} of its files. {targets} Where a page says action, it is "
        "the benchmark's category.",
        f"Edits for its scorer: {benchmark.edits.format(model='NAME')}/. {benchmark.scorer}",
        *benchmark.notes,
    )


def _metric_notes(
    questions: Questions, metrics: Sequence[AnyMetric], rows: Sequence[ReportRow], inputs: MetricInputs
) -> tuple[str, ...]:
    """The methods of the scores that there are, and which weights would give more."""
    missing = available.missing_notes(inputs.weights) if _has_targets(questions) else ()
    of_actions = action_accuracy.LOADER.without
    return (*notes.metric_notes(metrics, rows), *(note for note in missing if note != of_actions))


def _pictures(questions: Questions, rows: Sequence[Answers], *, most: int) -> list[GallerySample]:
    """The pictures of at most so many samples, evenly spread over all that every row of the table has."""
    samples = [sample for sample in questions.samples if all(each.has(sample) for each in rows)]
    with_target = [sample for sample in samples if sample.target is not None]
    return [_gallery_sample(questions, rows, sample) for sample in gallery.spread(with_target or samples, most)]


def _gallery_sample(questions: Questions, rows: Sequence[Answers], sample: BenchmarkSample) -> GallerySample:
    """Without a target there is no row that would show one; the input in its place has no motion to draw."""
    original = questions.original(sample)
    truth = original if sample.target is None else questions.target(sample)
    return GallerySample(sample.key, original, {each.name: each.load(sample) for each in rows}, truth)


def _digests(folder: Folder) -> dict[str, FileDigest]:
    """Every file of a finished report: the edits too, and no answers that only help the next run."""
    own = {manifest.RECIPE_FILE, manifest.MANIFEST_FILE, manifest.LOCK_FILE}
    names = [name for name in folder.names() if not name.startswith(f"{judged.CACHE_FOLDER}/")]
    return {name: FileDigest.of_file(folder, name) for name in names if name not in own}
