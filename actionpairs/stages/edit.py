"""edit: one picture and an instruction in; the edited picture, or a sheet of several, out."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import PurePath

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from actionpairs.data import examples
from actionpairs.editors import families
from actionpairs.editors import sampling as editing
from actionpairs.editors.editor import Defaults, Editor, Sampling
from actionpairs.errors import ScoreError
from actionpairs.progress import Progress
from actionpairs.storage import located

_KINDS = {".png", ".jpg", ".jpeg", ".webp"}
_LABEL_HEIGHT, _GAP = 20, 6


# 16 parameters: this is the command `edit` in Python, with one parameter for each of its options
def edit(
    model: str,
    image: str,
    instruction: str,
    *,
    out: str,
    references: Sequence[str] = (),
    lora: str | None = None,
    resolution: int | None = None,
    square: bool = False,
    steps: int | None = None,
    seeds: Sequence[int] = (),
    image_guidance: Sequence[float] = (),
    text_guidance: Sequence[float] = (),
    grid: bool = False,
    quantize: str | None = None,
    device: str = "auto",
) -> str:
    """Edit one picture and write the edit; with several seeds or scales, write a labeled sheet of all edits.

    model: a folder, a checkpoint file or a hub id. references: further input pictures, for families that take
    some. lora: adapters for the model. resolution: the side of a square with the area of the edit, whose aspect is
    the picture's. square: crop pictures to squares. What is left out is the model's own: size, steps and guidance.
    grid: four seeds by three text guidances, where none are given. quantize: as in training. A sheet has a row per
    pair of guidance scales, s_i (image) and s_c (text), and a column per seed, the input first. Raises
    ActionpairsErrors.
    """
    kind, pictures = _kind(out), [_load_picture(path) for path in (image, *references)]
    editor = _editor(model, lora, quantize, editing.device_for(device))
    own, seeds = editor.defaults, seeds or (range(4) if grid else (0,))
    size = resolution or own.resolution
    pictures = [fit(picture, size, multiple=editor.multiple, square=square) for picture in pictures]
    scales = _scales(editor, image_guidance, text_guidance, grid=grid)
    _warn(own, resolution, scales)
    bar = Progress(scales, unit="row", desc="edits")
    samplings = (own.sampling.updated(steps=steps, image_guidance=s_i, text_guidance=s_c) for s_i, s_c in bar)
    rows = [_edits(editor, pictures, instruction, seeds, sampling) for sampling in samplings]
    if len(rows) == len(seeds) == 1:
        return _write(out, kind, rows[0][0])
    return _write(out, kind, sheet(pictures[0], rows, _labels(editor, scales), seeds))


def _editor(model: str, lora: str | None, quantize: str | None, device: str) -> Editor:
    return families.load(model, lora=lora, quantize=quantize, device=device).to(torch.device(device))


def _warn(own: Defaults, resolution: int | None, scales: Sequence[tuple[float, float]]) -> None:
    for warning in warnings(own, resolution=resolution, scales=scales):
        print(f"warning: {warning}", file=sys.stderr)


def _scales(
    editor: Editor, image_guidance: Sequence[float], text_guidance: Sequence[float], *, grid: bool
) -> list[tuple[float, float]]:
    """Every pair of s_i and s_c to edit with."""
    if image_guidance and not editor.traits.guided_by_picture:
        raise ScoreError(
            f"--image-guidance: a {editor.traits.name} is not guided by the picture.", cure="Leave it out."
        )
    own, factors = editor.defaults.sampling, _FACTORS if grid else (1,)
    text_scales = text_guidance or [own.text_guidance * factor for factor in factors]
    return list(product(image_guidance or (own.image_guidance,), text_scales))


def _labels(editor: Editor, scales: Sequence[tuple[float, float]]) -> list[str]:
    by_picture = editor.traits.guided_by_picture
    return [f"s_i {s_i:g}, s_c {s_c:g}" if by_picture else f"s_c {s_c:g}" for s_i, s_c in scales]


_FACTORS = 2 / 3, 1, 4 / 3  # of the model's own text guidance, on a grid


def _kind(out: str) -> str:
    kind = PurePath(out).suffix.lower()
    if kind not in _KINDS:
        raise ScoreError(
            f"--out {out}: not the name of a picture.", cure=f"End it in {', '.join(sorted(_KINDS))}."
        )
    return kind


def fit(picture: np.ndarray, resolution: int, *, multiple: int, square: bool = False) -> np.ndarray:
    """Resize a picture to an area of resolution², with sides that are multiples of `multiple`.

    picture: H W 3 uint8; its aspect changes by less than half a multiple. square: crop it to a square first.
    """
    if square:
        return examples.fit(picture, max(1, round(resolution / multiple)) * multiple)
    scale = resolution / math.sqrt(picture.shape[0] * picture.shape[1])
    height, width = (max(1, round(side * scale / multiple)) * multiple for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def warnings(own: Defaults, *, resolution: int | None, scales: Sequence[tuple[float, float]]) -> Iterator[str]:
    """What is asked for and is far from what suits the model, in words."""
    if resolution and not own.resolution / _FAR <= resolution <= own.resolution * _FAR:
        yield (
            f"the model was trained at {own.resolution} pixels; at {resolution}, edits are often noise. "
            f"Leave --resolution out."
        )
    suited = own.sampling.image_guidance, own.sampling.text_guidance
    for name, place in (("image", 0), ("text", 1)):
        far = [pair[place] for pair in scales if not suited[place] / _FAR <= pair[place] <= suited[place] * _FAR]
        if far:
            yield f"{name} guidance of {far[0]:g} is far from the model's own, {suited[place]:g}."


_FAR = 2.0  # times


def sheet(
    picture: np.ndarray, rows: Sequence[np.ndarray], labels: Sequence[str], seeds: Sequence[int]
) -> np.ndarray:
    """One picture of the input and all edits with their labels.

    picture: H W 3 uint8. rows: N H W 3 each, one edit per seed; labels: one per row. Returns one large picture.
    """
    height, width = picture.shape[:2]
    across, down = width + _GAP, height + _LABEL_HEIGHT + _GAP
    canvas = Image.new("RGB", ((len(seeds) + 1) * across - _GAP, len(rows) * down - _GAP), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    for line, (edits, label) in enumerate(zip(rows, labels, strict=True)):
        tiles = [("input", picture), *((f"seed {s}, {label}", e) for s, e in zip(seeds, edits, strict=True))]
        for column, (text, tile) in enumerate(tiles):
            pen.text((column * across + 2, line * down + 2), text, fill="#333333", font=font)
            canvas.paste(Image.fromarray(tile), (column * across, line * down + _LABEL_HEIGHT))
    return np.asarray(canvas)


def _edits(
    editor: Editor, pictures: Sequence[np.ndarray], instruction: str, seeds: Sequence[int], sampling: Sampling
) -> np.ndarray:
    """One edit of the first picture per seed, made together: N H W 3 uint8."""
    first, *more = (np.repeat(picture[None], len(seeds), axis=0) for picture in pictures)
    texts = [instruction] * len(seeds)
    return editing.sample(editor, first, texts, seeds=seeds, sampling=sampling, more_pictures=more)


def _load_picture(path: str) -> np.ndarray:
    folder, name = located(path)
    picture = cv2.imdecode(np.frombuffer(folder.read_bytes(name) or b"\0", np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise ScoreError(f"{path}: not a picture.", cure="Give a PNG, JPEG or WebP file.")
    return picture


def _write(out: str, kind: str, picture: np.ndarray) -> str:
    folder, name = located(out)
    is_encoded, data = cv2.imencode(kind, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not is_encoded:
        raise ScoreError(
            f"--out {out}: a sheet of {picture.shape[1]}×{picture.shape[0]} is too large.", cure="Use .png."
        )
    folder.write_bytes(name, data.tobytes())
    return out
