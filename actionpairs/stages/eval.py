"""eval: a split and some models in, their edits and a report out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from actionpairs import manifest, splits
from actionpairs.configs import EvalConfig
from actionpairs.errors import ScoreError
from actionpairs.learning import draws, editor, examples
from actionpairs.learning.examples import Example
from actionpairs.manifest import FileDigest, Order
from actionpairs.progress import Progress
from actionpairs.recipe import Recipe, load
from actionpairs.records import Report, ReportRow, ReportSample
from actionpairs.scoring import comparisons, contestants, edits, generate, judges, metrics, report, scorecard
from actionpairs.scoring.edits import Edits, GeneratedEdits
from actionpairs.scoring.gallery import Exhibit
from actionpairs.scoring.judges import Judges
from actionpairs.scoring.scorecard import Measurements, Trial
from actionpairs.shards import entries, read_index
from actionpairs.storage import Folder

EditOf = Callable[[Example, np.ndarray], np.ndarray]  # a sample and its pair (2 S S 3) → its edit (S S 3)
COPY, TRUTH = "copy of the input", "the real last frame"


def evaluate(
    recipe: str | Path | Recipe,
    *,
    models: Sequence[str] = (),
    edits: Mapping[str, str] | None = None,
    shards: str,
    split: str,
    out: str,
    recogniser: str | None = None,
    features: Mapping[str, str] | None = None,
    device: str = "auto",
    limit: int | None = None,
) -> Report:
    """Let every model edit a split and score the edits; the same call again goes on where it stopped.

    models: diffusers folders or hub ids. edits: a name → a folder of edits that were made with other tools, one
    picture per key. features: a kind of feature network (inception, clip, dinov2) → its path or hub id. limit:
    so many samples only, the first in hash order. Raises ActionpairsError subclasses.
    """
    recipe = load(recipe)
    config, folder, source, device_name = recipe.eval, Folder(out), Folder(shards), generate.device_for(device)
    wanted = _wanted(source, split, limit)
    entered = _entered(models, edits or {}, wanted, folder, config)
    inputs = {
        "shards": manifest.read(source, stage="shard").digest,
        "split": split,
        **({} if limit is None else {"limit": str(limit)}),
        **{f"model {one.name}": one.digest for one in entered},
        **judges.digests(recogniser, features or {}),
    }
    order = Order("eval", recipe.name, config, inputs)
    with manifest.working(folder, order) as finished:
        if finished:
            return report.read(folder)
        panel = judges.appoint(recogniser, features or {}, device=device_name)
        for one in entered:
            if isinstance(one, GeneratedEdits):
                _generate(one, wanted, config, device_name)
        result = _scored(source, split, wanted, _rows(entered, wanted, config, panel), config)
        result = replace(result, notes=(*_notes(config, entered, wanted, panel), *panel.notes))
        files = report.write(folder, result, _exhibits(entered, wanted, config))
        for name in folder.names(".png"):
            files[name] = FileDigest.of_file(folder, name)
        manifest.finish(folder, order, counts={"samples": len(wanted), "models": len(entered)}, files=files)
        return result


def _entered(
    models: Sequence[str], given: Mapping[str, str], wanted: Sequence[Example], folder: Folder, config: EvalConfig
) -> tuple[Edits, ...]:
    """Who takes part: the models, then the folders of edits, each under a name of its own."""
    generated = [GeneratedEdits(found, folder, config.resolution) for found in contestants.enter(models)]
    taken = {one.name for one in generated} | {COPY, TRUTH}
    for name in given:
        if name in taken or not name.strip():
            raise ScoreError(f"--edits {name!r}: another row has this name.", cure="Give it a name of its own.")
    keys = [example.name for example in wanted]
    return (*generated, *(edits.take(name, path, keys, side=config.resolution) for name, path in given.items()))


def _scored(
    source: Folder, split: str, wanted: Sequence[Example], rows: tuple[ReportRow, ...], config: EvalConfig
) -> Report:
    """The rows and what follows from them: how they differ, and how they do on verbs that no model was taught."""
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
        notes=(),
        recipe_digest=config.digest(),
    )


def _wanted(source: Folder, split: str, limit: int | None) -> tuple[Example, ...]:
    """The split's samples by key; with a limit, those that come first in hash order, so that all kinds come."""
    found = entries(source, split)
    chosen = sorted(found, key=lambda entry: splits.rank(entry.key, seed=0))[:limit]
    return tuple(Example(source, entry.key, entry) for entry in sorted(chosen, key=lambda entry: entry.key))


def _sample(example: Example) -> ReportSample:
    return ReportSample(example.name, example.entry.instruction, example.entry.action)


def _generate(made: GeneratedEdits, wanted: Sequence[Example], config: EvalConfig, device: str) -> None:
    """Write the edits that are missing. A batch is made as a whole, so that stopping changes no byte."""
    pending = [
        batch
        for batch in _batches(wanted, config.batch_size)
        if not all(made.is_there(example.name) for example in batch)
    ]
    if not pending:
        return
    model = editor.load(str(made.contestant.folder)).to(torch.device(device))
    sampling = generate.Sampling(config.scheduler, config.steps, config.image_guidance, config.text_guidance)
    with Progress(total=sum(map(len, pending)), unit="edit", desc=f"edits by {made.name}") as bar:
        for batch in pending:
            pictures = generate.edit(
                model,
                np.stack([examples.read(example, config.resolution)[0] for example in batch]),
                [example.entry.instruction for example in batch],
                seeds=[draws.torch_seed(config.seed, "edit", example.name) for example in batch],
                sampling=sampling,
            )
            for example, picture in zip(batch, pictures, strict=True):
                made.write(example.name, picture)
            bar.update(len(batch))


def _rows(
    entered: Sequence[Edits], wanted: Sequence[Example], config: EvalConfig, panel: Judges
) -> tuple[ReportRow, ...]:
    """The models, those that do the action best first, then the copy, then the truth."""

    def measured(name: str, edit_of: EditOf) -> Measurements:
        trials = _trials(name, wanted, edit_of, config)
        return scorecard.measure(trials, recogniser=panel.recogniser, networks=panel.networks)

    def row(name: str, kind: str, found: Measurements) -> ReportRow:
        return scorecard.row(name, kind, found, networks=panel.networks, copy=copy, truth=truth)

    truth = measured(TRUTH, lambda _, pair: pair[1])
    copy = measured(COPY, lambda _, pair: pair[0])
    models = [row(one.name, "model", measured(one.name, _edits_of(one))) for one in entered]
    models.sort(key=lambda model: -model.scores[0].value)
    return (*models, row(COPY, "copy", copy), row(TRUTH, "truth", truth))


def _edits_of(one: Edits) -> EditOf:
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


def _exhibits(entered: Sequence[Edits], wanted: Sequence[Example], config: EvalConfig) -> list[Exhibit]:
    """So many samples as the recipe shows, evenly spread over all."""
    count = min(config.gallery, len(wanted))
    exhibits = []
    for example in (wanted[i * len(wanted) // count] for i in range(count)):
        original, truth = examples.read(example, config.resolution)
        exhibits.append(
            Exhibit(example.name, original, {one.name: one.read(example.name) for one in entered}, truth)
        )
    return exhibits


def _notes(
    config: EvalConfig, entered: Sequence[Edits], wanted: Sequence[Example], panel: Judges
) -> Iterator[str]:
    for one in entered:
        yield f"{one.origin}, digest {one.digest}."
    yield (
        f"Edits: {config.steps} steps of {config.scheduler}, s_i = {config.image_guidance:g}, "
        f"s_c = {config.text_guidance:g}, seed {config.seed} and the sample's key, {config.resolution} pixels."
    )
    yield (
        "Motion alignment: optical flow from the input to the edit against that to the real last frame; 100 is "
        "the same motion, 0 none or another, −100 the reverse. Where the truth shows no motion, a sample takes "
        "no part."
    )
    yield (
        "Intervals: Wilson for Acc, ±1.96 standard errors for means, a jackknife over 20 groups for distances "
        "between sets (none below 40 samples)."
    )
    yield (
        "Differences: Student's paired t on the same samples, McNemar's exact test for hits; p is not corrected "
        "for the number of comparisons."
    )
    biased = [
        name for network in panel.networks for name, by in network.distances.items() if by is metrics.frechet
    ]
    if biased and len(wanted) < 2000:
        yield (
            f"{', '.join(biased)} at {len(wanted)} samples: biased upwards, as every Fréchet distance of few is. "
            "Compare within this table only."
        )
    if panel.recogniser is not None:
        unknown = sum(example.entry.action not in panel.recogniser.actions for example in wanted)
        if unknown:
            yield f"{unknown} samples show actions that the recogniser never learned: all count as wrong."


def _batches(wanted: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    return (wanted[start : start + size] for start in range(0, len(wanted), size))
