"""demo: all four commands on videos that the package renders itself, and a page with the results."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from actionpairs import synthetic
from actionpairs.configs import EditorConfig
from actionpairs.errors import RecipeError
from actionpairs.evaluation.records import Report
from actionpairs.executors import usable_cores
from actionpairs.progress import print_note
from actionpairs.recipe import load
from actionpairs.report import demo_page
from actionpairs.report.demo_page import DemoSet
from actionpairs.stages.eval import evaluate
from actionpairs.stages.extract import extract
from actionpairs.stages.shard import shard
from actionpairs.stages.train import train
from actionpairs.storage import Folder

EDITOR_RECIPE, RECOGNIZER_RECIPE = "demo", "demo-recognizer"


@dataclass(frozen=True, slots=True)
class _SetSpec:
    """A data set to render, named after one of the paper's and with its kind of camera."""

    name: str
    camera: Literal["fixed", "head"]
    recipe: str
    videos: int
    seed: int


_SETS = (_SetSpec("LC", "fixed", "demo", videos=16, seed=1), _SetSpec("HC", "head", "demo-hc", videos=8, seed=2))
_CLIPS = _SetSpec("clips", "fixed", "table-tiny", videos=12, seed=3)
_TABLE_COLUMNS = (
    *("segment_id", "video", "start_seconds", "stop_seconds"),
    *("instruction", "verb", "noun", "participant"),
)
_ACTIONS_PER_VIDEO = 14
_VERBS: tuple[synthetic.Verb, ...] = (
    "take",
    "put",
    "open",
    "close",
    "check",
)  # a minute of training learns no more
_FRAME_RATE = 10  # a third of the usual rate: only the frames around an action are needed


def demo(*, out: str, workers: int | None = None, editor: str | None = None, only_videos: bool = False) -> str:
    """Render, extract, shard, train and evaluate; the same call again continues where it stopped.

    workers: processes, one per core by default. editor: NAME of the recipe demo-NAME, which trains another one.
    only_videos: render clips and a table of their actions, as someone would have them, and stop there.
    Returns the path of the page, or of the table. Raises RecipeError if there is no such recipe.
    """
    root, processes = Path(out), workers or usable_cores()
    if only_videos:
        return str(_write_table(root / "table.csv", _render(_CLIPS, root, processes).epic100))
    recipe = _editor_recipe(editor)
    sets = [_make_set(spec, root, processes) for spec in _SETS]
    shards = [demo_set.sharded.out for demo_set in sets]
    model, recognizer = str(root / "model"), str(root / "recognizer")
    _print_step("training a small editor on both sets")
    train(recipe, shards=shards, out=model, device="cpu")
    _print_step("training a small recognizer on both sets")
    train(RECOGNIZER_RECIPE, shards=shards, out=recognizer, device="cpu")
    reports = [
        _evaluate(spec, folder, root, recipe=recipe, model=model, recognizer=recognizer)
        for spec, folder in zip(_SETS, shards, strict=True)
    ]
    Folder(root).write_bytes("index.html", demo_page.render_page(root, sets, reports).encode())
    return str((root / "index.html").absolute())


def _editor_recipe(editor: str | None) -> str:
    """The name of the recipe that trains and scores the editor, which is checked before anything is rendered."""
    name = EDITOR_RECIPE if editor is None else f"{EDITOR_RECIPE}-{editor}"
    if not isinstance(load(name).train, EditorConfig):
        raise RecipeError(f"{name}: it trains no editor.", cure="Leave --editor out, or name another one.")
    return name


def _make_set(spec: _SetSpec, root: Path, processes: int) -> DemoSet:
    """Render, extract and shard one data set."""
    folder = root / spec.name
    videos = _render(spec, folder / "videos", processes)
    _print_step(f"{spec.name}: extract and shard")
    extracted = extract(
        spec.recipe,
        videos=str(videos.videos),
        annotations=[str(videos.epic100)],
        out=str(folder / "pairs"),
        workers=processes,
    )
    sharded = shard(spec.recipe, pairs=extracted.out, out=str(folder / "shards"))
    return DemoSet(spec.name, spec.camera, extracted, sharded)


def _render(spec: _SetSpec, folder: Path, processes: int) -> synthetic.RenderedSet:
    """Render the videos of one data set, with annotations of which some are bad on purpose."""
    _print_step(f"{spec.name}: rendering {spec.videos} videos with a {spec.camera} camera")
    return synthetic.render_set(
        folder,
        camera=spec.camera,
        videos=spec.videos,
        actions_per_video=_ACTIONS_PER_VIDEO,
        seed=spec.seed,
        frame_rate=_FRAME_RATE,
        workers=processes,
        blemishes=True,
        verbs=_VERBS,
    )


def _write_table(path: Path, epic100: Path) -> Path:
    """Write the rows of an annotation file with the columns that the recipe `table` names, bad rows too."""
    with epic100.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_TABLE_COLUMNS)
    for row in rows:
        times = (_seconds(row[f"{end}_timestamp"]) for end in ("start", "stop"))
        names = (row[name] for name in ("narration", "verb", "noun", "participant_id"))
        writer.writerow((row["narration_id"], f"{row['video_id']}.MP4", *times, *names))
    Folder(path.parent).write_bytes(path.name, text.getvalue().encode())
    return path


def _seconds(clock: str) -> str:
    """HH:MM:SS.ss in seconds; a text that is no clock time stays as it is."""
    parts = clock.split(":")
    if len(parts) != 3:
        return clock
    return f"{int(parts[0]) * 3600 + int(parts[1]) * 60 + float(parts[2]):.2f}"


# 6 parameters: a data set, where everything is, and what scores what
def _evaluate(spec: _SetSpec, shards: str, root: Path, *, recipe: str, model: str, recognizer: str) -> Report:
    """Score the editor on the test split of one data set."""
    _print_step(f"{spec.name}: scoring edits of unseen pairs")
    [split] = load(spec.recipe).shard.splits.tests
    return evaluate(
        recipe,
        models=[model],
        shards=shards,
        split=split,
        out=str(root / spec.name / "report"),
        recognizer=recognizer,
        device="cpu",
    )


def _print_step(text: str) -> None:
    print_note(f"── {text}")
