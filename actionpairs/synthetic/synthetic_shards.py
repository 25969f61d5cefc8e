"""Pairs that the tabletop paints, straight into shards: what the study trains on, with no video between."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

import cv2
import numpy as np

from actionpairs import manifest, measures, shards, synthetic
from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.progress import Progress
from actionpairs.records import Sample, SampleMetadata, Segment
from actionpairs.storage import Folder

ACTIONS_PER_SCENE = 14  # as many as a rendered video has
_EDITS_PER_TABLE = 5
FRAME_RATE = 10
_SECONDS_PER_PAIR = 10.0  # a place on a clock that no video has


@dataclass(frozen=True, slots=True)
class SyntheticSet:
    """What to paint: so many scenes to train on and, after them, so many to test with.

    shown: actions, or static edits. side: of the square pictures, in pixels. held_back: pairs of verb and noun
    that come in the test alone.
    """

    name: str
    camera: Literal["fixed", "head"]
    shown: Literal["actions", "static edits"]
    scenes: int
    test_scenes: int
    side: int
    seed: int
    held_back: tuple[tuple[str, str], ...] = ()

    @property
    def train(self) -> str:
        """The split to train on."""
        return f"{self.name}-train"

    @property
    def test(self) -> str:
        """The split of the scenes that are never trained on."""
        return f"{self.name}-test"


@dataclass(frozen=True, slots=True)
class _Pair:
    key: str
    verb: str
    noun: str
    instruction: str
    before: np.ndarray
    after: np.ndarray


def paint(asked: SyntheticSet, *, out: str, workers: int | None = None) -> None:
    """Write a finished shards folder; the same call again does nothing.

    workers: processes, one per core by default.
    """
    folder = Folder(out)
    splits = SplitConfig(train=asked.train, tests={asked.test: 1})
    config = ShardConfig(dataset=asked.name, splits=splits)
    order = StageSpec("shard", asked.name, config, {"painted": repr(asked)})
    with manifest.working(folder, order) as finished:
        if finished:
            return
        samples = list(_samples(asked, config.digest(), workers=workers or len(os.sched_getaffinity(0))))
        index, files = shards.write(
            folder,
            samples,
            shard_of={(one.metadata.split, one.key): shards.shard_name(one.metadata.split, 0) for one in samples},
            dataset=asked.name,
            recipe_digest=config.digest(),
        )
        files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
        manifest.finish(folder, order, counts=index.samples_per_split, files=files)


def _samples(asked: SyntheticSet, recipe_digest: str, *, workers: int) -> Iterator[Sample]:
    count = asked.scenes + asked.test_scenes
    context = multiprocessing.get_context("spawn")  # OpenCV's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        painted = pool.map(partial(_samples_of, asked, recipe_digest), range(count), chunksize=8)
        for samples in Progress(painted, desc=f"painting {asked.name}", total=count, unit="scene"):
            yield from samples


def _samples_of(asked: SyntheticSet, recipe_digest: str, scene: int) -> list[Sample]:
    """A scene's samples; of one that trains, without the combinations that are held back."""
    split = asked.train if scene < asked.scenes else asked.test
    return [
        _sample(pair, scene, number, split=split, recipe_digest=recipe_digest)
        for number, pair in enumerate(_pairs(asked, scene))
        if split == asked.test or (pair.verb, pair.noun) not in asked.held_back
    ]


def _pairs(asked: SyntheticSet, scene: int) -> Iterator[_Pair]:
    size = asked.side, asked.side
    if asked.shown == "static edits":
        edits = synthetic.paint_static_edits(
            camera=asked.camera, edits=_EDITS_PER_TABLE, seed=asked.seed, index=scene, size=size
        )
        for number, edit in enumerate(edits):
            yield _Pair(f"T{scene:05d}_{number}", edit.verb, edit.noun, edit.instruction, edit.before, edit.after)
        return
    painted = synthetic.paint_pairs(
        camera=asked.camera,
        actions=ACTIONS_PER_SCENE,
        seed=asked.seed,
        index=scene,
        size=size,
        frame_rate=FRAME_RATE,
    )
    for told, before, after in painted:
        action = told.action
        if action.verb != "check":  # nothing is done, so there is nothing to learn
            yield _Pair(told.id, action.verb, action.nouns[0], action.narration, before, after)


def _sample(pair: _Pair, scene: int, number: int, *, split: str, recipe_digest: str) -> Sample:
    start = number * _SECONDS_PER_PAIR
    segment = Segment(
        id=pair.key,
        video=f"{scene:05d}.mp4",
        start_seconds=start,
        stop_seconds=start + 1.0,
        instruction=pair.instruction,
        verb=pair.verb,
        noun=pair.noun,
        action=pair.verb,
        group=f"scene {scene}",
    )
    before, after = pair.before[:, :, ::-1], pair.after[:, :, ::-1]
    metadata = SampleMetadata(
        segment=segment,
        before_seconds=start,
        after_seconds=start + 0.9,
        before_pts=round(start * FRAME_RATE),
        after_pts=round(start * FRAME_RATE) + 9,
        before_early_seconds=0.0,
        after_early_seconds=0.1,
        decoded="planned",
        treatment="",
        width=before.shape[1],
        height=before.shape[0],
        measures=measures.measure(np.ascontiguousarray(before), np.ascontiguousarray(after)),
        split=split,
        recipe_digest=recipe_digest,
    )
    return Sample(shards.key_of(pair.key), _jpeg(before), _jpeg(after), pair.instruction, metadata)


def _jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes()
