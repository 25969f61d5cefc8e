"""Scores edits against rendered correct outcomes: how much of each action is done."""

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
from actionpairs.editors import families
from actionpairs.storage import Folder
from actionpairs.synthetic import Outcome
from actionpairs.synthetic.synthetic_shards import ACTIONS_PER_SCENE, FRAME_RATE, SyntheticSet

_MIN_PIXELS = 6  # a static edit that changes fewer cannot be distinguished from noise


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
    """The test samples of the synthetic set in `folder`, with their correct outcomes."""

    def __init__(self, folder: Path, spec: SyntheticSet) -> None:
        self._folder = Folder(folder)
        self._spec = spec

    @cached_property
    def pairs(self) -> dict[str, np.ndarray]:
        """Both pictures of every sample by key: 2 S S 3."""
        return {each.entry.key: examples.load_pair(each, self._spec.side) for each in self._samples}

    def score(self, edits: Mapping[str, np.ndarray]) -> list[ScoredEdit]:
        """Score edits (S S 3) by key. Samples without correct outcomes are left out."""
        scored = []
        for entry in (each.entry for each in self._samples):
            if outcomes := self._outcomes.get(entry.key):
                score = synthetic.score_edit(edits[entry.key], outcomes)
                scored.append(ScoredEdit(entry.key, entry.verb, entry.noun, score.progress, score.kept))
        return scored

    @cached_property
    def _samples(self) -> tuple[Example, ...]:
        return examples.load_test([self._folder])

    @cached_property
    def _outcomes(self) -> dict[str, list[Outcome]]:
        return self._action_outcomes() if self._spec.kind == "actions" else self._static_outcomes()

    def _action_outcomes(self) -> dict[str, list[Outcome]]:
        spec, outcomes_of = self._spec, {}
        for scene in range(spec.scenes, spec.scenes + spec.test_scenes):
            rendered = synthetic.render_outcomes(
                camera=spec.camera,
                actions=ACTIONS_PER_SCENE,
                seed=spec.seed,
                index=scene,
                size=(spec.side, spec.side),
                frame_rate=FRAME_RATE,
            )
            outcomes_of.update({segment.id: outcomes for segment, outcomes in rendered})
        return outcomes_of

    def _static_outcomes(self) -> dict[str, list[Outcome]]:
        """The only correct outcome is the true picture; none for "add", which does not say where."""
        outcomes_of = {}
        for each in self._samples:
            before, after = self.pairs[each.entry.key]
            changed = synthetic.find_changed_pixels(before, after)
            if each.entry.verb != "add" and changed.sum() >= _MIN_PIXELS:
                outcomes_of[each.entry.key] = [Outcome(before, after, (changed,))]
        return outcomes_of


@torch.no_grad()
def reconstruct(model: str, pictures: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Pass pictures (S S 3) through a model's autoencoder: an upper bound for its edits."""
    vae = families.load_autoencoder(model)
    signed = examples.to_signed(np.stack(list(pictures.values())), vae.device)
    decoded = vae.decode(vae.encode(signed).latent_dist.mode()).sample
    pixels = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return dict(zip(pictures, pixels, strict=True))


def save_scores(path: Path, scored: list[ScoredEdit]) -> None:
    """Save scores as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in scored], indent=1))


def load_scores(path: Path) -> list[ScoredEdit]:
    """Load scores that save_scores wrote."""
    return [ScoredEdit(**one) for one in json.loads(path.read_text())]
