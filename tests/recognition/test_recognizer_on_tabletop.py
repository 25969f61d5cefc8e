"""A recognizer trained on pairs of the tabletop names its twelve actions in new scenes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from actionpairs.configs import SplitConfig
from actionpairs.records import Sample, Segment
from actionpairs.stages.train import train
from actionpairs.synthetic import render_pairs
from tests.training.squares import sample, write_samples

SIDE, ACTIONS_PER_VIDEO = 64, 14
TRAINING_VIDEOS, TEST_VIDEOS = 340, 60
NAME = "TABLETOP"
SPLITS = SplitConfig(train=f"{NAME}-train", tests={f"{NAME}test": TEST_VIDEOS * ACTIONS_PER_VIDEO})

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def samples_of(video: int, *, split: str) -> list[Sample]:
    """The pairs of one video, which is one scene."""
    rendered = render_pairs(
        camera="fixed", actions=ACTIONS_PER_VIDEO, seed=5, index=video, size=(SIDE, SIDE), frame_rate=10
    )
    samples = []
    for number, (annotation, before, after) in enumerate(rendered):
        segment = Segment(
            id=annotation.id,
            video=f"{video}.mp4",
            start_seconds=float(number),
            stop_seconds=number + 1.0,
            instruction=annotation.action.narration,
            verb=annotation.action.verb,
            noun=annotation.action.nouns[0],
            action=annotation.action.verb,
            group=annotation.id.split("_")[0],
        )
        samples.append(sample(segment, split, jpeg(before), jpeg(after), side=SIDE))
    return samples


@pytest.fixture(scope="module")
def pairs() -> list[Sample]:
    videos = range(TRAINING_VIDEOS + TEST_VIDEOS)
    splits = [SPLITS.train if video < TRAINING_VIDEOS else next(iter(SPLITS.tests)) for video in videos]
    return [one for video, split in zip(videos, splits, strict=True) for one in samples_of(video, split=split)]


def score(pairs: Sequence[Sample], folder: Path, *, steps: int) -> float:
    """Train with the demo's recipe for so many steps. Returns the top-1 accuracy on the test pairs."""
    write_samples(folder / "shards", list(pairs), SPLITS, name=NAME)
    recipe = {
        "extends": "demo-recognizer",
        "train": {"steps": steps, "warmup_steps": 150, "checkpoint_every": steps},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    counts = train(
        folder / "recipe.yaml", shards=[str(folder / "shards")], out=str(folder / "model"), device="cpu"
    ).counts
    assert (counts["actions"], counts["scored"]) == (12, TEST_VIDEOS * ACTIONS_PER_VIDEO)
    return counts["top_1"] / counts["scored"]


def test_most_actions_are_named_right_in_new_scenes(pairs: list[Sample], tmp_path: Path) -> None:
    assert score(pairs, tmp_path, steps=4500) >= 0.9


def test_shuffled_actions_are_named_by_chance(pairs: list[Sample], tmp_path: Path) -> None:
    """Always naming the most common action would be right for one pair in seven."""
    actions = [one.metadata.segment.action for one in pairs]
    random.Random(0).shuffle(actions)
    mixed = [
        replace(
            one,
            metadata=replace(one.metadata, segment=replace(one.metadata.segment, action=action)),
        )
        for one, action in zip(pairs, actions, strict=True)
    ]
    assert score(mixed, tmp_path, steps=400) < 0.2
