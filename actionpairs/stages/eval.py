"""eval: a split and some models in, their edits and a report out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
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
from actionpairs.scoring import contestants, generate, judges, report, scorecard
from actionpairs.scoring.contestants import Contestant
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
    models: Sequence[str],
    shards: str,
    split: str,
    out: str,
    recogniser: str | None = None,
    features: str | None = None,
    device: str = "auto",
    limit: int | None = None,
) -> Report:
    """Let every model edit a split and score the edits; the same call again goes on where it stopped.

    models: diffusers folders or hub ids. features: a TorchScript file of a feature network. limit: so many
    samples only, the first in hash order. Raises ActionpairsError subclasses.
    """
    recipe = load(recipe)
    config, folder, source, device_name = recipe.eval, Folder(out), Folder(shards), _device_for(device)
    wanted = _wanted(source, split, limit)
    entered = contestants.enter(models)
    inputs = {
        "shards": manifest.read(source, stage="shard").digest,
        "split": split,
        **({} if limit is None else {"limit": str(limit)}),
        **{f"model {contestant.name}": contestant.digest for contestant in entered},
        **judges.digests(recogniser, features),
    }
    order = Order("eval", recipe.name, config, inputs)
    with manifest.working(folder, order) as finished:
        if finished:
            return report.read(folder)
        panel = judges.appoint(recogniser, features, device=device_name)
        for contestant in entered:
            _generate(contestant, wanted, folder, config, device_name)
        result = Report(
            dataset=read_index(source).dataset,
            split=split,
            samples=tuple(map(_sample, wanted)),
            rows=_rows(entered, wanted, folder, config, panel),
            notes=(*_notes(config, entered, wanted, panel), *panel.notes),
            recipe_digest=config.digest(),
        )
        files = report.write(folder, result, _exhibits(entered, wanted, folder, config))
        for name in folder.names(".png"):
            files[name] = FileDigest.of_file(folder, name)
        manifest.finish(folder, order, counts={"samples": len(wanted), "models": len(entered)}, files=files)
        return result


def _wanted(source: Folder, split: str, limit: int | None) -> tuple[Example, ...]:
    """The split's samples by key; with a limit, those that come first in hash order, so that all kinds come."""
    found = entries(source, split)
    chosen = sorted(found, key=lambda entry: splits.rank(entry.key, seed=0))[:limit]
    return tuple(Example(source, entry.key, entry) for entry in sorted(chosen, key=lambda entry: entry.key))


def _sample(example: Example) -> ReportSample:
    return ReportSample(example.name, example.entry.instruction, example.entry.action)


def _generate(
    contestant: Contestant, wanted: Sequence[Example], folder: Folder, config: EvalConfig, device: str
) -> None:
    """Write the edits that are missing. A batch is made as a whole, so that stopping changes no byte."""
    pending = [
        batch
        for batch in _batches(wanted, config.batch_size)
        if not all(folder.exists(_edit_name(contestant, example)) for example in batch)
    ]
    if not pending:
        return
    model = editor.load(str(contestant.folder)).to(torch.device(device))
    sampling = generate.Sampling(config.scheduler, config.steps, config.image_guidance, config.text_guidance)
    with Progress(total=sum(map(len, pending)), unit="edit", desc=f"edits by {contestant.name}") as bar:
        for batch in pending:
            edits = generate.edit(
                model,
                np.stack([examples.read(example, config.resolution)[0] for example in batch]),
                [example.entry.instruction for example in batch],
                seeds=[draws.torch_seed(config.seed, "edit", example.name) for example in batch],
                sampling=sampling,
            )
            for example, picture in zip(batch, edits, strict=True):
                _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
                folder.write_bytes(_edit_name(contestant, example), data.tobytes())
            bar.update(len(batch))


def _rows(
    entered: Sequence[Contestant], wanted: Sequence[Example], folder: Folder, config: EvalConfig, panel: Judges
) -> tuple[ReportRow, ...]:
    """The models, those that do the action best first, then the copy, then the truth."""

    def measured(name: str, edit_of: EditOf) -> Measurements:
        trials = _trials(name, wanted, edit_of, config)
        return scorecard.measure(trials, recogniser=panel.recogniser, network=panel.network)

    def row(name: str, kind: str, found: Measurements) -> ReportRow:
        return scorecard.row(name, kind, found, network=panel.network, truth_features=truth.features)

    truth = measured(TRUTH, lambda _, pair: pair[1])
    copy = measured(COPY, lambda _, pair: pair[0])
    models = [row(by.name, "model", measured(by.name, _edits_of(by, folder, config))) for by in entered]
    models.sort(key=lambda model: -model.scores[0].value)
    return (*models, row(COPY, "copy", copy), row(TRUTH, "truth", truth))


def _edits_of(contestant: Contestant, folder: Folder, config: EvalConfig) -> EditOf:
    return lambda example, _: _read_edit(folder, contestant, example, config)


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


def _exhibits(
    entered: Sequence[Contestant], wanted: Sequence[Example], folder: Folder, config: EvalConfig
) -> list[Exhibit]:
    """So many samples as the recipe shows, evenly spread over all."""
    count = min(config.gallery, len(wanted))
    exhibits = []
    for example in (wanted[i * len(wanted) // count] for i in range(count)):
        original, truth = examples.read(example, config.resolution)
        edits = {by.name: _read_edit(folder, by, example, config) for by in entered}
        exhibits.append(Exhibit(example.name, original, edits, truth))
    return exhibits


def _notes(
    config: EvalConfig, entered: Sequence[Contestant], wanted: Sequence[Example], panel: Judges
) -> Iterator[str]:
    for contestant in entered:
        yield f"{contestant.origin}, digest {contestant.digest}."
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
    if panel.network is not None and len(wanted) < 2000:
        yield (
            f"{panel.network.frechet_name} at {len(wanted)} samples is biased upwards: compare it within this "
            f"table only, and rather trust {panel.network.kernel_name}, which is not."
        )
    if panel.recogniser is not None:
        unknown = sum(example.entry.action not in panel.recogniser.actions for example in wanted)
        if unknown:
            yield f"{unknown} samples show actions that the recogniser never learned: all count as wrong."


def _read_edit(folder: Folder, contestant: Contestant, example: Example, config: EvalConfig) -> np.ndarray:
    name = _edit_name(contestant, example)
    picture = cv2.imdecode(np.frombuffer(folder.read_bytes(name), np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None or picture.shape != (config.resolution, config.resolution, 3):
        raise ScoreError(f"{folder}/{name}: not the edit that was written.", cure="Remove it and run again.")
    return picture


def _edit_name(contestant: Contestant, example: Example) -> str:
    return f"edits/{contestant.name}/{example.name}.png"


def _batches(wanted: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    return (wanted[start : start + size] for start in range(0, len(wanted), size))


def _device_for(device: str) -> str:
    """The device to work on: "auto" is the GPU where there is one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ScoreError(
            f"--device {device}: {str(error).partition(chr(10))[0]}", cure="Give auto, cpu or cuda."
        ) from None
    return device
