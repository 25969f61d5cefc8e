"""edit: one picture and an instruction in; the edited picture, or a sheet of several, out."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from actionpairs.editors.steps import each_step
from actionpairs.errors import ScoreError, one_line
from actionpairs.evaluation import picture_files
from actionpairs.stages.run_time import RunTime
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
    _check_instruction(instruction)
    kind, pictures = _kind(out), [_load_picture(path) for path in (image, *references)]
    editor = load(model, lora=lora, quantize=quantize, device=device)
    own, seeds = editor.defaults, seeds or (range(4) if grid else (0,))
    size = resolution or own.resolution
    fitted = [fit(picture, size, multiple=editor.multiple, square=square) for picture in pictures]
    scales = _scales(editor, image_guidance, text_guidance, grid=grid)
    samplings = [own.sampling.updated(steps=steps, image_guidance=s_i, text_guidance=s_c) for s_i, s_c in scales]
    _warn([*warnings(own, resolution=resolution, scales=scales), *size_warnings(own, pictures[0], fitted[0])])
    rows = _rows(editor, fitted, instruction, seeds, samplings)
    if len(rows) == len(seeds) == 1:
        return _write(out, kind, rows[0][0])
    return _write(out, kind, sheet(fitted[0], rows, _labels(editor, scales), seeds))


def load(model: str, *, lora: str | None = None, quantize: str | None = None, device: str = "auto") -> Editor:
    """The editor that `edit` uses, on its device. Raises ModelError, or ScoreError if there is no such device."""
    device = editing.device_for(device)
    return families.load(model, lora=lora, quantize=quantize, device=device).to(torch.device(device))


def _warn(texts: Sequence[str]) -> None:
    for text in texts:
        print(f"warning: {text}", file=sys.stderr)


def _rows(
    editor: Editor,
    pictures: Sequence[np.ndarray],
    instruction: str,
    seeds: Sequence[int],
    samplings: Sequence[Sampling],
) -> list[np.ndarray]:
    """The edits of all seeds for each sampling, N H W 3; a long run says before how long it takes."""
    rows = []
    with RunTime(_job(editor, pictures[0], len(seeds), samplings), sum(each.steps for each in samplings)) as run:
        for sampling in samplings:
            with each_step(editor, run.begin_step):
                rows.append(edits(editor, pictures, instruction, seeds=seeds, sampling=sampling))
    return rows


def _job(editor: Editor, picture: np.ndarray, seeds: int, samplings: Sequence[Sampling]) -> str:
    """What a run makes, in words: 3 seeds × 50 steps at 512 × 512 on cpu."""
    height, width = picture.shape[:2]
    counts = [(seeds, "seed"), (len(samplings), "guidance"), (samplings[0].steps, "step")]
    many = [
        f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if (count, name) != (1, "guidance")
    ]
    return f"{' × '.join(many)} at {width} × {height} on {editor.device}"


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
    return [f"s_i {s_i:.3g}, s_c {s_c:.3g}" if by_picture else f"s_c {s_c:.3g}" for s_i, s_c in scales]


_FACTORS = 2 / 3, 1, 4 / 3  # of the model's own text guidance, on a grid


def _check_instruction(instruction: str) -> None:
    if not instruction.strip():
        raise ScoreError("The instruction is empty.", cure='Say what should be done, as in "close the drawer".')


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


def size_warnings(own: Defaults, picture: np.ndarray, fitted: np.ndarray) -> Iterator[str]:
    """What the edit's size means, if it is far below that of the picture. picture, fitted: H W 3 uint8."""
    (tall, wide), (height, width) = picture.shape[:2], fitted.shape[:2]
    most = _SHRINKS if own.resolution >= _LARGE else _SHRINKS_SMALL
    if tall * wide > most**2 * height * width:
        yield (
            f"the model was trained at {own.resolution} pixels, so of this picture of {wide} × {tall} it makes "
            f"an edit of {width} × {height}."
        )


_LARGE = 256  # pixels; an edit by a smaller model is a thumbnail
_SHRINKS = 8.0  # times along a side; a phone's photo shrinks 7 times for a model of 512 pixels
_SHRINKS_SMALL = 2.0


def sheet(
    picture: np.ndarray, rows: Sequence[np.ndarray], labels: Sequence[str], seeds: Sequence[int]
) -> np.ndarray:
    """One picture of the input and all edits with their labels.

    picture: H W 3 uint8. rows: N H W 3 each, one edit per seed; labels: one per row. Returns one large picture.
    """
    height, width = picture.shape[:2]
    font = ImageFont.load_default(12)
    texts = [[f"seed {seed}, {label}" for seed in seeds] for label in labels]
    widest = max(math.ceil(font.getlength(text)) for line in texts for text in line)
    across, down = max(width, widest + 4) + _GAP, height + _LABEL_HEIGHT + _GAP
    canvas = Image.new("RGB", ((len(seeds) + 1) * across - _GAP, len(rows) * down - _GAP), "white")
    pen = ImageDraw.Draw(canvas)
    for line, (edits, row_texts) in enumerate(zip(rows, texts, strict=True)):
        tiles = [("input", picture), *zip(row_texts, edits, strict=True)]
        for column, (text, tile) in enumerate(tiles):
            pen.text((column * across + 2, line * down + 2), text, fill="#333333", font=font)
            canvas.paste(Image.fromarray(tile), (column * across, line * down + _LABEL_HEIGHT))
    return np.asarray(canvas)


def edits(
    editor: Editor, pictures: Sequence[np.ndarray], instruction: str, *, seeds: Sequence[int], sampling: Sampling
) -> np.ndarray:
    """One edit of the first picture per seed, made together: N H W 3 uint8.

    pictures: of the sizes that `fit` gives. Raises ScoreError if the memory does not suffice.
    """
    first, *more = (np.repeat(picture[None], len(seeds), axis=0) for picture in pictures)
    texts = [instruction] * len(seeds)
    with _memory_errors(editor, len(seeds), pictures[0]):
        return editing.sample(editor, first, texts, seeds=seeds, sampling=sampling, more_pictures=more)


@contextmanager
def _memory_errors(editor: Editor, count: int, picture: np.ndarray) -> Iterator[None]:
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
            raise
        if editor.device.type == "cuda":
            torch.cuda.empty_cache()
        edits_text = f"{count} edits at once" if count > 1 else "an edit"
        raise ScoreError(
            f"not enough memory on {editor.device} for {edits_text} of {picture.shape[1]} × {picture.shape[0]}: "
            f"{one_line(error)}.",
            cure="Ask for fewer seeds or a smaller --resolution, or load the model with --quantize nf4.",
        ) from None


def decode(data: bytes, *, name: str) -> np.ndarray:
    """A file of any kind of picture as H W 3 uint8. name: the file's, for the ScoreError if it is none."""
    picture = picture_files.decode(data)
    if picture is None:
        what = "not a picture that can be read, or of more than 178 million pixels" if data else "an empty file"
        raise ScoreError(
            f"{name}: {what}.",
            cure="Give a PNG, JPEG, WebP or AVIF file; a phone's HEIC must be exported as one of them.",
        )
    return picture.pixels


def _load_picture(path: str) -> np.ndarray:
    folder, name = located(path)
    return decode(folder.read_bytes(name), name=path)


def _write(out: str, kind: str, picture: np.ndarray) -> str:
    folder, name = located(out)
    is_encoded, data = cv2.imencode(kind, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not is_encoded:
        raise ScoreError(
            f"--out {out}: a sheet of {picture.shape[1]}×{picture.shape[0]} is too large.", cure="Use .png."
        )
    folder.write_bytes(name, data.tobytes())
    return out
