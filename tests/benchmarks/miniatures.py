"""Each benchmark with a few samples, in the layout in which it is released."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.evaluation.conftest import MOVES, moved

Shape = tuple[int, int]
WIDE, SQUARE = (48, 72), (64, 64)


def pair(number: int, shape: Shape = SQUARE) -> tuple[np.ndarray, np.ndarray, str]:
    """The picture before and after a move, and the move."""
    action = list(MOVES)[number % len(MOVES)]
    return *moved(action, shape=shape, seed=number), action


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def dump(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def cell(data: bytes) -> dict[str, object]:
    """A picture as `datasets` stores it."""
    return {"bytes": data, "path": None}


def parquet(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=2)


def arrow(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """As `Dataset.save_to_disk` writes it: a stream of batches."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(list(rows))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def motionedit(root: Path) -> Path:
    rows = []
    for number in range(3):
        before, after, action = pair(number, WIDE if number == 2 else SQUARE)
        own = {"id": 400 + number, "prompt": action, "input_image": cell(png(before))}
        rows.append({**own, "target_image": cell(png(after))})
    parquet(root / "data/train-00000-of-00001.parquet", rows)
    return root


def bytemorph(root: Path) -> Path:
    for number, kind in enumerate(("0_camera_zoom", "3_human_motion", "3_human_motion")):
        before, after, action = pair(number)
        save(root / f"{kind}/2{number}.png", np.hstack([before, after]))
        dump(root / f"{kind}/2{number}.json", {"input": "a square", "output": "moved", "edit": action})
    return root


def bytemorph_table(root: Path) -> Path:
    rows = []
    for number, kind in enumerate(("0_camera_zoom", "3_human_motion", "3_human_motion")):
        before, after, action = pair(number)
        texts = {"edit_type": kind, "image_id": f"2{number}", "edit_prompt": action}
        captions = {"edit_prompt_rewrite_instruction": "x", "src_img_caption": "a", "tgt_img_caption": "b"}
        rows.append({**texts, **captions, "src_img": cell(png(before)), "tgt_img": cell(png(after))})
    parquet(root / "data/test-00000-of-00001.parquet", rows)
    return root


def aurora(root: Path) -> Path:
    entries = []
    for number in range(2):
        before, after, action = pair(number)
        for name, pixels in (("first", before), ("last", after)):
            save(root / f"data/something/images/{number}/{name}.jpg", pixels)
        paths = {
            name: f"data/something/images/{number}/{file}.jpg"
            for name, file in (("input", "first"), ("output", "last"))
        }
        entries.append({"id": str(number), "instruction": action, **paths, "task": "something"})
    for number in range(2):
        save(root / f"data/clevr/images/CLEVR_{number}.png", pair(number + 2)[0])
        path = f"data/clevr/images/CLEVR_{number}.png"
        entries.append({"id": str(number), "instruction": "paint it red", "input": path, "task": "clevr"})
    dump(root / "test.json", entries)
    first = "data/something/frames_validation_2K/0/first.jpg"
    own = {"id": "0", "prompt": "move left", "pos": "leave it", "input": first}
    dump(root / "disc_edit_data/something/valid.json", [own, {"id": "1", "prompt": "move right", "input": "x"}])
    red = {"id": "1", "prompt": "paint it red", "pos": "keep it blue", "neg": "paint it black"}
    dump(root / "disc_edit_data/clevr/valid.json", [{**red, "input": "data/clevr/images/CLEVR_1.png"}])
    return root


def risebench(root: Path) -> Path:
    entries = []
    for number, category in enumerate(("temporal_reasoning", "causal_reasoning", "causal_reasoning")):
        image = f"{category}_images/{number}.png"
        save(root / "data" / image, pair(number)[0])
        own = {"index": f"{category}_{number}", "category": category, "subtask": "Life Progression"}
        entries.append({**own, "instruction": "Draw it later.", "image": image, "reference": "moved"})
    dump(root / "datav2_total_w_subtask.json", entries)
    return root


def _gedit_rows() -> list[dict[str, object]]:
    rows = []
    for number, task in enumerate(("motion_change", "subject-add")):
        for language, instruction in (("en", "move it"), ("cn", "把方块移开")):
            own = {"key": f"k{number}", "task_type": task, "instruction_language": language}
            before = cell(png(pair(number, WIDE if number else SQUARE)[0]))
            pictures = {"input_image": before, "input_image_raw": before, "Intersection_exist": True}
            rows.append({**own, "instruction": instruction, **pictures})
    return rows


def gedit(root: Path) -> Path:
    arrow(root / "data-00000-of-00001.arrow", _gedit_rows())
    dump(root / "state.json", {"_split": "train"})
    return root


def gedit_parquet(root: Path) -> Path:
    parquet(root / "data/train-00000-of-00001.parquet", _gedit_rows())
    return root


def imgedit(root: Path) -> Path:
    entries = {}
    for number, kind in enumerate(("adjust", "action", "action")):
        save(root / f"Benchmark/singleturn/animal/{number}.jpg", pair(number)[0])
        entries[str(1000 + number)] = {"id": f"animal/{number}.jpg", "prompt": "turn it", "edit_type": kind}
    dump(root / "Benchmark/singleturn/singleturn.json", entries)
    return root


MINIATURES = {
    "motionedit": ("motionedit", motionedit),
    "bytemorph": ("bytemorph", bytemorph),
    "bytemorph-parquet": ("bytemorph", bytemorph_table),
    "aurora": ("aurora", aurora),
    "risebench": ("risebench", risebench),
    "gedit": ("gedit", gedit),
    "gedit-parquet": ("gedit", gedit_parquet),
    "imgedit": ("imgedit", imgedit),
}
