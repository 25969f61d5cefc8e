"""Models and folders answer a benchmark; its scorer finds every edit, and what can be scored here is scored."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from actionpairs import benchmarks
from actionpairs.cli import main
from actionpairs.errors import ScoreError
from actionpairs.evaluation.records import Report, ReportRow
from actionpairs.stages.bench import evaluate_benchmark
from tests.benchmarks.lookups import LOOKUPS
from tests.benchmarks.miniatures import MINIATURES, pair, save
from tests.evaluation.conftest import make_editor

NAMES = list(MINIATURES)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every miniature by its name, a model, and a recipe of two steps."""
    root = tmp_path_factory.mktemp("benchmarks")
    for name, (_, write) in MINIATURES.items():
        write(root / name)
    make_editor(seed=0).save(root / "tiny")
    (root / "small.yaml").write_text("eval: {resolution: 64, steps: 2, batch_size: 2, gallery: 4}\n")
    return root


def run(world: Path, name: str, out: Path, **options: object) -> Report:
    data = options.pop("data", world / name)
    return evaluate_benchmark(
        MINIATURES[name][0],
        data=str(data),
        out=str(out),
        recipe=str(world / "small.yaml"),
        device="cpu",
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def answered(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Report]]:
    """The report of the tiny model on a miniature; each is made once."""
    made: dict[str, tuple[Path, Report]] = {}

    def answer(name: str) -> tuple[Path, Report]:
        if name not in made:
            out = tmp_path_factory.mktemp(name) / "report"
            made[name] = out, run(world, name, out, models=[str(world / "tiny")])
        return made[name]

    return answer


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def values(row: ReportRow) -> dict[str, float]:
    return {score.name: score.value for score in row.scores}


@pytest.mark.parametrize("name", NAMES)
def test_the_scorer_finds_every_edit(
    world: Path, answered: Callable[[str], tuple[Path, Report]], name: str
) -> None:
    out, report = answered(name)
    edits = LOOKUPS[MINIATURES[name][0]](world / name, out, "tiny")
    assert sorted(edits) == [sample.key for sample in report.samples]
    for key, edit in edits.items():
        before = np.asarray(next(s for s in loaded(world, name) if s.key == key).original.decode())
        assert edit.size[0] / edit.size[1] == pytest.approx(before.shape[1] / before.shape[0], rel=0.2)
        assert np.asarray(edit.convert("RGB")).std() > 0


def loaded(world: Path, name: str) -> tuple[benchmarks.BenchmarkSample, ...]:
    return benchmarks.load(MINIATURES[name][0], str(world / name)).samples


def test_the_edit_stands_to_the_right_of_its_input(answered: Callable[[str], tuple[Path, Report]]) -> None:
    out, _ = answered("bytemorph")
    both = np.asarray(Image.open(out / "gen_images/tiny/0_camera_zoom/20.png"))
    assert both.shape == (64, 128, 3)
    assert np.array_equal(both[:, :64], pair(0)[0])


def test_the_input_stands_beside_the_edit_for_gedit(answered: Callable[[str], tuple[Path, Report]]) -> None:
    out, _ = answered("gedit")
    source = Image.open(out / "results/tiny/fullset/motion_change/cn/k0_SRCIMG.png")
    assert np.array_equal(np.asarray(source), pair(0)[0])


@pytest.mark.parametrize("name", ["motionedit", "bytemorph"])
def test_with_targets_the_copy_does_not_move_and_the_target_does(
    answered: Callable[[str], tuple[Path, Report]], name: str
) -> None:
    _, report = answered(name)
    rows = {row.kind: values(row) for row in report.rows}
    assert rows["copy"]["motion alignment"] == 0
    assert rows["truth"]["motion alignment"] == pytest.approx(100)
    assert {"motion alignment", "discrimination", "SSIM", "shift drift", "background PSNR"} <= set(rows["model"])
    assert rows["copy"]["background PSNR"] == 100


@pytest.mark.parametrize("name", ["risebench", "gedit", "imgedit"])
def test_without_targets_nothing_is_compared_and_there_is_no_row_of_them(
    answered: Callable[[str], tuple[Path, Report]], name: str
) -> None:
    out, report = answered(name)
    assert [row.kind for row in report.rows] == ["model", "copy"]
    assert not any(row.scores for row in report.rows)
    assert any("no targets" in note for note in report.notes)
    assert any("scorer" in note for note in report.notes)
    assert "</html>" in (out / "index.html").read_text()


def test_samples_without_a_target_take_no_part_where_one_is_needed(
    answered: Callable[[str], tuple[Path, Report]],
) -> None:
    _, report = answered("aurora")
    [model, copy, target] = report.rows
    assert [len(row.edits) for row in (model, copy, target)] == [4, 4, 2]
    counts = {score.name: score.count for score in model.scores}
    assert counts["SSIM"] == 2
    assert counts["DiscEdit"] == 2
    scored = {edit.key for edit in model.edits if "DiscEdit" in edit.values}
    assert scored == {"something-000", "clevr-001"}
    assert "DiscEdit" not in values(copy)


def test_categories_are_parts_of_the_report(answered: Callable[[str], tuple[Path, Report]]) -> None:
    _, report = answered("bytemorph")
    assert [(part.name, part.count) for part in report.parts] == [("0_camera_zoom", 1), ("3_human_motion", 2)]
    ssim = {part.name: values_of(part.scores["tiny"])["SSIM"] for part in report.parts}
    whole = values(report.rows[0])["SSIM"]
    assert (ssim["0_camera_zoom"] + 2 * ssim["3_human_motion"]) / 3 == pytest.approx(whole)
    _, without_scores = answered("gedit")
    assert without_scores.parts == ()


def values_of(scores: tuple) -> dict[str, float]:  # type: ignore[type-arg]
    return {score.name: score.value for score in scores}


@pytest.mark.parametrize("name", ["bytemorph", "motionedit", "gedit"])
def test_a_stopped_run_is_finished_to_the_same_bytes(
    world: Path, answered: Callable[[str], tuple[Path, Report]], tmp_path: Path, name: str
) -> None:
    whole, _ = answered(name)
    out = tmp_path / "out"
    stopped = content(whole)
    for gone in ("manifest.json", "report.json", "index.html"):
        del stopped[gone]
    edits = [file for file in stopped if "tiny/" in file]
    del stopped[edits[0]]
    for file, data in stopped.items():
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (out / file).write_bytes(data)
    run(world, name, out, models=[str(world / "tiny")])
    assert content(out) == content(whole)


@pytest.mark.slow
def test_a_killed_run_goes_on(world: Path, answered: Callable[[str], tuple[Path, Report]], tmp_path: Path) -> None:
    whole, _ = answered("imgedit")
    out = tmp_path / "out"
    command = ["eval", str(world / "small.yaml"), "--bench", "imgedit", "--data", str(world / "imgedit")]
    options = ["--model", str(world / "tiny"), "--device", "cpu", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "actionpairs", *command, *options], stderr=subprocess.DEVNULL
    )
    while not list(out.glob("edited_images/tiny/*.png")) and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "manifest.json").exists()
    run(world, "imgedit", out, models=[str(world / "tiny")])
    assert content(out) == content(whole)


@pytest.mark.parametrize("name", NAMES)
def test_the_edits_of_one_tool_in_the_scorers_layout_are_those_of_a_folder(
    world: Path, answered: Callable[[str], tuple[Path, Report]], tmp_path: Path, name: str
) -> None:
    out, report = answered(name)
    edits = out / benchmarks.load(MINIATURES[name][0], str(world / name)).edits.format(model="tiny")
    again = run(world, name, tmp_path / "again", predictions={"theirs": str(edits)})
    for kind in ("copy", "truth"):
        assert [row for row in again.rows if row.kind == kind] == [row for row in report.rows if row.kind == kind]
    ours, theirs = values(report.rows[0]), values(again.rows[0])
    assert theirs == {name: ours[name] for name in ours if name not in {"discrimination", "DiscEdit"}}
    model = content(out)
    for path, data in content(tmp_path / "again").items():
        if "theirs/" in path:
            assert data == model[path.replace("theirs/", "tiny/")]


def folder_of(root: Path, names: list[str], *, shape: tuple[int, int] = (64, 64)) -> Path:
    for number, name in enumerate(names):
        save(root / name, pair(number, shape)[1])
    return root


def test_keys_alone_name_a_folders_pictures(world: Path, tmp_path: Path) -> None:
    theirs = folder_of(tmp_path / "theirs", [f"{kind}_{n}.webp" for n, kind in enumerate(KINDS)])
    report = run(world, "risebench", tmp_path / "out", predictions={"theirs": str(theirs)})
    edit = Image.open(tmp_path / "out/outputs/theirs/images/causal_reasoning/causal_reasoning_1.png")
    assert np.array_equal(np.asarray(edit), np.asarray(Image.open(theirs / "causal_reasoning_1.webp")))
    assert len(report.rows[0].edits) == 3


KINDS = "temporal_reasoning", "causal_reasoning", "causal_reasoning"


def test_a_folder_with_gaps_is_refused_and_named(world: Path, tmp_path: Path) -> None:
    theirs = folder_of(tmp_path / "theirs", ["1000.png"])
    (theirs / "1002.png").write_bytes(b"no picture")
    with pytest.raises(ScoreError, match=r"1 broken \(1002\.png\); 1 missing \(1001\)"):
        run(world, "imgedit", tmp_path / "out", predictions={"theirs": str(theirs)})
    (theirs / "1002.png").unlink()
    with pytest.raises(ScoreError, match=r"2 missing \(1001, 1002\)"):
        run(world, "imgedit", tmp_path / "out", predictions={"theirs": str(theirs)})


def test_gaps_are_scored_only_where_that_is_allowed_and_said(world: Path, tmp_path: Path) -> None:
    theirs = folder_of(tmp_path / "theirs", ["0_camera_zoom/20.png", "3_human_motion/22.png"])
    options = {"predictions": {"theirs": str(theirs)}, "allow_missing": True}
    report = run(world, "bytemorph", tmp_path / "out", **options)
    assert [len(row.edits) for row in report.rows] == [2, 3, 3]
    assert any("1 samples have no picture" in note and "3_human_motion/21" in note for note in report.notes)
    assert not (tmp_path / "out/gen_images/theirs/3_human_motion/21.png").exists()


def test_an_edit_of_another_aspect_is_squeezed_and_said(world: Path, tmp_path: Path) -> None:
    theirs = folder_of(tmp_path / "theirs", ["1000.png", "1001.png", "1002.png"], shape=(48, 72))
    report = run(world, "imgedit", tmp_path / "out", predictions={"theirs": str(theirs)})
    assert any("3 of 3 have another aspect" in note for note in report.notes)
    assert Image.open(tmp_path / "out/edited_images/theirs/1000.png").size == (72, 48)


def test_plain_edits_are_set_beside_their_input(world: Path, tmp_path: Path) -> None:
    names = ["0_camera_zoom/20.png", "3_human_motion/21.png", "3_human_motion/22.png"]
    theirs = folder_of(tmp_path / "theirs", names)
    report = run(world, "bytemorph", tmp_path / "out", predictions={"theirs": str(theirs)})
    both = np.asarray(Image.open(tmp_path / "out/gen_images/theirs/3_human_motion/21.png"))
    assert np.array_equal(both, np.hstack(pair(1)[:2]))
    assert values(report.rows[0])["SSIM"] == pytest.approx(1)


@pytest.mark.parametrize("name", ["tiny", "a/b", "..", "copy of the input"])
def test_a_folder_has_a_name_of_its_own(world: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ScoreError, match="another row has this name"):
        run(world, "imgedit", tmp_path / "out", models=[str(world / "tiny")], predictions={name: str(tmp_path)})


def test_a_limit_takes_some_and_says_of_how_many(world: Path, tmp_path: Path) -> None:
    report = run(world, "gedit", tmp_path / "out", models=[str(world / "tiny")], limit=2)
    assert (len(report.samples), report.split) == (2, "2 of 4")
    spec = json.loads((tmp_path / "out/recipe.json").read_text())
    assert spec["inputs"]["limit"] == "2"


def test_a_changed_benchmark_is_another_run(world: Path, tmp_path: Path) -> None:
    _, write = MINIATURES["imgedit"]
    write(tmp_path / "data")
    theirs = folder_of(tmp_path / "theirs", ["1000.png", "1001.png", "1002.png"])
    options = {"predictions": {"theirs": str(theirs)}, "data": tmp_path / "data"}
    run(world, "imgedit", tmp_path / "out", **options)
    save(tmp_path / "data/Benchmark/singleturn/animal/0.jpg", pair(3)[0])
    with pytest.raises(Exception, match=r"made (by another recipe|from other inputs)"):
        run(world, "imgedit", tmp_path / "out", **options)


def test_the_command_needs_no_recipe(world: Path, tmp_path: Path) -> None:
    theirs = folder_of(tmp_path / "theirs", ["1000.png", "1001.png", "1002.png"])
    options = [
        "--predictions",
        f"theirs={theirs}",
        "--data",
        str(world / "imgedit"),
        "--out",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(main, ["eval", "--bench", "imgedit", *options])
    assert result.exit_code == 0, result.output
    assert "ImgEdit-Bench" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing RECIPE, --shards, --split"),
        (["hc", "--shards", "x"], "Missing --split"),
        (["--data", "x"], "--data goes with --bench"),
        (["--bench", "gedit"], "--bench needs --data"),
        (["--bench", "gedit", "--data", "x", "--shards", "y"], "With --bench there is no --shards"),
        (["--bench", "gedit", "--data", "x", "--recognizer", "y"], "With --bench there is no --recognizer"),
        (["--bench", "gedit", "--data", "x", "--set", "eval.steps=3"], "--set changes a key of RECIPE"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["eval", "--model", "m", "--out", "o", *arguments])
    assert result.exit_code == 2
    assert message in result.output
