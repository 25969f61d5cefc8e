"""Sample grids: edits of a few fixed pairs, drawn while an editor trains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import EulerAncestralDiscreteScheduler
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from actionpairs.data import examples, rng
from actionpairs.data.examples import Example
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import checkpoints

_LABEL_HEIGHT, _GAP = 18, 4
_MIN_SIDE = 160  # smaller pictures are enlarged


@dataclass(frozen=True, slots=True)
class SampleGrid:
    """A few pairs, one per row: input, edit, truth, under the instruction. Every grid has the same seeds.

    editor: its parts besides the U-Net, which `draw` takes.
    """

    editor: Editor
    examples: tuple[Example, ...]
    size: int
    seed: int
    steps: int
    image_guidance: float
    text_guidance: float

    def draw(self, unet: nn.Module, path: Path | None) -> None:
        """Edit every input with this U-Net and write the grid. Without a path, only edit (see `Snapshots`)."""
        pictures = [examples.load_pair(example, self.size) for example in self.examples]
        edits = self._edit(unet, [original for original, _ in pictures])
        if path is None:
            return
        rows = [
            _row([original, edit, truth], example.entry.instruction)
            for example, (original, truth), edit in zip(self.examples, pictures, edits, strict=True)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}")
        Image.fromarray(np.concatenate(rows)).save(unfinished, format="png")
        checkpoints.publish(unfinished, path)

    @torch.no_grad()
    def _edit(self, unet: nn.Module, originals: Sequence[np.ndarray]) -> list[np.ndarray]:
        pipeline = replace(self.editor, unet=unet).pipeline()
        pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(self.editor.scheduler.config)
        pipeline.set_progress_bar_config(disable=True)
        edits = []
        for example, original in zip(self.examples, originals, strict=True):
            generator = torch.Generator().manual_seed(rng.torch_seed(self.seed, "sample", example.name))
            edits.append(
                pipeline(
                    example.entry.instruction,
                    image=Image.fromarray(original),
                    num_inference_steps=self.steps,
                    image_guidance_scale=self.image_guidance,
                    guidance_scale=self.text_guidance,
                    generator=generator,
                ).images[0]
            )
        return [np.asarray(edit) for edit in edits]


def choose(candidates: Sequence[Example], count: int, *, seed: int) -> tuple[Example, ...]:
    """Choose pairs for a grid, of as many actions as possible."""
    shuffled = sorted(candidates, key=lambda example: rng.torch_seed(seed, "shown", example.name))
    seen: Counter[str] = Counter()
    rank: dict[str, int] = {}  # how many pairs of the same action come before a pair
    for example in shuffled:
        rank[example.name] = seen[example.entry.action]
        seen[example.entry.action] += 1
    return tuple(sorted(shuffled, key=lambda example: rank[example.name])[:count])


def _row(pictures: Sequence[np.ndarray], text: str) -> np.ndarray:
    """Pictures side by side below a text: H W 3, uint8."""
    size = max(_MIN_SIDE, len(pictures[0]))
    canvas = Image.new("RGB", (len(pictures) * (size + _GAP) - _GAP, size + _LABEL_HEIGHT + _GAP), "white")
    ImageDraw.Draw(canvas).text((2, 2), text, fill="#333333", font=ImageFont.load_default(12))
    for column, picture in enumerate(pictures):
        resized = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)
        canvas.paste(resized, (column * (size + _GAP), _LABEL_HEIGHT))
    return np.asarray(canvas)
