"""How each benchmark's own program finds the edits, restated from its source at one commit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

Edits = dict[str, Image.Image]


def motionedit(data: Path, out: Path, model: str) -> Edits:
    """inference/run_image_editing.py of elainew728/motion-edit at 59ffb29, lines 135 to 138 and 224."""
    table = pq.read_table(data / "data/train-00000-of-00001.parquet", columns=["id"]).to_pylist()
    edits = {}
    for item in table:
        output_filename = f"{item['id']}.jpg"
        output_filepath = os.path.join(out / "outputs" / model, output_filename)
        assert os.path.exists(output_filepath)
        edits[str(item["id"])] = Image.open(output_filepath)
    return edits


def bytemorph(data: Path, out: Path, model: str) -> Edits:
    """clip_eval.py and gpt_eval.py of ByteDance-Seed/BM-code at 594d543, ByteMorph-Eval/.

    clip_eval.py goes through the bench's folder (lines 113 to 124), so here through the keys; it finds the edit by
    line 139 and crops it by line 64. gpt_eval.py reads the JSON beside it (lines 91 and 104 to 107).
    """
    gen_root = str(out / "gen_images" / model)
    edits = {}
    for subfolder, name in (("0_camera_zoom", "20"), ("3_human_motion", "21"), ("3_human_motion", "22")):
        src_tgt_img_path = os.path.join(str(data), subfolder, f"{name}.png")
        gen_image_path = src_tgt_img_path.replace(str(data), gen_root)
        assert os.path.exists(gen_image_path)
        with open(gen_image_path.replace(".png", ".json")) as file:
            assert json.load(file).get("edit", "").strip()
        both = Image.open(gen_image_path).convert("RGB")
        edits[f"{subfolder}-{name}"] = both.crop((both.width // 2, 0, both.width, both.height))
    return edits


def aurora(data: Path, out: Path, model: str) -> Edits:
    """AURORA has no such program: this is what our page says, edit N of a task in test.json is TASK/N.png."""
    counts: dict[str, int] = {}
    edits = {}
    for item in json.loads((data / "test.json").read_text()):
        number = counts[item["task"]] = counts.get(item["task"], -1) + 1
        key = f"{item['task']}-{number:03d}"
        edits[key] = Image.open(out / "edits" / model / item["task"] / f"{number:03d}.png")
    return edits


def risebench(data: Path, out: Path, model: str) -> Edits:
    """gpt_eval.py of PhoenixZ810/RISEBench at 5f22651: find_image, lines 145 to 150, called in 156 and 157."""
    edits = {}
    for item in json.loads((data / "datav2_total_w_subtask.json").read_text()):
        output_dir = os.path.join(out / "outputs" / model, f"images/{item['category']}")
        for suffix in ["png", "jpg", "jpeg"]:
            img_path = os.path.join(output_dir, f"{item['index']}.{suffix}")
            if os.path.exists(img_path):
                edits[item["index"]] = Image.open(img_path)
                break
        else:
            raise FileNotFoundError(item["index"])
    return edits


def gedit(data: Path, out: Path, model: str) -> Edits:
    """test_gedit_score.py of stepfun-ai/Step1X-Edit at 570eba6, GEdit-Bench/, lines 122 to 127 and 33 to 34."""
    save_path = os.path.join(out / "results", model)
    if (data / "data-00000-of-00001.arrow").exists():
        with pa.memory_map(str(data / "data-00000-of-00001.arrow")) as file:
            table = pa.ipc.open_stream(file).read_all().to_pylist()
    else:
        table = pq.read_table(data / "data/train-00000-of-00001.parquet").to_pylist()
    edits = {}
    for item in table:
        key, group_name, language = item["key"], item["task_type"], item["instruction_language"]
        source = f"{save_path}/fullset/{group_name}/{language}/{key}_SRCIMG.png"
        result = f"{save_path}/fullset/{group_name}/{language}/{key}.png"
        assert os.path.exists(source)
        assert os.path.exists(result)
        edits[f"{group_name}-{language}-{key}"] = Image.open(result).convert("RGB").resize(Image.open(source).size)
    return edits


def imgedit(data: Path, out: Path, model: str) -> Edits:
    """basic_bench.py of PKU-YuanGroup/ImgEdit at 547185d, Benchmark/Basic/, lines 57 to 60."""
    origin_img_root = data / "Benchmark/singleturn"
    edits = {}
    for key, item in json.loads((origin_img_root / "singleturn.json").read_text()).items():
        result_img_name = f"{key}.png"
        result_img_path = os.path.join(out / "edited_images" / model, result_img_name)
        assert os.path.exists(os.path.join(origin_img_root, item["id"]))
        edits[key] = Image.open(result_img_path)
    return edits


LOOKUPS = {
    "motionedit": motionedit,
    "bytemorph": bytemorph,
    "aurora": aurora,
    "risebench": risebench,
    "gedit": gedit,
    "imgedit": imgedit,
}
