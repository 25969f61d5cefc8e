"""demo: all four commands on videos that the package renders itself, and a page that shows what came of it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from actionpairs import synthetic
from actionpairs.evaluation.records import Report
from actionpairs.recipe import load
from actionpairs.report import demo_page
from actionpairs.report.demo_page import Chapter
from actionpairs.stages.eval import evaluate
from actionpairs.stages.extract import extract
from actionpairs.stages.shard import shard
from actionpairs.stages.train import train
from actionpairs.storage import Folder

EDITOR_RECIPE, RECOGNIZER_RECIPE = "demo", "demo-recognizer"


@dataclass(frozen=True, slots=True)
class _Set:
    """A set to render: named like the paper's, filmed like it, and cut by its recipe."""

    name: str
    camera: Literal["fixed", "head"]
    recipe: str
    videos: int
    seed: int


_SETS = (_Set("LC", "fixed", "demo", videos=16, seed=1), _Set("HC", "head", "demo-hc", videos=8, seed=2))
_ACTIONS_PER_VIDEO = 14
_VERBS: tuple[synthetic.Verb, ...] = ("take", "put", "open", "close", "check")  # a minute teaches no more
_FRAME_RATE = 10  # a third of the usual rate: only the frames around an action are wanted


def demo(*, out: str, workers: int | None = None) -> str:
    """Render, extract, shard, train and score; the same call again goes on where it stopped.

    Returns the path of the page.
    """
    root, processes = Path(out), workers or len(os.sched_getaffinity(0))
    chapters = [_chapter(each, root, processes) for each in _SETS]
    shards = [chapter.packed.out for chapter in chapters]
    model, recognizer = str(root / "model"), str(root / "recognizer")
    _say("teaching a small editor the actions of both sets")
    train(EDITOR_RECIPE, shards=shards, out=model, device="cpu")
    _say("training a small recognizer on both sets")
    train(RECOGNIZER_RECIPE, shards=shards, out=recognizer, device="cpu")
    reports = [
        _report(each, folder, root, model=model, recognizer=recognizer)
        for each, folder in zip(_SETS, shards, strict=True)
    ]
    Folder(root).write_bytes("index.html", demo_page.written(root, chapters, reports).encode())
    return str((root / "index.html").absolute())


def _chapter(each: _Set, root: Path, processes: int) -> Chapter:
    """Render, extract and shard one set."""
    folder = root / each.name
    _say(f"{each.name}: rendering {each.videos} videos with a {each.camera} camera")
    videos = synthetic.render_set(
        folder / "videos",
        camera=each.camera,
        videos=each.videos,
        actions_per_video=_ACTIONS_PER_VIDEO,
        seed=each.seed,
        frame_rate=_FRAME_RATE,
        workers=processes,
        blemishes=True,
        verbs=_VERBS,
    )
    _say(f"{each.name}: extract and shard")
    cut = extract(
        each.recipe,
        videos=str(videos.videos),
        annotations=[str(videos.epic100)],
        out=str(folder / "pairs"),
        workers=processes,
    )
    packed = shard(each.recipe, pairs=cut.out, out=str(folder / "shards"))
    return Chapter(each.name, each.camera, cut, packed)


def _report(each: _Set, shards: str, root: Path, *, model: str, recognizer: str) -> Report:
    """Score the editor on one set's test split."""
    _say(f"{each.name}: scoring edits of unseen pairs")
    [split] = load(each.recipe).shard.splits.tests
    return evaluate(
        EDITOR_RECIPE,
        models=[model],
        shards=shards,
        split=split,
        out=str(root / each.name / "report"),
        recognizer=recognizer,
        device="cpu",
    )


def _say(text: str) -> None:
    print(f"── {text}", file=sys.stderr, flush=True)
