"""The recognizer's training, from the first weights to the published folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from actionpairs.configs import RecognizerConfig
from actionpairs.data import clips, examples
from actionpairs.data.batches import EpochOrder
from actionpairs.data.clips import SegmentClip
from actionpairs.data.examples import Example
from actionpairs.errors import TrainingError
from actionpairs.recognition import timesformer
from actionpairs.recognition.timesformer import Recognizer, Sizes
from actionpairs.training import cache, checkpoints, loop, metric_log
from actionpairs.training.job import Job, Outcome
from actionpairs.training.model_card import Card
from actionpairs.training.recognizer_task import (
    RecognizerTask,
    Variation,
    Verdict,
    confusion_table,
    hold_out,
    judge,
)

CONFUSION_FILE = "confusion.csv"
_SHOWN = {
    "pairs": "pairs, each shown as a clip of its first frame, then its last.",
    "segments": "segments, each shown as a clip of frames from its first to its last.",
}
_USE = """from actionpairs.training import recognizer
model = timesformer.load("this folder")
logits = model.predict(originals, edits)  # N H W 3 uint8 each; N A, in the order of model.actions"""


def train(job: Job, config: RecognizerConfig) -> Outcome:
    """Put pairs aside to score with, load or build, decode once, train, score, publish."""
    learned, aside = _divided(job, config)
    filmed = clips.find(learned, job.videos) if job.videos else ()
    learned = tuple(one.example for one in filmed) or learned
    actions = sorted({pair.entry.action for pair in learned})
    start = _start(config, actions)
    with job.accelerator.main_process_first():
        pictures = _pictures(job, config, learned, filmed)
    order = EpochOrder(tuple(pair.name for pair in learned), config.seed, config.batch_size)
    variation = Variation(flip=config.flip, shift=config.shift)
    task = RecognizerTask(start, learned, pictures, order=order, variation=variation, balanced=config.balanced)
    state = loop.prepare(job.accelerator, start.model, config, decay=0)
    step = loop.run(task, state, config, job.out, stop_after=job.stop_after)
    counts = {"pairs": len(learned), "steps": step, "actions": len(actions)}
    if step < config.steps:
        return Outcome(step, counts, card=None)
    known = [pair for pair in aside if pair.entry.action in set(actions)]
    start.model.eval()
    verdict = judge(start, known, np.stack(list(examples.read_all(known, config.resolution))))
    if job.accelerator.is_main_process:
        _publish(job, start, verdict)
    counts |= {"scored": verdict.samples, "top_1": verdict.first, "top_5": verdict.first_five}
    counts["unknown_action"] = len(aside) - len(known)
    return Outcome(step, counts, _card(job, config, learned, actions, verdict))


def _divided(job: Job, config: RecognizerConfig) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """What is learned from, and what is scored with: the test splits, or a share where there are none."""
    pairs, aside = examples.training(job.shards), examples.testing(job.shards)
    if not aside:
        pairs, aside = hold_out(pairs, share=config.held_out, seed=config.seed)
    if not pairs or not any(pair.entry.action in {one.entry.action for one in pairs} for pair in aside):
        raise TrainingError(
            f"{len(pairs)} pairs to learn from leave none of the same actions to score with.",
            cure="Give more pairs, or set `held_out` higher.",
        )
    return pairs, aside


def _start(config: RecognizerConfig, actions: Sequence[str]) -> Recognizer:
    if config.source is not None:
        return timesformer.begin(
            config.source,
            actions,
            resolution=config.resolution,
            frames=config.frames,
            seed=config.seed,
        )
    sizes = Sizes(
        resolution=config.resolution,
        frames=config.frames,
        patch_size=config.patch_size,
        width=config.width,
        layers=config.layers,
        heads=config.heads,
        shown=config.shown,
    )
    return timesformer.build(actions, sizes, seed=config.seed)


def _pictures(
    job: Job, config: RecognizerConfig, pairs: Sequence[Example], filmed: Sequence[SegmentClip]
) -> np.ndarray:
    """Every pair's two pictures, or frames of its segment, decoded once into the cache: N P S S 3, uint8."""
    size, workers = config.resolution, job.workers

    def compute() -> Iterator[np.ndarray]:
        if job.videos:
            found = clips.read_all(filmed, job.videos, frames=config.frames, size=size, workers=workers)
        else:
            found = examples.read_all(pairs, size, workers=workers)
        for pictures in found:
            yield pictures[None]

    signature = [str(size), config.clips, str(config.frames), *cache.contents(pairs)]
    return cache.array(job.cache, "pictures", signature, compute, count=len(pairs))


def _publish(job: Job, trained: Recognizer, verdict: Verdict) -> None:
    folder = job.out / ".model"
    trained.save(folder)
    (folder / CONFUSION_FILE).write_bytes(confusion_table(verdict, trained.actions))
    checkpoints.publish_contents(folder, job.out)


def _card(
    job: Job, config: RecognizerConfig, pairs: Sequence[Example], actions: Sequence[str], verdict: Verdict
) -> Card:
    first, five = verdict.first / verdict.samples, verdict.first_five / verdict.samples
    return Card(
        title="Action recognizer",
        library="transformers",
        tag="video-classification",
        use=_USE,
        facts=[
            f"Learned {len(actions)} actions from {len(pairs)} {_SHOWN[config.clips]}",
            f"On {verdict.samples} pairs of first and last frame that it had not seen: top-1 {first:.1%}, "
            f"top-5 {five:.1%} (chance is {1 / len(actions):.1%}). `confusion.csv` says what was taken for what.",
        ],
        losses=metric_log.last(job.out / metric_log.TABLE_FILE),
    )
