"""Draws docs/tutorial-edits.jpg: `python docs/tutorial_picture.py out/report out/shards`, of the tutorial."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from actionpairs import shards
from actionpairs.data import examples
from actionpairs.records import Entry
from actionpairs.storage import Folder

HEIGHT, GAP, CAPTION, PAIRS = 120, 6, 26, 6


def draw(report: Path, folder: Folder) -> np.ndarray:
    """Draw the first test pairs, two a row: the input, the edit, the real last frame; below, the instruction."""
    entries = shards.load_entries(folder, "tabletest")[:PAIRS]
    cells = [_draw_cell(report / "predictions/model", folder, entry) for entry in entries]
    gap = np.full((cells[0].shape[0], 4 * GAP, 3), 255, np.uint8)
    return np.vstack([np.hstack([left, gap, right]) for left, right in zip(cells[::2], cells[1::2], strict=True)])


def _draw_cell(predictions: Path, folder: Folder, entry: Entry) -> np.ndarray:
    before, after = (
        cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1) for jpeg in shards.load_pictures(folder, entry)
    )
    edit = cv2.imread(str(predictions / f"{entry.key}.png"))
    shape = HEIGHT, round(HEIGHT * edit.shape[1] / edit.shape[0])  # of what the model saw
    edit = cv2.resize(edit, shape[::-1], interpolation=cv2.INTER_NEAREST)
    gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    row = np.hstack([examples.fit(before, shape), gap, edit, gap, examples.fit(after, shape)])
    caption = np.full((CAPTION, row.shape[1], 3), 255, np.uint8)
    cv2.putText(caption, entry.instruction, (2, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 60, 60), 1, cv2.LINE_AA)
    return np.vstack([row, caption])


if __name__ == "__main__":
    target = Path(__file__).with_name("tutorial-edits.jpg")
    picture = draw(Path(sys.argv[1]), Folder(sys.argv[2]))
    cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
