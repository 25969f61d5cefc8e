"""Predictions held to the truth: what the tabletop would have painted says how much of an action was done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from actionpairs import synthetic
from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.editors import instruct_pix2pix
from actionpairs.storage import Folder
from actionpairs.synthetic import Outcome
from actionpairs.synthetic.synthetic_shards import ACTIONS_PER_SCENE, FRAME_RATE, SyntheticSet

_FEWEST_PIXELS = 6  # a static edit that changes less cannot be told from noise


@dataclass(frozen=True, slots=True)
class Judged:
    """One edit, held to the truth."""

    key: str
    verb: str
    noun: str
    progress: float
    kept: float

    @property
    def is_done(self) -> bool:
        """Whether it shows more of the right answer than of the input, everywhere that counts."""
        return self.progress >= 0.5


class Truth:
    """The right answers to the test samples of a painted set, which lies in `folder`."""

    def __init__(self, folder: Path, painted: SyntheticSet) -> None:
        self._folder = Folder(folder)
        self._painted = painted

    @cached_property
    def pairs(self) -> dict[str, np.ndarray]:
        """Both pictures of every sample by key: 2 S S 3."""
        return {each.entry.key: examples.read(each, self._painted.side) for each in self._samples}

    def judge(self, edits: Mapping[str, np.ndarray]) -> list[Judged]:
        """Hold every edit to the right answers; samples without any are left out."""
        judged = []
        for key, told in ((each.entry.key, each.entry) for each in self._samples):
            if outcomes := self._outcomes.get(key):
                verdict = synthetic.judge(edits[key], outcomes)
                judged.append(Judged(key, told.verb, told.noun, verdict.progress, verdict.kept))
        return judged

    @cached_property
    def _samples(self) -> tuple[Example, ...]:
        return examples.testing([self._folder])

    @cached_property
    def _outcomes(self) -> dict[str, list[Outcome]]:
        return self._acted() if self._painted.shown == "actions" else self._changed()

    def _acted(self) -> dict[str, list[Outcome]]:
        painted, found = self._painted, {}
        for scene in range(painted.scenes, painted.scenes + painted.test_scenes):
            answers = synthetic.paint_outcomes(
                camera=painted.camera,
                actions=ACTIONS_PER_SCENE,
                seed=painted.seed,
                index=scene,
                size=(painted.side, painted.side),
                frame_rate=FRAME_RATE,
            )
            found.update({told.id: outcomes for told, outcomes in answers})
        return found

    def _changed(self) -> dict[str, list[Outcome]]:
        """Of a static edit its own true picture; nothing of "add", which leaves open where a thing is added."""
        found = {}
        for each in self._samples:
            before, after = self.pairs[each.entry.key]
            changed = synthetic.differ(before, after)
            if each.entry.verb != "add" and changed.sum() >= _FEWEST_PIXELS:
                found[each.entry.key] = [Outcome(before, after, (changed,))]
        return found


@torch.no_grad()
def through_autoencoder(model: str, pictures: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a model's autoencoder alone makes of pictures (S S 3): no edit can be better."""
    vae = instruct_pix2pix.load_autoencoder(model)
    signed = examples.to_signed(np.stack(list(pictures.values())), vae.device)
    back = vae.decode(vae.encode(signed).latent_dist.mode()).sample
    pixels = ((back / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return dict(zip(pictures, pixels, strict=True))


def write(path: Path, judged: list[Judged]) -> None:
    """Keep verdicts as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in judged], indent=1))


def read(path: Path) -> list[Judged]:
    """Verdicts that were kept."""
    return [Judged(**one) for one in json.loads(path.read_text())]
