"""The folder in which examples run: every name that they use stands for something small.

A recipe's name is looked up as a file first. So a file `hc` beside the examples is the package's hc with fewer
steps and smaller splits, and the command line stays as it is printed.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import pandas
import torch
import yaml

import actionpairs
from actionpairs.recipe_files import builtin_path
from actionpairs.synthetic.actions import VERBS
from actionpairs.synthetic.annotation_files import NOUNS
from tests.editors import tiny_families

VIDEOS = ("P01_01", "P01_02", "P02_01")  # of the tutorial's clips
OF_SET = {"lc": VIDEOS[:1], "lc2": VIDEOS[:1], "hc": VIDEOS[1:], "shards": VIDEOS}  # no two sets share a pair
DATA = "data/"
# The only words of a command line that are replaced: a pattern, and what stands there instead.
REPLACED = {r"^/data/": DATA, r"^train\.steps=2000$": "train.steps=3"}
KLEIN = "black-forest-labs/FLUX.2-klein-base-4B"
_TRAIN = {"steps": 2, "warmup_steps": 1, "batch_size": 2, "sample_count": 1, "checkpoint_every": 2}
_SMALL_EDITOR = {"train": {"model": {"source": "tabletop"}, "resolution": 64, **_TRAIN}}
_SCORES = {"eval": {"resolution": 64, "steps": 2, "batch_size": 4}}
_EDITOR = {**_SMALL_EDITOR, **_SCORES}
_FEW = {"extract": {"select": {"min_clips_per_action": 1}}}
_HC_SPLITS = {"tests": {"HCtest500": 4}, "subsets": {"HCtest100": {"count": 2}}}
_RECOGNIZER = {
    "source": None,
    "resolution": 32,
    "frames": 2,
    "patch_size": 8,
    "width": 16,
    "layers": 1,
    "heads": 2,
}

# What a recipe's name stands for: the recipe of the package with these keys.
SMALL: Mapping[str, Mapping[str, object]] = {
    "hc": {**_EDITOR, **_FEW, "shard": {"splits": _HC_SPLITS}},
    "hc-instructions": {**_EDITOR, "shard": {"splits": _HC_SPLITS}},
    "editaction": _EDITOR,
    "table": _EDITOR,
    "table-tiny": {"train": _TRAIN, **_SCORES},
    "flux2-klein": {
        "train": {"model": {"source": KLEIN}, "resolution": 32, "accumulation": 1, "sample_steps": 2, **_TRAIN},
        "eval": {"resolution": 32, "steps": 2},
    },
    "recognizer": {"train": {**_RECOGNIZER, "steps": 2, "warmup_steps": 1, "batch_size": 2}},
    "recognizer-segments": {"train": {**_RECOGNIZER, "steps": 2, "warmup_steps": 1, "batch_size": 2}},
}


def build(folder: Path, clips: Path) -> None:
    """Fill a folder with what the examples take: videos, annotations, recipes, pictures, what commands made."""
    for name, keys in SMALL.items():
        parent = str(builtin_path(name).with_suffix(""))
        (folder / name).write_text(yaml.safe_dump({"extends": parent, **keys}), encoding="utf-8")
    _write_annotations(folder, clips)
    _write_models(folder)
    _write_made(folder)
    _write_pictures(folder)
    _write_shared_disk(folder)


def _write_annotations(folder: Path, clips: Path) -> None:
    """Some of the tutorial's clips, as EPIC-KITCHENS and as someone's own, with the tables of each."""
    for name in ("EPIC-KITCHENS", "my-videos", "VIDEOS"):
        (folder / name).mkdir()
        for video in VIDEOS:
            shutil.copy(clips / "videos" / f"{video}.MP4", folder / name)
    epic = folder / "epic-kitchens-100-annotations"
    epic.mkdir()
    _copy_rows(clips / "annotations/epic100.csv", epic / "EPIC_100_train.csv", "video_id")
    _copy_rows(clips / "table.csv", folder / "my-table.csv", "video")
    for kind, words in (("verb", VERBS), ("noun", NOUNS)):
        rows = "".join(f"{number},{word},\n" for number, word in enumerate(words))
        (epic / f"EPIC_100_{kind}_classes.csv").write_text(f"id,key,instances\n{rows}", encoding="utf-8")
    for path in epic.iterdir():
        shutil.copy(path, folder)
    pandas.read_csv(folder / "my-table.csv").to_excel(folder / "my-table.xlsx", index=False)


def _copy_rows(source: Path, target: Path, column: str, *, videos: Sequence[str] = VIDEOS) -> None:
    """Copy the rows of these videos."""
    with source.open(encoding="utf-8", newline="") as file, target.open("w", encoding="utf-8", newline="") as out:
        reader = csv.DictReader(file)
        writer = csv.DictWriter(out, reader.fieldnames or [])
        writer.writeheader()
        writer.writerows(row for row in reader if row[column].removesuffix(".MP4") in videos)


def _write_models(folder: Path) -> None:
    """A model of random weights under the name of one on the hub: a folder is looked up first."""
    torch.manual_seed(0)
    tiny_families.flux2_klein().save_pretrained(folder / KLEIN)


def _write_made(folder: Path) -> None:
    """What earlier commands have made: pairs, shards of several names and splits, a model, and reports."""
    out = folder / "out"
    tests = {"lc": ("LCtest500",), "lc2": ("LCtest500",), "hc": ("HCtest500",)}
    tests["shards"] = ("HCtest500", "LCtest500", "tabletest")
    for name, splits in tests.items():
        pairs = out / "pairs" if name == "shards" else folder / "made" / f"{name}-pairs"
        _extract(folder, pairs, OF_SET[name])
        dataset = "LC" if name.startswith("lc") else "HC"
        tested = {"rule": "paper", "seed": 0, "train": f"{dataset}-train", "tests": dict.fromkeys(splits, 4)}
        recipe = folder / "made" / f"{name}.yaml"
        recipe.write_text(yaml.safe_dump({"shard": {"dataset": dataset, "splits": tested}}), encoding="utf-8")
        actionpairs.shard(recipe, pairs=str(pairs), out=str(out / name))
    actionpairs.train(folder / "editaction", shards=[str(out / "shards")], out=str(out / "model"), device="cpu")
    _write_reports(folder, out)


def _extract(folder: Path, pairs: Path, videos: Sequence[str]) -> None:
    """Extract the pairs of some videos, as the recipe hc does."""
    annotations = folder / "made" / f"{pairs.name}.csv"
    annotations.parent.mkdir(exist_ok=True)
    _copy_rows(folder / "EPIC_100_train.csv", annotations, "video_id", videos=videos)
    classes = [folder / f"EPIC_100_{kind}_classes.csv" for kind in ("verb", "noun")]
    actionpairs.extract(
        folder / "hc",
        videos=str(folder / "EPIC-KITCHENS"),
        annotations=[annotations, *classes],
        out=str(pairs),
        executor="serial",
    )


def _write_reports(folder: Path, out: Path) -> None:
    """Reports on two splits, one of them with edits of another tool; those edits are the first report's own."""
    scored = {"shards": str(out / "shards"), "device": "cpu"}
    model = [str(out / "model")]
    answered = (
        ("lc", "LCtest500", "editaction"),
        ("hc", "HCtest500", "editaction"),
        ("table", "tabletest", "table-tiny"),
    )
    for name, split, recipe in answered:
        actionpairs.evaluate(folder / recipe, models=model, split=split, out=str(out / f"report-{name}"), **scored)
    shutil.copytree(out / "report-hc/predictions/model", folder / "DIR")
    shutil.copytree(out / "report-table/predictions/model", folder / "edits")
    for name in ("theirs", "other-models"):
        theirs = {"theirs": str(folder / "DIR")}
        report = str(out / f"report-{name}")
        actionpairs.evaluate(folder / "editaction", predictions=theirs, split="HCtest500", out=report, **scored)


def _write_pictures(folder: Path) -> None:
    edit = cv2.imread(str(next((folder / "DIR").glob("*.png"))))
    for name in ("kitchen", "table", "cup", "my-picture"):
        cv2.imwrite(str(folder / f"{name}.jpg"), edit)


def _write_shared_disk(folder: Path) -> None:
    """What stands below /data on a disk that several machines see; here it is the folder `data`."""
    data = folder / DATA
    shutil.copytree(folder / "EPIC-KITCHENS", data / "EPIC")
    for path in folder.glob("EPIC_100_*.csv"):
        shutil.copy(path, data)
    shutil.copytree(folder / "out/shards", data / "shards")
    for name in ("one", "two"):
        shutil.copytree(folder / "out/model", data / name)
