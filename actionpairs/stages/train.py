"""train: shards in, an editor or a recognizer out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from accelerate import Accelerator

from actionpairs import manifest
from actionpairs.configs import EditorConfig, RecognizerConfig
from actionpairs.errors import TrainingError
from actionpairs.manifest import FileDigest, Manifest, StageSpec
from actionpairs.recipe import Recipe, load
from actionpairs.storage import Folder
from actionpairs.training import devices, metric_log, model_card, trackers
from actionpairs.training.model_card import ModelCard
from actionpairs.training.run import TrainResult, TrainRun
from actionpairs.training.trackers import Trackers
from actionpairs.training.train_editor import train_editor
from actionpairs.training.train_recognizer import train_recognizer

CARD_FILE = "README.md"
_CACHE = "cache"
_WORK_FOLDERS = (_CACHE, "checkpoints")  # needed to resume, not to use the model; removed at the end
_PICTURES = metric_log.PICTURE_FILE, metric_log.SAMPLES_FOLDER
_LOGS = (metric_log.TABLE_FILE, *trackers.FOLDERS)  # they hold speeds, so their bytes vary from run to run


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """The result of a training run: steps done, of how many, and the final means of the losses.

    pictures: where its curves and the edits of its sample points are, to look at.
    """

    out: str
    task: str
    finished: bool
    step: int
    steps: int
    counts: Mapping[str, int]
    losses: Mapping[str, float]
    pictures: tuple[str, ...] = ()


# 10 parameters: the options of the command.
def train(
    recipe: str | Path | Recipe,
    *,
    shards: Sequence[str],
    videos: str | None = None,
    out: str,
    device: str = "auto",
    workers: int = 0,
    stop_after: int | None = None,
    square: bool = False,
    cache: str | None = None,
    tracker: Sequence[str] = trackers.DEFAULT,
) -> TrainSummary:
    """Train the recipe's model on the training splits of one or several shards folders.

    The same call again resumes from the last checkpoint and ends with the same weights. videos: the folder that
    `extract` read, for a recipe that trains on whole segments. workers: threads that decode pictures. stop_after:
    stop after so many steps, with a checkpoint. square: crop every picture to a square, whatever the recipe says.
    cache: a local folder of encoded pairs that several runs share and that stays; by default each has its own.
    tracker: "tensorboard", "wandb", "trackio", or "none" alone; losses.csv and curves.png are written anyway.
    Raises subclasses of ActionpairsError.
    """
    chosen, recipe = trackers.choose(tracker), load(recipe, square=square)
    config, folder, sources = recipe.train, Folder(out), tuple(Folder(url) for url in shards)
    videos_folder = _videos_folder(config, videos)
    spec = StageSpec("train", recipe.name, config, _inputs(sources))
    accelerator = _accelerator(config, device)
    with _locked(folder, spec, accelerator) as done:
        if done is None:
            out_path = folder.local_path()
            encoded = Path(cache) if cache else out_path / _CACHE
            run = TrainRun(sources, videos_folder, out_path, encoded, accelerator, workers, stop_after)
            result = _train_task(run, config, Trackers.of(chosen, spec))
            if result.card is None:
                return _summary(folder, config, result.step, result.counts)
            if accelerator.is_main_process:
                done = _finish(folder, spec, result, result.card)
        if accelerator.is_main_process:
            _remove_work_folders(folder.local_path())
        return _summary(folder, config, config.steps, done.counts if done else {})


def _accelerator(config: EditorConfig | RecognizerConfig, device: str) -> Accelerator:
    editor = config if isinstance(config, EditorConfig) else None
    return devices.create_accelerator(
        device,
        precision=config.precision,
        accumulation=config.accumulation,
        deterministic=config.deterministic,
        fsdp=editor is not None and editor.fsdp,
        find_unused=editor is not None and _trains_more_than_usual(editor),
    )


def _warn_of_warmup(config: EditorConfig | RecognizerConfig) -> None:
    if config.bounded_warmup_steps != config.warmup_steps:
        print(
            f"warning: `warmup_steps` ({config.warmup_steps:,}) is not below `steps` ({config.steps:,}), so the "
            f"learning rate rises for {config.bounded_warmup_steps:,} steps only. Set both.",
            file=sys.stderr,
        )


def _trains_more_than_usual(config: EditorConfig) -> bool:
    """Whether a family's own choice of what trains is overruled: the last block's text may lead nowhere then."""
    return config.freeze == () or (config.lora is not None and config.lora.targets is not None)


def _videos_folder(config: EditorConfig | RecognizerConfig, videos: str | None) -> Folder | None:
    """The folder of the videos; None if the recipe trains on the shards alone."""
    needs_videos = isinstance(config, RecognizerConfig) and config.clips == "segments"
    if needs_videos and videos is None:
        raise TrainingError(
            "`clips: segments` needs the videos: shards hold only two pictures of each segment.",
            cure="Name the folder that `extract` read with --videos, or set `clips: pairs`.",
        )
    if videos is not None and not needs_videos:
        raise TrainingError(
            "The recipe trains on the shards alone, and reads no videos.",
            cure="Leave --videos out, or train a recognizer with `clips: segments`.",
        )
    return None if videos is None else Folder(videos)


def _inputs(sources: Sequence[Folder]) -> dict[str, str]:
    digests = sorted(manifest.load(source, stage="shard", oldest=1).digest for source in sources)
    return {f"shards {number}": digest for number, digest in enumerate(digests)}


def _train_task(run: TrainRun, config: EditorConfig | RecognizerConfig, tracking: Trackers) -> TrainResult:
    """Train, and close the trackers, which only the main process has."""
    if run.accelerator.is_main_process:
        _warn_of_warmup(config)
    else:
        tracking = Trackers()
    with tracking:
        run = replace(run, trackers=tracking)
        result = train_editor(run, config) if isinstance(config, EditorConfig) else train_recognizer(run, config)
        if result.card is not None:
            tracking.log_final(result.step, result.card.losses)
    return result


@contextmanager
def _locked(folder: Folder, spec: StageSpec, accelerator: Accelerator) -> Iterator[Manifest | None]:
    """Lock the output folder for all processes. Gives its manifest if the run is finished."""
    if accelerator.is_main_process:
        with manifest.working(folder, spec) as done:
            accelerator.wait_for_everyone()
            yield done
    else:
        accelerator.wait_for_everyone()
        is_done = folder.exists(manifest.MANIFEST_FILE)
        yield manifest.load(folder, stage="train") if is_done else None


def _finish(folder: Folder, spec: StageSpec, result: TrainResult, card: ModelCard) -> Manifest:
    """Write the model card, and then the manifest."""
    folder.write_bytes(CARD_FILE, model_card.render(card, spec))
    unlisted = {*_WORK_FOLDERS, *_LOGS, manifest.LOCK_FILE, manifest.MANIFEST_FILE}
    files = {
        name: FileDigest.of_file(folder, name) for name in folder.names() if name.split("/")[0] not in unlisted
    }
    return manifest.finish(folder, spec, counts=result.counts, files=files)


def _remove_work_folders(out: Path) -> None:
    for name in _WORK_FOLDERS:
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
        losses=metric_log.final_means(folder.local_path(metric_log.TABLE_FILE)),
        pictures=tuple(f"{folder}/{name}" for name in _PICTURES if folder.local_path(name).exists()),
    )
