"""Rendered pairs written directly as shards, without videos: training and test data of the study."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

import cv2
import numpy as np

from actionpairs import columns, manifest, measures, shards, synthetic
from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.executors import usable_cores
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.progress import Progress
from actionpairs.records import Sample, SampleMetadata, Segment
from actionpairs.shards import DatasetInfo, ShardPlan
from actionpairs.storage import Folder
from actionpairs.synthetic import kitchen
from actionpairs.synthetic.conditions import CLEAN, Conditions

ACTIONS_PER_SCENE = 14  # as many as a rendered video has
_EDITS_PER_SCENE = 5
FRAME_RATE = 10
_SECONDS_PER_PAIR = 10.0  # there is no video: pairs get made-up times


@dataclass(frozen=True, slots=True)
class SyntheticSet:
    """What to render: `scenes` scenes to train on, and after them `test_scenes` others to test with.

    kind: pairs of actions on the tabletop, of static edits, or of actions in the 3-D kitchen (extra `kitchen`).
    side: of the square pictures, in pixels. held_back: combinations of verb and noun that are in the test split
    alone. conditions: of actions on the tabletop.
    """

    name: str
    camera: Literal["fixed", "head"]
    kind: Literal["actions", "static edits", "kitchen"]
    scenes: int
    test_scenes: int
    side: int
    seed: int
    held_back: tuple[tuple[str, str], ...] = ()
    conditions: Conditions = CLEAN

    def __post_init__(self) -> None:
        if self.kind != "actions" and self.conditions != CLEAN:
            raise ValueError(f"The set {self.name} has no actions on the tabletop, so it has no conditions.")

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
    combinations: frozenset[tuple[str, str]]  # of verb and noun, of all its actions


def write_synthetic_shards(spec: SyntheticSet, *, out: str, workers: int | None = None) -> None:
    """Render a set into a finished shards folder; the same call again does nothing.

    workers: processes, one per core by default.
    """
    folder = Folder(out)
    config = ShardConfig(dataset=spec.name, splits=SplitConfig(train=spec.train, tests={spec.test: 1}))
    stage = StageSpec("shard", spec.name, config, {"synthetic_set": repr(spec)})
    with manifest.working(folder, stage) as finished:
        if finished:
            return
        info = DatasetInfo.of(config)
        samples = list(_samples(spec, info.recipe_digest, workers=workers or usable_cores()))
        plan = ShardPlan.of_shards([(sample.metadata.split, 0) for sample in samples])
        facts = columns.table(sample.metadata for sample in samples)
        index, files = shards.write_shards(folder, samples, facts, plan, info)
        files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
        manifest.finish(folder, stage, counts=index.samples_per_split, files=files)


def _samples(spec: SyntheticSet, recipe_digest: str, *, workers: int) -> Iterator[Sample]:
    count = spec.scenes + spec.test_scenes
    context = multiprocessing.get_context("spawn")  # OpenCV's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        scenes = pool.map(partial(_scene_samples, spec, recipe_digest), range(count), chunksize=8)
        for samples in Progress(scenes, desc=f"rendering {spec.name}", total=count, unit="scene"):
            yield from samples


def _scene_samples(spec: SyntheticSet, recipe_digest: str, scene: int) -> list[Sample]:
    """The samples of one scene; of a training scene, without the combinations that are held back."""
    split = spec.train if scene < spec.scenes else spec.test
    return [
        _sample(pair, scene, number, split=split, recipe_digest=recipe_digest)
        for number, pair in enumerate(_pairs(spec, scene))
        if split == spec.test or pair.combinations.isdisjoint(spec.held_back)
    ]


def _pairs(spec: SyntheticSet, scene: int) -> Iterator[_Pair]:
    size = spec.side, spec.side
    if spec.kind == "static edits":
        edits = synthetic.render_static_edits(
            camera=spec.camera, edits=_EDITS_PER_SCENE, seed=spec.seed, index=scene, size=size
        )
        for number, edit in enumerate(edits):
            yield _Pair(
                f"T{scene:05d}_{number}",
                edit.verb,
                edit.noun,
                edit.instruction,
                edit.before,
                edit.after,
                frozenset({(edit.verb, edit.noun)}),
            )
        return
    if spec.kind == "kitchen":
        for one in kitchen.render_kitchen_pairs(
            seed=spec.seed, scene=scene, side=spec.side, moving=spec.camera == "head"
        ):
            combination = frozenset({(one.verb, one.noun)})
            yield _Pair(one.key, one.verb, one.noun, one.instruction, one.before, one.after, combination)
        return
    rendered = synthetic.render_pairs(
        camera=spec.camera,
        actions=ACTIONS_PER_SCENE,
        seed=spec.seed,
        index=scene,
        size=size,
        frame_rate=FRAME_RATE,
        conditions=spec.conditions,
    )
    for plan, before, after in rendered:
        verb, noun = plan.action.verb, plan.action.nouns[0]
        if verb != "check":  # nothing changes, so there is nothing to learn
            combinations = frozenset[tuple[str, str]](
                (each.action.verb, each.action.nouns[0]) for each in plan.segments
            )
            yield _Pair(plan.id, verb, noun, plan.instruction, before, after, combinations)


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
