"""The discrimination of fixed pairs, measured beside every sample grid under easy and hard negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from actionpairs.configs import EditorConfig
from actionpairs.data import examples, negatives, rng, shapes
from actionpairs.data.examples import Example
from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Editor
from actionpairs.training import margins
from actionpairs.training.margins import EncodedTexts

_PAIRS_PER_PASS = 8
_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class EncodedPairs:
    """Some pairs of one shape. pictures: B 2 H W 3 uint8. texts: encoded, on the CPU. seeds: B."""

    pictures: np.ndarray
    texts: EncodedTexts
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FixedPairs:
    """The pairs of a run whose discrimination is measured again and again, with the same noise.

    editor: its parts besides the denoiser, which `measure` takes.
    """

    editor: Editor
    batches: tuple[EncodedPairs, ...]

    def measure(self, denoiser: nn.Module) -> dict[str, tuple[float, int]]:
        """By kind of negatives, the share of the pairs with d⁺ < d⁻, and how many pairs have such a negative."""
        editor, hits = self.editor.with_denoiser(denoiser), dict[str, list[np.ndarray]]()
        with editor.encoders_on(editor.device, [editor.autoencoder]):
            for batch in self.batches:
                for kind, values in margins.hits(editor, batch.pictures, batch.texts, seeds=batch.seeds).items():
                    hits.setdefault(kind, []).append(values[~np.isnan(values)] / 100)
        every = {kind: np.concatenate(hits[kind]) for kind in negatives.KINDS if kind in hits}
        return {kind: (float(values.mean()), len(values)) for kind, values in every.items()}


def fixed_pairs_of(
    editor: Editor, candidates: Sequence[Example], config: EditorConfig, *, device: torch.device
) -> FixedPairs | None:
    """Those of a run, decoded, and their instructions, encoded on the device; None if the recipe asks for none.

    Negatives are drawn from all candidates.
    """
    count = config.diagnostics.discrimination_pairs
    if not count:
        return None
    chosen = sorted(candidates, key=lambda one: rng.torch_seed(config.seed, "fixed pair", one.name))[:count]
    entries = {one.name: one.entry for one in chosen}
    texts = negatives.one_of_each_kind(entries, [one.entry for one in candidates], seed=config.seed)
    sides = shapes.of(chosen, resolution=config.resolution, multiple=editor.multiple, square=config.square)
    buckets: dict[examples.Shape, list[Example]] = {}
    for one, side in zip(chosen, sides, strict=True):
        buckets.setdefault(side, []).append(one)
    with editor.encoders_on(device, editor.text_encoders()):
        batches = [
            _encode(editor, some[start : start + _PAIRS_PER_PASS], side, texts, seed=config.seed)
            for side, some in buckets.items()
            for start in range(0, len(some), _PAIRS_PER_PASS)
        ]
    return FixedPairs(editor, tuple(batches))


# 5 parameters: the pairs and their shape, their negatives, and what encodes them
def _encode(
    editor: Editor,
    some: Sequence[Example],
    side: examples.Shape,
    negative_texts: dict[str, dict[str, str]],
    *,
    seed: int,
) -> EncodedPairs:
    pictures = np.stack([examples.load_pair(one, side) for one in some])
    right = [one.entry.instruction for one in some]
    wrong = {kind: [texts.get(one.name) for one in some] for kind, texts in negative_texts.items()}
    encoded = margins.encode(editor, pictures[:, 0], right, wrong)
    on_cpu: dict[str, Conditioning] = {kind: each.to(_CPU) for kind, each in encoded.wrong.items()}
    seeds = tuple(rng.torch_seed(seed, "discrimination", one.name) for one in some)
    return EncodedPairs(pictures, replace(encoded, right=encoded.right.to(_CPU), wrong=on_cpu), seeds)
