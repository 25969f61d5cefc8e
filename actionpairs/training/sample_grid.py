"""Sample grids: what an editor makes of a few fixed pairs by now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import EulerAncestralDiscreteScheduler
from PIL import Image, ImageDraw, ImageFont

from actionpairs.data import examples, rng
from actionpairs.data.examples import Example
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import checkpoints

_LABEL_HEIGHT, _GAP = 18, 4
_SHOWN_SIZE = 160  # small pictures are shown larger


@dataclass(frozen=True, slots=True)
class Grid:
    """A few pairs, one per row: input, edit, truth, under the instruction; the same seeds every time."""

    editor: Editor
    rows: tuple[Example, ...]
    size: int
    seed: int
    steps: int
    image_guidance: float
    text_guidance: float

    def draw(self, path: Path | None) -> None:
        """Edit every input and write the picture; without a path, only take part in the editing."""
        pictures = [examples.read(row, self.size) for row in self.rows]
        edits = self._edited([original for original, _ in pictures])
        if path is None:
            return
        rows = [
            _row([original, edit, truth], row.entry.instruction)
            for row, (original, truth), edit in zip(self.rows, pictures, edits, strict=True)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}")
        Image.fromarray(np.concatenate(rows)).save(unfinished, format="png")
        checkpoints.publish(unfinished, path)

    @torch.no_grad()
    def _edited(self, originals: Sequence[np.ndarray]) -> list[np.ndarray]:
        pipeline = self.editor.pipeline()
        pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(self.editor.scheduler.config)
        pipeline.set_progress_bar_config(disable=True)
        edits = []
        for row, original in zip(self.rows, originals, strict=True):
            generator = torch.Generator().manual_seed(rng.torch_seed(self.seed, "sample", row.name))
            edits.append(
                pipeline(
                    row.entry.instruction,
                    image=Image.fromarray(original),
                    num_inference_steps=self.steps,
                    image_guidance_scale=self.image_guidance,
                    guidance_scale=self.text_guidance,
                    generator=generator,
                ).images[0]
            )
        return [np.asarray(edit) for edit in edits]


def choose(candidates: Sequence[Example], count: int, *, seed: int) -> tuple[Example, ...]:
    """Pick pairs to show, of as many actions as there can be."""
    mixed = sorted(candidates, key=lambda example: rng.torch_seed(seed, "shown", example.name))
    met: Counter[str] = Counter()
    turns: dict[str, int] = {}  # how many of its action come before a pair
    for example in mixed:
        turns[example.name] = met[example.entry.action]
        met[example.entry.action] += 1
    return tuple(sorted(mixed, key=lambda example: turns[example.name])[:count])


def _row(pictures: Sequence[np.ndarray], text: str) -> np.ndarray:
    """Pictures side by side below a text: H W 3, uint8."""
    size = max(_SHOWN_SIZE, len(pictures[0]))
    canvas = Image.new("RGB", (len(pictures) * (size + _GAP) - _GAP, size + _LABEL_HEIGHT + _GAP), "white")
    ImageDraw.Draw(canvas).text((2, 2), text, fill="#333333", font=ImageFont.load_default(12))
    for place, picture in enumerate(pictures):
        shown = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)
        canvas.paste(shown, (place * (size + _GAP), _LABEL_HEIGHT))
    return np.asarray(canvas)
