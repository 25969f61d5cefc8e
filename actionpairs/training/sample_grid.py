"""Sample grids: edits of a few fixed pairs, drawn while an editor trains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from actionpairs.configs import EditorConfig
from actionpairs.data import examples, rng, shapes
from actionpairs.data.examples import Example
from actionpairs.editors import sampling
from actionpairs.editors.conditioning import GuidedTexts
from actionpairs.editors.editor import Editor, Sampling
from actionpairs.training import checkpoints

_LABEL_HEIGHT, _GAP = 18, 4
_MIN_SIDE = 160  # smaller pictures are enlarged


@dataclass(frozen=True, slots=True)
class SampleGrid:
    """A few pairs, one per row: input, edit, truth, under the instruction. Every grid has the same seeds.

    editor: its parts besides the denoiser, which `draw` takes. pictures: both of each pair, 2 H W 3. texts: their
    instructions, encoded before the text encoder left the device.
    """

    editor: Editor
    examples: tuple[Example, ...]
    pictures: tuple[np.ndarray, ...]
    texts: tuple[GuidedTexts, ...]
    sampling: Sampling
    seed: int

    def draw(self, denoiser: nn.Module, path: Path | None) -> None:
        """Edit every input with this denoiser and write the grid. Without a path, only edit (see `Snapshots`)."""
        edits = self._edit(denoiser)
        if path is None:
            return
        rows = [
            _row([original, edit, truth], example.entry.instruction)
            for example, (original, truth), edit in zip(self.examples, self.pictures, edits, strict=True)
        ]
        widest = max(row.shape[1] for row in rows)
        rows = [np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}")
        Image.fromarray(np.concatenate(rows)).save(unfinished, format="png")
        checkpoints.publish(unfinished, path)

    def _edit(self, denoiser: nn.Module) -> list[np.ndarray]:
        editor = self.editor.with_denoiser(denoiser)
        with editor.encoders_on(editor.device, [editor.autoencoder]):
            return [
                sampling.sample_conditioned(
                    editor,
                    pictures[:1],
                    texts,
                    seeds=[rng.torch_seed(self.seed, "sample", example.name)],
                    sampling=self.sampling,
                )[0]
                for example, pictures, texts in zip(self.examples, self.pictures, self.texts, strict=True)
            ]


def grid_of(
    editor: Editor, candidates: Sequence[Example], config: EditorConfig, *, device: torch.device
) -> SampleGrid:
    """The grid of a run: its pairs, decoded, and their instructions, encoded on the device."""
    guidance = editor.defaults.sampling.updated(
        steps=config.sample_steps,
        image_guidance=config.sample_image_guidance,
        text_guidance=config.sample_text_guidance,
    )
    chosen = choose(candidates, config.sample_count, seed=config.seed)
    sides = shapes.of(chosen, resolution=config.resolution, multiple=editor.multiple, square=config.square)
    pictures = tuple(examples.load_pair(one, side) for one, side in zip(chosen, sides, strict=True))
    with editor.encoders_on(device, editor.text_encoders()):
        texts = tuple(
            sampling.guided_texts(editor, [pair[:1]], [one.entry.instruction], guidance)
            for one, pair in zip(chosen, pictures, strict=True)
        )
    return SampleGrid(editor, chosen, pictures, texts, guidance, config.seed)


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
    """Pictures of one shape side by side below a text: H W 3, uint8."""
    height, width = pictures[0].shape[:2]
    scale = max(1.0, _MIN_SIDE / min(height, width))
    tall, wide = round(height * scale), round(width * scale)
    canvas = Image.new("RGB", (len(pictures) * (wide + _GAP) - _GAP, tall + _LABEL_HEIGHT + _GAP), "white")
    ImageDraw.Draw(canvas).text((2, 2), text, fill="#333333", font=ImageFont.load_default(12))
    for column, picture in enumerate(pictures):
        resized = Image.fromarray(picture).resize((wide, tall), Image.Resampling.BICUBIC)
        canvas.paste(resized, (column * (wide + _GAP), _LABEL_HEIGHT))
    return np.asarray(canvas)
