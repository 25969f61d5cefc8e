"""train: shards in, an editor or a recognizer out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from actionpairs import manifest
from actionpairs.configs import EditorConfig, RecognizerConfig
from actionpairs.errors import TrainingError
from actionpairs.manifest import FileDigest, Manifest, StageSpec
from actionpairs.recipe import Recipe, load
from actionpairs.storage import Folder
from actionpairs.training import devices, metric_log, train_editor, train_recognizer
from actionpairs.training import model_card as card
from actionpairs.training.job import Job, Outcome

CARD_FILE = "README.md"
_WORKING = ("cache", "checkpoints")  # needed to go on, not to use the model; removed when it is finished
_LOGS = (
    metric_log.TABLE_FILE,
    metric_log.EVENTS_FOLDER,
)  # they hold speeds, so their bytes differ from run to run


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """What came of a training run: steps done of those wanted, and the means of the last losses."""

    out: str
    task: str
    finished: bool
    step: int
    steps: int
    counts: Mapping[str, int]
    losses: Mapping[str, float]


def train(
    recipe: str | Path | Recipe,
    *,
    shards: Sequence[str],
    videos: str | None = None,
    out: str,
    device: str = "auto",
    workers: int = 0,
    stop_after: int | None = None,
) -> TrainSummary:
    """Train what the recipe says on the training splits of one or several shards folders.

    The same call again goes on from the last checkpoint and ends with the same weights. videos: the folder that
    `extract` read, for a recipe that learns from whole segments. workers: threads that decode pictures.
    stop_after: end with a checkpoint after so many steps. Raises ActionpairsError subclasses.
    """
    recipe = load(recipe)
    config, folder, sources = recipe.train, Folder(out), tuple(Folder(url) for url in shards)
    videos_folder = _videos_folder(config, videos)
    order = StageSpec("train", recipe.name, config, _inputs(sources))
    accelerator = devices.begin(
        device,
        precision=config.precision,
        accumulation=config.accumulation,
        deterministic=config.deterministic,
        fsdp=isinstance(config, EditorConfig) and config.fsdp,
    )
    with _held(folder, order, accelerator) as done:
        if done is None:
            job = Job(sources, videos_folder, folder.local_path(), accelerator, workers, stop_after)
            outcome = _trained(job, config)
            if outcome.card is None:
                return _summary(folder, config, outcome.step, outcome.counts)
            if accelerator.is_main_process:
                done = _finish(folder, order, outcome, outcome.card)
        if accelerator.is_main_process:
            _tidy(folder.local_path())
        return _summary(folder, config, config.steps, done.counts if done else {})


def _videos_folder(config: EditorConfig | RecognizerConfig, videos: str | None) -> Folder | None:
    """The folder of the videos, just where the recipe wants one."""
    wanted = isinstance(config, RecognizerConfig) and config.clips == "segments"
    if wanted and videos is None:
        raise TrainingError(
            "`clips: segments` learns from the videos, and shards hold only two pictures of each segment.",
            cure="Name the folder that `extract` read with --videos, or set `clips: pairs`.",
        )
    if videos is not None and not wanted:
        raise TrainingError(
            "The recipe learns from the shards alone, and reads no videos.",
            cure="Leave --videos out; a recognizer reads them with `clips: segments`.",
        )
    return None if videos is None else Folder(videos)


def _inputs(sources: Sequence[Folder]) -> dict[str, str]:
    digests = sorted(manifest.read(source, stage="shard").digest for source in sources)
    return {f"shards {number}": digest for number, digest in enumerate(digests)}


@contextmanager
def _held(folder: Folder, order: StageSpec, accelerator: Accelerator) -> Iterator[Manifest | None]:
    """Hold the folder for all processes; the main one has the lock."""
    if accelerator.is_main_process:
        with manifest.working(folder, order) as done:
            accelerator.wait_for_everyone()
            yield done
    else:
        accelerator.wait_for_everyone()
        is_done = folder.exists(manifest.MANIFEST_FILE)
        yield manifest.read(folder, stage="train") if is_done else None


def _trained(job: Job, config: EditorConfig | RecognizerConfig) -> Outcome:
    if isinstance(config, EditorConfig):
        return train_editor.train(job, config)
    return train_recognizer.train(job, config)


def _finish(folder: Folder, order: StageSpec, outcome: Outcome, model_card: card.Card) -> Manifest:
    """Write the card, and the manifest last of all."""
    folder.write_bytes(CARD_FILE, card.written(model_card, order))
    files = {
        name: FileDigest.of_file(folder, name)
        for name in folder.names()
        if name.split("/")[0] not in {*_WORKING, *_LOGS, manifest.LOCK_FILE, manifest.MANIFEST_FILE}
    }
    return manifest.finish(folder, order, counts=outcome.counts, files=files)


def _tidy(out: Path) -> None:
    for name in _WORKING:
        shutil.rmtree(out / name, ignore_errors=True)


def _summary(
    folder: Folder, config: EditorConfig | RecognizerConfig, step: int, counts: Mapping[str, int]
) -> TrainSummary:
    return TrainSummary(
        out=str(folder),
        task=config.task,
        finished=step == config.steps,
        step=step,
        steps=config.steps,
        counts=counts,
        losses=metric_log.last(folder.local_path(metric_log.TABLE_FILE)),
    )
