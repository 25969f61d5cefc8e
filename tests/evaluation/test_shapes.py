"""A split of pictures of two shapes: each is edited and scored at its own, and all stay in key order."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from actionpairs.data import examples
from actionpairs.data.examples import Example, Shape
from actionpairs.editors.editor import Editor
from actionpairs.errors import ScoreError
from actionpairs.evaluation import human_eval, notes, samples, scorecard
from actionpairs.evaluation.predictions import FolderPredictions, open_folder
from actionpairs.evaluation.records import PictureShapes, Report, ReportRow, ShapeCount
from actionpairs.metrics.intervals import Estimate
from actionpairs.metrics.metric import EditBatch
from actionpairs.metrics.pixels import PixelScores
from actionpairs.stages.eval import evaluate
from actionpairs.storage import Folder
from tests.evaluation.conftest import SPLIT, make_shards
from tests.evaluation.test_scorecard import REFERENCE, DistanceToReference, Verdict
from tests.report.test_files import example

STORED = (72, 128), (96, 128)  # 16:9 and 4:3
SCORED = (48, 88), (56, 72)  # about 64² pixels, in multiples of 8
KEYS = [f"s{number:03d}" for number in range(8)]
RECIPE = "eval: {resolution: 64, steps: 2, batch_size: 3, gallery: 4}\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, editor: Editor) -> Path:
    """Shards of 8 samples of two shapes in turn, a model, and recipes."""
    root = tmp_path_factory.mktemp("world")
    make_shards(root / "shards", shapes=STORED)
    editor.save(root / "model")
    (root / "own.yaml").write_text(RECIPE)
    (root / "square.yaml").write_text(RECIPE.replace("64,", "64, square: true,"))
    return root


@pytest.fixture(scope="module")
def split(world: Path) -> tuple[Example, ...]:
    return samples.select(Folder(world / "shards"), SPLIT)


@pytest.fixture(scope="module")
def shape_of(split: tuple[Example, ...]) -> dict[str, Shape]:
    return samples.shape_of_each(split, resolution=64, multiple=8, square=False)


def run(world: Path, out: Path, *, recipe: str = "own", **options: object) -> Report:
    return evaluate(
        str(world / f"{recipe}.yaml"),
        shards=str(world / "shards"),
        split=SPLIT,
        out=str(out),
        device="cpu",
        **options,
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def done(world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    out = tmp_path_factory.mktemp("done") / "report"
    return out, run(world, out, models=[str(world / "model")])


Draw = Callable[[Example], np.ndarray]


def write_edits(folder: Path, split: tuple[Example, ...], draw: Draw) -> Path:
    folder.mkdir()
    for sample in split:
        cv2.imwrite(str(folder / f"{sample.name}.png"), cv2.cvtColor(draw(sample), cv2.COLOR_RGB2BGR))
    return folder


def stored_truth(sample: Example) -> np.ndarray:
    """The real last frame at the size of the shards."""
    return examples.load_pair(sample, (sample.entry.height, sample.entry.width))[1]


def test_every_sample_keeps_its_shape(done: tuple[Path, Report], shape_of: dict[str, Shape]) -> None:
    out, _ = done
    assert list(shape_of.values()) == [*SCORED] * 4
    for key, shape in shape_of.items():
        assert cv2.imread(str(out / f"predictions/model/{key}.png")).shape[:2] == shape


def test_rows_and_tables_are_in_key_order(done: tuple[Path, Report]) -> None:
    out, report = done
    assert [sample.key for sample in report.samples] == KEYS
    assert all([edit.key for edit in row.edits] == KEYS for row in report.rows)
    assert pq.read_table(out / "scores.parquet").column("key").to_pylist() == KEYS * 3


def test_a_report_says_at_which_shapes_it_scored(done: tuple[Path, Report]) -> None:
    out, report = done
    assert report.pictures == PictureShapes(64, False, (ShapeCount(88, 48, 4), ShapeCount(72, 56, 4)))
    assert "88×48 (4), 72×56 (4)" in notes.shapes_note(report.pictures)
    assert json.loads((out / "report.json").read_text())["pictures"]["shapes"][0]["width"] == 88


def test_a_stopped_run_makes_the_same_batches(world: Path, done: tuple[Path, Report], tmp_path: Path) -> None:
    out, _ = done
    shutil.copytree(out, tmp_path / "out")
    (tmp_path / "out/manifest.json").unlink()
    for key in ("s002", "s003", "s005"):  # a part of a batch of either shape
        (tmp_path / f"out/predictions/model/{key}.png").unlink()
    run(world, tmp_path / "out", models=[str(world / "model")])
    for name in ("scores.parquet", "report.json", *(f"predictions/model/{key}.png" for key in KEYS)):
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes()


def test_squares_are_the_center_crop(world: Path, split: tuple[Example, ...], tmp_path: Path) -> None:
    folder = write_edits(tmp_path / "theirs", split, lambda sample: examples.load_pair(sample, 64)[1])
    report = run(world, tmp_path / "out", recipe="square", predictions={"theirs": str(folder)})
    assert report.pictures == PictureShapes(64, True, (ShapeCount(64, 64, 8),))
    assert "the center square of each, at 64 pixels" in notes.shapes_note(report.pictures)
    assert {score.name: score.value for score in report.rows[0].scores}["PSNR"] == 100
    assert "theirs: a folder of predictions" in report.notes[0].partition(", digest")[0]
    assert "resized" not in report.notes[0]


def test_edits_of_the_stored_size_are_perfect_if_they_are_the_truth(
    world: Path, split: tuple[Example, ...], tmp_path: Path
) -> None:
    folder = write_edits(tmp_path / "theirs", split, stored_truth)
    report = run(world, tmp_path / "out", predictions={"theirs": str(folder)})
    scores = {score.name: score for score in report.rows[0].scores}
    assert (scores["SSIM"].value, scores["PSNR"].value) == (pytest.approx(1), 100)
    assert scores["motion alignment"].value == pytest.approx(100)
    assert scores["SSIM"].count == 8
    copy = {score.name: score.value for score in report.rows[1].scores}
    assert (copy["background PSNR"], copy["motion alignment"], copy["shift drift"]) == (100, 0, 0)
    origin = next(note for note in report.notes if note.startswith("theirs:"))
    assert "8 of 8 resized to the scored size, as the inputs are: 4 of 128×72, 4 of 128×96" in origin


def opened(folder: Path, split: tuple[Example, ...], shape_of: dict[str, Shape]) -> FolderPredictions:
    return open_folder("theirs", str(folder), split, shape_of)


def test_an_edit_of_the_exact_shape_is_taken_as_it_is(
    split: tuple[Example, ...], shape_of: dict[str, Shape], tmp_path: Path
) -> None:
    draw = np.random.default_rng(0)
    edits = {key: draw.integers(0, 256, (*shape, 3), np.uint8) for key, shape in shape_of.items()}
    theirs = opened(write_edits(tmp_path / "x", split, lambda sample: edits[sample.name]), split, shape_of)
    assert all(np.array_equal(theirs.load(key), edits[key]) for key in KEYS)
    assert theirs.origin == "theirs: a folder of predictions"


@pytest.mark.parametrize("scale", [0.5, 2, 3.1])
def test_an_edit_of_the_scored_aspect_is_resized_and_counted(
    split: tuple[Example, ...], shape_of: dict[str, Shape], tmp_path: Path, scale: float
) -> None:
    def gradient(sample: Example) -> np.ndarray:
        height, width = (round(scale * side) for side in shape_of[sample.name])
        return np.repeat(np.linspace(0, 255, width, dtype=np.uint8)[None, :, None], height, axis=0).repeat(
            3, axis=2
        )

    theirs = opened(write_edits(tmp_path / "x", split, gradient), split, shape_of)
    for key, shape in shape_of.items():
        assert theirs.load(key).shape == (*shape, 3)
        assert theirs.load(key)[10, :, 0] == pytest.approx(np.linspace(0, 255, shape[1]), abs=8)
    assert theirs.resized.total() == 8
    assert "8 of 8 resized" in theirs.origin


@pytest.mark.parametrize("size", [(64, 64), (88, 48), (48, 94), (720, 1200)], ids=str)
def test_an_edit_of_another_aspect_is_refused_named_and_counted(
    split: tuple[Example, ...], shape_of: dict[str, Shape], tmp_path: Path, size: Shape
) -> None:
    folder = write_edits(tmp_path / "x", split, lambda sample: np.zeros((*shape_of[sample.name], 3), np.uint8))
    for key in ("s000", "s002"):
        cv2.imwrite(str(folder / f"{key}.png"), np.zeros((*size, 3), np.uint8))
    with pytest.raises(ScoreError, match=r"2 of another aspect \(s000.png, s002.png\), of 8 samples") as caught:
        opened(folder, split, shape_of)
    assert "88×48, 72×56" in caught.value.cure


def test_a_square_with_a_side_of_one_pixel_more_is_no_square(split: tuple[Example, ...], tmp_path: Path) -> None:
    squares = dict.fromkeys(KEYS, (64, 64))
    folder = write_edits(tmp_path / "x", split, lambda _: np.zeros((64, 65, 3), np.uint8))
    with pytest.raises(ScoreError, match="8 of another aspect"):
        opened(folder, split, squares)


class InOrder(DistanceToReference):
    """A distance that, as the groups of a jackknife, depends on the order of the samples."""

    def compare(self, edits: np.ndarray, truths: np.ndarray) -> Mapping[str, Estimate]:
        weights = np.arange(len(edits))
        return {REFERENCE.name: Estimate(float(weights @ (edits[:, 0] - truths[:, 0])), None, None, len(edits))}


def row(parts: list[EditBatch]) -> ReportRow:
    return scorecard.score_row("x", "model", parts, (PixelScores(), Verdict(), InOrder()))  # type: ignore[arg-type]


def test_batches_in_any_order_make_the_same_row() -> None:
    draw = np.random.default_rng(0)

    def batch(*keys: str) -> EditBatch:
        shape = (len(keys), 24, 16 + 8 * len(keys), 3)
        pictures = [draw.integers(0, 256, shape, np.uint8) for _ in range(3)]
        return EditBatch(keys, tuple(f"do {key}" for key in keys), keys, *pictures)

    parts = [batch("s0", "s3"), batch("s2", "s4", "s5"), batch("s1")]
    one, other = row(parts), row(parts[::-1])
    assert one == other
    assert [edit.key for edit in one.edits] == ["s0", "s1", "s2", "s3", "s4", "s5"]
    assert [edit.texts["verdict"] for edit in one.edits] == [f"do {edit.key}?" for edit in one.edits]
    assert "verdict" not in one.edits[1].values


def test_a_report_of_an_earlier_version_keeps_its_id() -> None:
    content = asdict(example())
    for name in ("pictures", "human_ratings", "raters", "recognition", "trust", "first_to_read", "calibrated"):
        del content[name]
    text = json.dumps({**content, "human_ratings": [], "raters": 0}, sort_keys=True)
    assert human_eval.report_id(example()) == hashlib.sha256(text.encode()).hexdigest()[:16]
