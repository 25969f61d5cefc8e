"""The training of a recognizer, from the first weights to the published folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from actionpairs.configs import RecognizerConfig
from actionpairs.data import examples
from actionpairs.data.batches import EpochOrder
from actionpairs.data.clips import SegmentClip, decode_clips, find_clips
from actionpairs.data.examples import Example
from actionpairs.errors import TrainingError
from actionpairs.recognition import calibration, families
from actionpairs.recognition.recognizer import Recognizer, Sizes
from actionpairs.training import cache, checkpoints, metric_log
from actionpairs.training.model_card import ModelCard
from actionpairs.training.recognizer_task import (
    ClipAugmentation,
    RecognizerScore,
    RecognizerTask,
    confusion_csv,
    hold_out,
    score_recognizer,
)
from actionpairs.training.run import TrainResult, TrainRun
from actionpairs.training.state import prepare
from actionpairs.training.train import run_loop

CONFUSION_FILE = "confusion.csv"
_CLIP_WORDS = {
    "pairs": "pairs, each as a clip of its first and its last frame",
    "segments": "segments, each as a clip of frames from its first to its last",
}
_USAGE = """from actionpairs.recognition import families
model = families.load("this folder")
logits = model.predict(originals, edits)  # N H W 3 uint8 each; N A, in the order of model.actions
probabilities = model.probabilities(logits)  # with the temperature of calibration.json"""


@dataclass(frozen=True, slots=True)
class _Parts:
    """Pairs to train on, to fit the temperature on, and to score. No pair is in two of them."""

    train: tuple[Example, ...]
    calibration: tuple[Example, ...]
    test: tuple[Example, ...]


def train_recognizer(run: TrainRun, config: RecognizerConfig) -> TrainResult:
    """Hold out pairs, load or build the recognizer, decode all clips once, train, calibrate, score, publish."""
    parts = _split(run, config)
    clips = find_clips(parts.train, run.videos) if run.videos else ()
    train = tuple(clip.example for clip in clips) or parts.train
    actions = sorted({pair.entry.action for pair in train})
    recognizer = _load_or_build(config, actions)
    with run.accelerator.main_process_first():
        pictures = _decode(run, config, train, clips)
    task = RecognizerTask(
        recognizer,
        train,
        pictures,
        order=EpochOrder(tuple(pair.name for pair in train), config.seed, config.batch_size),
        augmentation=ClipAugmentation(flip=config.flip, shift=config.shift),
        balanced=config.balanced,
    )
    state = prepare(run.accelerator, recognizer.model, config, ema_decay=0)
    step = run_loop(task, state, config, run.out, stop_after=run.stop_after, trackers=run.trackers)
    counts = {"pairs": len(train), "steps": step, "actions": len(actions)}
    if step < config.steps:
        return TrainResult(step, counts, card=None)
    trained = replace(recognizer, model=state.unwrapped_model.eval())
    if parts.calibration:
        fitted = _score(trained, parts.calibration, config)
        if fitted.top_1 < fitted.samples:  # else no temperature is too small, and it would be sure of everything
            trained = replace(trained, calibration=calibration.fit(fitted.logits, fitted.labels))
    scored = [pair for pair in parts.test if pair.entry.action in set(actions)]
    score = _score(trained, scored, config)
    if run.accelerator.is_main_process:
        _publish(run, trained, score)
    shares = {"top_1": score.top_1 / score.samples, "top_5": score.top_5 / score.samples}
    run.trackers.log_final(step, shares)
    counts |= {"scored": score.samples, "top_1": score.top_1, "top_5": score.top_5}
    counts |= {"unknown_action": len(parts.test) - len(scored), "calibration": len(parts.calibration)}
    return TrainResult(step, counts, _card(run, config.clips, len(train), trained, score))


def _score(recognizer: Recognizer, pairs: Sequence[Example], config: RecognizerConfig) -> RecognizerScore:
    return score_recognizer(recognizer, pairs, np.stack(list(examples.iter_pairs(pairs, config.resolution))))


def _split(run: TrainRun, config: RecognizerConfig) -> _Parts:
    """The pairs of each part. Without test splits, a share of the training pairs is held out for scoring.

    The temperature is fitted on training pairs that are held out too, never on those that are scored; none are
    held out where they would be too few. The last pair of an action is trained on.
    """
    train, test = examples.load_train(run.shards), examples.load_test(run.shards)
    if not test:
        train, test = hold_out(train, share=config.held_out, seed=config.seed)
    rest, held_out = hold_out(train, share=config.calibration, seed=config.seed, purpose="calibration")
    trained = {pair.entry.action for pair in rest}
    fitted = tuple(pair for pair in held_out if pair.entry.action in trained)
    if len(fitted) < calibration.LEAST_SAMPLES:
        fitted = ()
    names = {pair.name for pair in fitted}
    train = tuple(pair for pair in train if pair.name not in names)
    actions = {pair.entry.action for pair in train}
    if not any(pair.entry.action in actions for pair in test):
        raise TrainingError(
            f"There are {len(train)} pairs to train on, and none of the same actions to score with.",
            cure="Give more pairs, or set `held_out` higher.",
        )
    return _Parts(train, fitted, test)


def _load_or_build(config: RecognizerConfig, actions: Sequence[str]) -> Recognizer:
    if config.source is not None:
        return families.from_pretrained(
            config.source,
            actions,
            resolution=config.resolution,
            frames=config.frames,
            seed=config.seed,
            family=config.family,
        )
    sizes = Sizes(
        resolution=config.resolution,
        frames=config.frames,
        patch_size=config.patch_size,
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        input=config.input,
    )
    return families.build(actions, sizes, seed=config.seed, family=config.family or families.DEFAULT)


def _decode(
    run: TrainRun, config: RecognizerConfig, pairs: Sequence[Example], clips: Sequence[SegmentClip]
) -> np.ndarray:
    """The pictures of every pair, or the frames of its segment, decoded once into the cache: N P S S 3, uint8."""
    size, workers = config.resolution, run.workers

    def compute() -> Iterator[np.ndarray]:
        if run.videos:
            decoded = decode_clips(clips, run.videos, frames=config.frames, size=size, workers=workers)
        else:
            decoded = examples.iter_pairs(pairs, size, workers=workers)
        for pictures in decoded:
            yield pictures[None]

    signature = [str(size), config.clips, str(config.frames), *cache.example_signatures(pairs)]
    return cache.cached_array(run.cache, "pictures", signature, compute(), count=len(pairs))


def _publish(run: TrainRun, trained: Recognizer, score: RecognizerScore) -> None:
    folder = run.out / ".model"
    trained.save(folder)
    (folder / CONFUSION_FILE).write_bytes(confusion_csv(score, trained.actions))
    checkpoints.publish_contents(folder, run.out)


def _card(run: TrainRun, clips: str, count: int, trained: Recognizer, score: RecognizerScore) -> ModelCard:
    top_1, top_5, actions = score.top_1 / score.samples, score.top_5 / score.samples, trained.actions
    return ModelCard(
        title="Action recognizer",
        library="transformers",
        tag="video-classification",
        usage=_USAGE,
        facts=[
            f"A {trained.family.name}, trained on {len(actions)} actions, from {count} {_CLIP_WORDS[clips]}.",
            f"On {score.samples} pairs of first and last frame that it was not trained on: top-1 {top_1:.1%}, "
            f"top-5 {top_5:.1%} (chance is {1 / len(actions):.1%}). `confusion.csv` has the confusion matrix.",
            _calibration_fact(trained, score),
        ],
        losses=metric_log.final_means(run.out / metric_log.TABLE_FILE),
    )


def _calibration_fact(trained: Recognizer, score: RecognizerScore) -> str:
    before = score.calibration_error(1.0)
    if trained.calibration is None:
        return (
            f"Its confidence on these pairs is off by {before:.1%} (expected calibration error, 15 bins). No "
            f"temperature was fitted: that needs {calibration.LEAST_SAMPLES} training pairs to hold out, and an "
            "error among them."
        )
    return (
        f"Its confidence on these pairs is off by {before:.1%} (expected calibration error, 15 bins), and by "
        f"{score.calibration_error(trained.temperature):.1%} with the temperature {trained.temperature:.2f}, "
        f"fitted on {trained.calibration.samples} other pairs (`calibration.json`)."
    )
