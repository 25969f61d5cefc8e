"""Scores edits against rendered correct outcomes: how much of each action is done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch

from actionpairs import synthetic
from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.editors import families
from actionpairs.storage import Folder
from actionpairs.synthetic import Outcome, kitchen
from actionpairs.synthetic.synthetic_shards import ACTIONS_PER_SCENE, FRAME_RATE, SyntheticSet

_MIN_PIXELS = 6  # a static edit that changes fewer cannot be distinguished from noise
_PARTS = ("before", "after", "masks", "owners", "labels", "ignored")


@dataclass(frozen=True, slots=True)
class ScoredEdit:
    """One edit with its score, as stored in OUT/scores."""

    key: str
    verb: str
    noun: str
    progress: float
    kept: float

    @property
    def is_done(self) -> bool:
        """Whether every part that must change is nearer to a correct outcome than to the input."""
        return self.progress >= 0.5


class TestSet:
    """The test samples of the synthetic set in `folder`. outcomes: the file that `write_outcomes` wrote."""

    def __init__(self, folder: Path, outcomes: Path) -> None:
        self._folder = Folder(folder)
        self._outcomes = outcomes

    @cached_property
    def samples(self) -> tuple[Example, ...]:
        """The test samples by key, which is their name."""
        entries = (each.entry for each in examples.load_test([self._folder]))
        return tuple(Example(self._folder, one.key, one) for one in sorted(entries, key=lambda one: one.key))

    @cached_property
    def pairs(self) -> dict[str, np.ndarray]:
        """Both pictures of every sample by key: 2 S S 3."""
        return {each.name: examples.load_pair(each, each.entry.height) for each in self.samples}

    def score(self, edits: Mapping[str, np.ndarray]) -> list[ScoredEdit]:
        """Score edits (S S 3) by key. Samples without correct outcomes are left out."""
        scored = []
        with np.load(self._outcomes) as file:
            for entry in (each.entry for each in self.samples):
                if outcomes := _load_outcomes(file, entry.key):
                    score = synthetic.score_edit(edits[entry.key], outcomes)
                    scored.append(ScoredEdit(entry.key, entry.verb, entry.noun, score.progress, score.kept))
        return scored


def write_outcomes(spec: SyntheticSet, folder: Path, path: Path) -> None:
    """Render the correct outcomes of a set's test samples into one file; nothing is done if it is there.

    folder: the set's shards.
    """
    if path.exists():
        return
    arrays: dict[str, np.ndarray] = {}
    outcomes_of = (
        _action_outcomes(spec) if spec.kind != "static edits" else _static_outcomes(TestSet(folder, path))
    )
    for key, outcomes in outcomes_of:
        masks = [(number, part) for number, outcome in enumerate(outcomes) for part in outcome.parts]
        arrays |= {
            f"{key}/before": np.stack([outcome.before for outcome in outcomes]),
            f"{key}/after": np.stack([outcome.after for outcome in outcomes]),
            f"{key}/masks": np.stack([part for _, part in masks]),
            f"{key}/owners": np.array([number for number, _ in masks]),
            f"{key}/labels": np.array([(outcome.action, outcome.view) for outcome in outcomes]),
            f"{key}/ignored": np.stack([_ignored(outcome) for outcome in outcomes]),
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.npz")
    np.savez_compressed(unfinished, **arrays)  # type: ignore[arg-type]
    unfinished.replace(path)


def _load_outcomes(file: Mapping[str, np.ndarray], key: str) -> list[Outcome]:
    """The correct outcomes of one sample; none if the file has none."""
    if f"{key}/before" not in file:
        return []
    before, after, masks, owners, labels, ignored = (file[f"{key}/{part}"] for part in _PARTS)
    return [
        Outcome(
            before[number],
            after[number],
            tuple(masks[owners == number]),
            action=int(labels[number, 0]),
            view=int(labels[number, 1]),
            ignored=ignored[number],
        )
        for number in range(len(before))
    ]


def _ignored(outcome: Outcome) -> np.ndarray:
    return np.zeros(outcome.before.shape[:2], bool) if outcome.ignored is None else outcome.ignored


def _action_outcomes(spec: SyntheticSet) -> Iterator[tuple[str, list[Outcome]]]:
    scenes = range(spec.scenes, spec.scenes + spec.test_scenes)
    workers = len(os.sched_getaffinity(0))
    context = get_context("spawn")  # OpenCV's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for outcomes_of in pool.map(partial(_scene_outcomes, spec), scenes):
            yield from outcomes_of


def _scene_outcomes(spec: SyntheticSet, scene: int) -> list[tuple[str, list[Outcome]]]:
    if spec.kind == "kitchen":
        moving = spec.camera == "head"
        pairs = kitchen.render_kitchen_outcomes(seed=spec.seed, scene=scene, side=spec.side, moving=moving)
        return [(pair.key, outcomes) for pair, outcomes in pairs if outcomes]
    rendered = synthetic.render_outcomes(
        camera=spec.camera,
        actions=ACTIONS_PER_SCENE,
        seed=spec.seed,
        index=scene,
        size=(spec.side, spec.side),
        frame_rate=FRAME_RATE,
        conditions=spec.conditions,
    )
    return [(plan.id, outcomes) for plan, outcomes in rendered if outcomes]


def _static_outcomes(test_set: TestSet) -> Iterator[tuple[str, list[Outcome]]]:
    """The only correct outcome is the true picture; none for "add", which does not say where."""
    for each in test_set.samples:
        before, after = test_set.pairs[each.name]
        changed = synthetic.find_changed_pixels(before, after)
        if each.entry.verb != "add" and changed.sum() >= _MIN_PIXELS:
            yield each.name, [Outcome(before, after, (changed,))]


@torch.no_grad()
def reconstruct(model: str, pictures: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Pass pictures (S S 3) through a model's autoencoder: an upper bound for its edits."""
    vae = families.load_autoencoder(model)
    signed = examples.to_signed(np.stack(list(pictures.values())), vae.device)
    decoded = torch.cat([vae.decode(vae.encode(some).latent_dist.mode()).sample for some in signed.split(32)])
    pixels = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return dict(zip(pictures, pixels, strict=True))


def save_scores(path: Path, scored: Sequence[ScoredEdit]) -> None:
    """Save scores as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps([asdict(one) for one in scored], indent=1))
    unfinished.replace(path)


def load_scores(path: Path) -> list[ScoredEdit]:
    """Load scores that save_scores wrote."""
    return [ScoredEdit(**one) for one in json.loads(path.read_text())]
