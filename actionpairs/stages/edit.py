"""edit: one picture and an instruction in; the edited picture, or a sheet of several, out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import PurePath

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from actionpairs.editors import instruct_pix2pix
from actionpairs.editors import sampling as editing
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.editors.sampling import Sampling
from actionpairs.errors import ScoreError
from actionpairs.progress import Progress
from actionpairs.storage import located

_SCHEDULER = "EulerAncestralDiscreteScheduler"
_KINDS = {".png", ".jpg", ".jpeg", ".webp"}
_LABEL_HEIGHT, _GAP = 20, 6


# 10 parameters: this is the command `edit` in Python, with one parameter for each of its options
def edit(
    model: str,
    image: str,
    instruction: str,
    *,
    out: str,
    resolution: int = 256,
    steps: int = 100,
    seeds: Sequence[int] = (0,),
    image_guidance: Sequence[float] = (1.5,),
    text_guidance: Sequence[float] = (7.5,),
    device: str = "auto",
) -> str:
    """Edit one picture and write the edit; with several seeds or scales, write a labeled sheet of all edits.

    model: a diffusers folder or hub id. resolution: pixels of the short side; the aspect is kept. The sheet has
    a row per pair of guidance scales, s_i (image) and s_c (text), and a column per seed, the input first.
    Raises ActionpairsError subclasses.
    """
    kind = PurePath(out).suffix.lower()
    if kind not in _KINDS:
        raise ScoreError(
            f"--out {out}: not the name of a picture.", cure=f"End it in {', '.join(sorted(_KINDS))}."
        )
    picture = _load_picture(image)
    editor = instruct_pix2pix.load(model).to(torch.device(editing.device_for(device)))
    picture = fit(picture, resolution, multiple=editing.factor(editor))
    scales = list(product(image_guidance, text_guidance))
    rows = [
        _edits(editor, picture, instruction, seeds, Sampling(_SCHEDULER, steps, s_i, s_c))
        for s_i, s_c in Progress(scales, unit="row", desc="edits")
    ]
    labels = [f"s_i {s_i:g}, s_c {s_c:g}" for s_i, s_c in scales]
    _write(out, kind, rows[0][0] if len(rows) == len(seeds) == 1 else sheet(picture, rows, labels, seeds))
    return out


def fit(picture: np.ndarray, short_side: int, *, multiple: int) -> np.ndarray:
    """Resize a picture's short side and keep its aspect, with sides that are multiples of `multiple`.

    picture: H W 3 uint8; the aspect changes by less than half a multiple.
    """
    scale = short_side / min(picture.shape[:2])
    height, width = (max(1, round(side * scale / multiple)) * multiple for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


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
    editor: Editor, picture: np.ndarray, instruction: str, seeds: Sequence[int], sampling: Sampling
) -> np.ndarray:
    """One edit per seed, made together: N H W 3 uint8."""
    copies = np.repeat(picture[None], len(seeds), axis=0)
    return editing.edit(editor, copies, [instruction] * len(seeds), seeds=seeds, sampling=sampling)


def _load_picture(path: str) -> np.ndarray:
    folder, name = located(path)
    picture = cv2.imdecode(np.frombuffer(folder.read_bytes(name) or b"\0", np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise ScoreError(f"{path}: not a picture.", cure="Give a PNG, JPEG or WebP file.")
    return picture


def _write(out: str, kind: str, picture: np.ndarray) -> None:
    folder, name = located(out)
    is_encoded, data = cv2.imencode(kind, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not is_encoded:
        raise ScoreError(
            f"--out {out}: a sheet of {picture.shape[1]}×{picture.shape[0]} is too large.", cure="Use .png."
        )
    folder.write_bytes(name, data.tobytes())
