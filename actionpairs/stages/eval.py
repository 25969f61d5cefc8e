"""eval: a split and some models in, their edits and a report out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from actionpairs import manifest
from actionpairs.configs import EvalConfig
from actionpairs.curation import splits
from actionpairs.data import examples, rng
from actionpairs.data.batches import NegativeSampler, Row, wrong_texts
from actionpairs.data.examples import Example
from actionpairs.editors import instruct_pix2pix
from actionpairs.editors import sampling as generate
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.errors import ScoreError
from actionpairs.evaluation import comparisons, human_eval, notes, predictions, scorecard, scorers
from actionpairs.evaluation import models as contestants
from actionpairs.evaluation.predictions import ModelPredictions, Predictions
from actionpairs.evaluation.records import Kind, Report, ReportRow, ReportSample
from actionpairs.evaluation.scorecard import Measurements, Trial
from actionpairs.evaluation.scorers import Scorers
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.metrics import discrimination
from actionpairs.progress import Progress
from actionpairs.recipe import Recipe, load
from actionpairs.report import files
from actionpairs.report import rater_page as studies
from actionpairs.report.gallery import Exhibit
from actionpairs.shards import entries, read_index
from actionpairs.storage import Folder

EditOf = Callable[[Example, np.ndarray], np.ndarray]  # a sample and its pair (2 S S 3) → its edit (S S 3)
T = TypeVar("T")
COPY, TRUTH = "copy of the input", "the real last frame"


def evaluate(
    recipe: str | Path | Recipe,
    *,
    models: Sequence[str] = (),
    edits: Mapping[str, str] | None = None,
    shards: str,
    split: str,
    out: str,
    recognizer: str | None = None,
    features: Mapping[str, str] | None = None,
    device: str = "auto",
    limit: int | None = None,
    study: bool = False,
    answers: Sequence[str] = (),
) -> Report:
    """Let every model edit a split and score the edits; the same call again goes on where it stopped.

    models: diffusers folders or hub ids. edits: a name → a folder of edits that were made with other tools, one
    picture per key. features: a kind of feature network (inception, clip, dinov2, lpips) → its path or hub id.
    limit: so many samples only, the first in hash order. study: write a page for raters too. answers: the files
    that they saved; a finished report takes them in. Raises ActionpairsError subclasses.
    """
    _check_alone()
    recipe, given, panel = load(recipe), edits or {}, (recognizer, features or {})
    config, folder, source, device_name = recipe.eval, Folder(out), Folder(shards), generate.device_for(device)
    wanted = _wanted(source, split, limit)
    entered = _entered(models, given, wanted, folder, config)
    inputs = {
        "shards": manifest.read(source, stage="shard").digest,
        "split": split,
        **({} if limit is None else {"limit": str(limit)}),
        **{f"model {one.name}": one.digest for one in entered},
        **scorers.digests(*panel),
    }
    order = StageSpec("eval", recipe.name, config, inputs)
    with manifest.working(folder, order) as finished:
        if finished:
            result = files.read(folder)
        else:
            result = _scored(source, split, wanted, entered, config, scorers.appoint(*panel, device=device_name))
        if answers:
            result = human_eval.added(result, answers)
        if study or answers or not finished:
            folder.remove(manifest.MANIFEST_FILE)
            _write(folder, result, entered, wanted, config, study=study)
            counts = {"samples": len(wanted), "models": len(entered), "raters": result.raters}
            manifest.finish(folder, order, counts=counts, files=_files(folder))
        return result


def _check_alone() -> None:
    """Raise ScoreError under torchrun: several processes would make the same edits in the same folder."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ScoreError(
            f"eval works in one process, and {os.environ['WORLD_SIZE']} were started.",
            cure="Run it without torchrun; one eval per GPU, each with its own --model and --out, share the work.",
        )


def _write(
    folder: Folder,
    result: Report,
    entered: Sequence[Predictions],
    wanted: Sequence[Example],
    config: EvalConfig,
    *,
    study: bool,
) -> None:
    files.write(folder, result, _exhibits(entered, wanted, config.gallery, side=config.resolution))
    if study:
        shown = _exhibits(entered, wanted, config.study, side=config.resolution)
        folder.write_bytes(studies.PAGE_FILE, studies.of(result, shown).encode())


def _files(folder: Folder) -> dict[str, FileDigest]:
    """All that a finished report consists of."""
    names = [*files.FILES, *folder.names(studies.PAGE_FILE), *folder.names(".png")]
    return {name: FileDigest.of_file(folder, name) for name in names}


def _entered(
    models: Sequence[str], given: Mapping[str, str], wanted: Sequence[Example], folder: Folder, config: EvalConfig
) -> tuple[Predictions, ...]:
    """Who takes part: the models, then the folders of edits, each under a name of its own."""
    generated = [ModelPredictions(found, folder, config.resolution) for found in contestants.enter(models)]
    taken = {one.name for one in generated} | {COPY, TRUTH}
    for name in given:
        if name in taken or not name.strip():
            raise ScoreError(f"--edits {name!r}: another row has this name.", cure="Give it a name of its own.")
    keys = [example.name for example in wanted]
    return (
        *generated,
        *(predictions.take(name, path, keys, side=config.resolution) for name, path in given.items()),
    )


def _scored(
    source: Folder,
    split: str,
    wanted: Sequence[Example],
    entered: Sequence[Predictions],
    config: EvalConfig,
    panel: Scorers,
) -> Report:
    """The rows and what follows from them: how they differ, and how they do on verbs that no model was taught."""
    told = {}
    for one in entered:
        if isinstance(one, ModelPredictions):
            model = instruct_pix2pix.load(str(one.model.folder)).to(torch.device(panel.device))
            _generate(one, model, wanted, config)
            told[one.name] = _told_apart(one.name, model, wanted, config)
    rows = _rows(entered, wanted, config, panel, told)
    samples = tuple(map(_sample, wanted))
    taught = {example.entry.verb for example in examples.training([source])}
    unseen = {example.name for example in wanted if example.entry.verb not in taught}
    return Report(
        dataset=read_index(source).dataset,
        split=split,
        samples=samples,
        rows=rows,
        differences=comparisons.differences(rows),
        parts=comparisons.by_verb(rows, samples, unseen=unseen),
        notes=notes.on(config, [f"{one.origin}, digest {one.digest}." for one in entered], rows, samples, panel),
        recipe_digest=config.digest(),
    )


def _wanted(source: Folder, split: str, limit: int | None) -> tuple[Example, ...]:
    """The split's samples by key; with a limit, those that come first in hash order, so that all kinds come."""
    found = entries(source, split)
    chosen = sorted(found, key=lambda entry: splits.rank(entry.key, seed=0))[:limit]
    return tuple(Example(source, entry.key, entry) for entry in sorted(chosen, key=lambda entry: entry.key))


def _sample(example: Example) -> ReportSample:
    return ReportSample(example.name, example.entry.instruction, example.entry.action)


def _generate(made: ModelPredictions, model: Editor, wanted: Sequence[Example], config: EvalConfig) -> None:
    """Write the edits that are missing. A batch is made as a whole, so that stopping changes no byte."""
    pending = [
        batch
        for batch in _batches(wanted, config.batch_size)
        if not all(made.is_there(example.name) for example in batch)
    ]
    sampling = generate.Sampling(config.scheduler, config.steps, config.image_guidance, config.text_guidance)
    with Progress(total=sum(map(len, pending)), unit="edit", desc=f"edits by {made.name}") as bar:
        for batch in pending:
            pictures = generate.edit(
                model,
                np.stack([examples.read(example, config.resolution)[0] for example in batch]),
                [example.entry.instruction for example in batch],
                seeds=[rng.torch_seed(config.seed, "edit", example.name) for example in batch],
                sampling=sampling,
            )
            for example, picture in zip(batch, pictures, strict=True):
                made.write(example.name, picture)
            bar.update(len(batch))


def _told_apart(name: str, model: Editor, wanted: Sequence[Example], config: EvalConfig) -> np.ndarray:
    """Whether a model finds each truth likelier under its own instruction than under another action's.

    N float64: 100 or 0, NaN where the split has no other action. Instructions are drawn as in training.
    """
    rivals, found = NegativeSampler([example.entry for example in wanted]), np.full(len(wanted), np.nan)
    wrong = {}
    for index, example in enumerate(wanted):
        row = Row(index, 0, example.name)
        if texts := wrong_texts(row, rivals.texts(example.entry, "all"), count=1, seed=config.seed):
            wrong[index] = texts[0]
    with Progress(total=len(wrong), unit="sample", desc=f"discrimination by {name}") as bar:
        for batch in _batches(list(wrong), config.batch_size):
            asked = [wanted[index] for index in batch]
            margins = discrimination.margins(
                model,
                np.stack([examples.read(example, config.resolution) for example in asked]),
                [example.entry.instruction for example in asked],
                [wrong[index] for index in batch],
                seeds=[rng.torch_seed(config.seed, "discrimination", example.name) for example in asked],
            )
            found[list(batch)] = 100.0 * (margins > 0)
            bar.update(len(batch))
    return found


def _rows(
    entered: Sequence[Predictions],
    wanted: Sequence[Example],
    config: EvalConfig,
    panel: Scorers,
    told: Mapping[str, np.ndarray],
) -> tuple[ReportRow, ...]:
    """The models, those that do the action best first, then the copy, then the truth."""

    def measured(name: str, edit_of: EditOf) -> Measurements:
        trials = _trials(name, wanted, edit_of, config)
        found = scorecard.measure(trials, recognizer=panel.recognizer, networks=panel.networks, lpips=panel.lpips)
        also = {scorecard.DISCRIMINATION: told[name]} if name in told else {}
        return replace(found, values={**found.values, **also})

    def row(name: str, kind: Kind, found: Measurements) -> ReportRow:
        return scorecard.row(name, kind, found, networks=panel.networks, copy=copy, truth=truth)

    truth = measured(TRUTH, lambda _, pair: pair[1])
    copy = measured(COPY, lambda _, pair: pair[0])
    models = [row(one.name, "model", measured(one.name, _edits_of(one))) for one in entered]
    models.sort(key=lambda model: -model.scores[0].value)
    return (*models, row(COPY, "copy", copy), row(TRUTH, "truth", truth))


def _edits_of(one: Predictions) -> EditOf:
    return lambda example, _: one.read(example.name)


def _trials(name: str, wanted: Sequence[Example], edit_of: EditOf, config: EvalConfig) -> Iterator[Trial]:
    with Progress(total=len(wanted), unit="sample", desc=f"scores of {name}") as bar:
        for batch in _batches(wanted, config.batch_size):
            pairs = np.stack([examples.read(example, config.resolution) for example in batch])
            yield Trial(
                keys=tuple(example.name for example in batch),
                actions=tuple(example.entry.action for example in batch),
                originals=pairs[:, 0],
                edits=np.stack([edit_of(example, pair) for example, pair in zip(batch, pairs, strict=True)]),
                truths=pairs[:, 1],
            )
            bar.update(len(batch))


def _exhibits(entered: Sequence[Predictions], wanted: Sequence[Example], most: int, *, side: int) -> list[Exhibit]:
    """So many samples as are to be shown, evenly spread over all."""
    count = min(most, len(wanted))
    exhibits = []
    for example in (wanted[i * len(wanted) // count] for i in range(count)):
        original, truth = examples.read(example, side)
        made = {one.name: one.read(example.name) for one in entered}
        exhibits.append(Exhibit(example.name, original, made, truth))
    return exhibits


def _batches(wanted: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (wanted[start : start + size] for start in range(0, len(wanted), size))
