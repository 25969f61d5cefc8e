"""Draws docs/pairs.jpg from the shards of a demo: `python docs/picture.py out/demo`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from actionpairs import shards
from actionpairs.storage import Folder

WANTED = (
    ("LC", "stack"), ("HC", "open"),
    ("LC", "cover"), ("HC", "take"),
    ("LC", "turn-over"), ("HC", "move-left"),
)  # fmt: skip
HEIGHT, GAP, CAPTION = 216, 10, 30


def draw(demo: Path) -> np.ndarray:
    """Draw three rows of two pairs; below each pair is its instruction."""
    scenes: Counter[str] = Counter()
    cells = [_draw_cell(demo / name / "shards", f"{name}-train", verb, scenes) for name, verb in WANTED]
    rows = [
        np.hstack([cells[index], _gap(cells[index].shape[0], 3 * GAP), cells[index + 1]]) for index in (0, 2, 4)
    ]
    return np.vstack(rows)


def _draw_cell(folder: Path, split: str, verb: str, scenes: Counter[str]) -> np.ndarray:
    """Draw a pair of this verb, from the scene that was drawn least so far."""
    candidates = (entry for entry in shards.load_entries(Folder(folder), split) if entry.verb == verb)
    entry = min(candidates, key=lambda entry: (scenes[split + entry.group], entry.key))
    scenes[split + entry.group] += 1
    frames = [
        cv2.resize(
            cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR),
            (HEIGHT * 16 // 9, HEIGHT),
            interpolation=cv2.INTER_AREA,
        )
        for jpeg in shards.load_pictures(Folder(folder), entry)
    ]
    pair = np.hstack([frames[0], _gap(HEIGHT, GAP // 2), frames[1]])
    caption = np.full((CAPTION + GAP, pair.shape[1], 3), 255, np.uint8)
    (width, _), _ = cv2.getTextSize(entry.instruction, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1)
    origin = ((pair.shape[1] - width) // 2, 21)
    cv2.putText(caption, entry.instruction, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (50, 50, 50), 1, cv2.LINE_AA)
    return np.vstack([pair, caption])


def _gap(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)


if __name__ == "__main__":
    cv2.imwrite(
        str(Path(__file__).with_name("pairs.jpg")), draw(Path(sys.argv[1])), [cv2.IMWRITE_JPEG_QUALITY, 88]
    )
