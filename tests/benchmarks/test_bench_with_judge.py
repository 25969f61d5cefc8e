"""eval --bench --judge: a judge scores a benchmark, with its targets where there are some."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from actionpairs import benchmarks
from actionpairs.cli import main
from actionpairs.configs import JudgeOptions
from actionpairs.errors import ScoreError
from actionpairs.evaluation.records import Report, ReportRow
from actionpairs.stages.bench import evaluate_benchmark
from tests.benchmarks.miniatures import MINIATURES
from tests.language_models.fake_server import KEY, FakeServer, fake_server
from tests.metrics.judges import YES

DONE = "action done (judge)"


@pytest.fixture(autouse=True)
def _keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every miniature by its name, and a folder of edits of each: its inputs, darker."""
    root = tmp_path_factory.mktemp("judged-benchmarks")
    for name, (bench, write) in MINIATURES.items():
        write(root / name)
        for sample in benchmarks.load(bench, str(root / name)).samples:
            path = root / "edits" / name / sample.edit
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = sample.original.decode()
            assert pixels is not None
            Image.fromarray(pixels // 2).save(path.with_suffix(".png"))
    return root


@pytest.fixture
def yes_sayer() -> Iterator[FakeServer]:
    with fake_server(answer=lambda _: YES) as fake:
        yield fake


def run(world: Path, name: str, out: Path, fake: FakeServer, *, rubrics: str = "paper", **more: object) -> Report:
    recipe = world / f"{rubrics}.yaml"
    settings = f"{{calibration: 2, timeout_seconds: 2, attempts: 1, asks: 1, rubrics: [{rubrics}]}}"
    recipe.write_text(f"eval: {{resolution: 64, gallery: 2, vlm_judge: {settings}}}\n")
    return evaluate_benchmark(
        MINIATURES[name][0],
        data=str(world / name),
        out=str(out),
        recipe=str(recipe),
        predictions={"theirs": str(world / "edits" / name)},
        device="cpu",
        vlm_judge=JudgeOptions(fake.url, "fake", **more),  # type: ignore[arg-type]
    )


def counts(row: ReportRow) -> dict[str, int]:
    return {score.name: score.count for score in row.scores}


@pytest.mark.parametrize("name", list(MINIATURES))
def test_a_judge_scores_every_sample_of_every_benchmark(
    world: Path, tmp_path: Path, name: str, yes_sayer: FakeServer
) -> None:
    out = tmp_path / "out"
    report = run(world, name, out, yes_sayer)
    samples = benchmarks.load(MINIATURES[name][0], str(world / name)).samples
    rows = {row.name: row for row in report.rows}
    assert counts(rows["theirs"])[DONE] == counts(rows["copy of the input"])[DONE] == len(samples)
    targets = sum(sample.target is not None for sample in samples)
    assert ("the benchmark's target" in rows) == (targets > 0)
    if targets:
        assert counts(rows["the benchmark's target"])[DONE] == targets
    lines = pq.read_table(out / "judge.parquet").to_pylist()
    assert {line["key"] for line in lines} == {sample.key for sample in samples}
    files = json.loads((out / "manifest.json").read_text())["files"]
    assert "judge.parquet" in files
    assert not any(file.startswith("judge/") for file in files)


def test_a_rubric_that_shows_targets_is_asked_about_the_samples_that_have_one(world: Path, tmp_path: Path) -> None:
    name = next(key for key, (bench, _) in MINIATURES.items() if bench == "aurora")
    samples = benchmarks.load("aurora", str(world / name)).samples
    targets = sum(sample.target is not None for sample in samples)
    assert 0 < targets < len(samples)
    with fake_server(answer=lambda _: "Final Score: 4") as fake:
        report = run(world, name, tmp_path / "out", fake, rubrics="risebench", allow_gaps=True)
    theirs = next(row for row in report.rows if row.name == "theirs")
    assert counts(theirs)["answered by the judge (risebench)"] == targets


def test_a_rubric_that_shows_targets_is_refused_where_there_are_none_before_anything_is_asked(
    world: Path, tmp_path: Path, yes_sayer: FakeServer
) -> None:
    with pytest.raises(ScoreError, match=r"risebench shows the target of a sample, and .* has none"):
        run(world, "gedit", tmp_path / "out", yes_sayer, rubrics="risebench")
    assert not yes_sayer.requests


def test_gaps_are_refused_with_their_row_unless_they_are_allowed(world: Path, tmp_path: Path) -> None:
    decide = lambda text, _: "500" if "Do the objects" in text else "answer"  # noqa: E731
    with fake_server(decide, lambda _: YES) as fake:
        with pytest.raises(ScoreError, match=r"A mean over gaps is refused\. .* objects keep their looks"):
            run(world, "gedit", tmp_path / "refused", fake)
        report = run(world, "gedit", tmp_path / "out", fake, allow_gaps=True)
    assert any(note.startswith("Gaps: ") for note in report.notes)


def test_the_notes_warn_where_nothing_can_calibrate_the_judge(
    world: Path, tmp_path: Path, yes_sayer: FakeServer
) -> None:
    notes = "\n".join(run(world, "gedit", tmp_path / "out", yes_sayer).notes)
    assert "WARNING: no sample has a real last frame" in notes


def test_a_dry_run_counts_what_is_asked_and_asks_nothing(world: Path, yes_sayer: FakeServer) -> None:
    edits = f"theirs={world / 'edits/gedit'}"
    where = ["--bench", "gedit", "--data", str(world / "gedit"), "--out", "x", "--predictions", edits]
    options = ["--judge", yes_sayer.url, "--judge-model", "fake", "--judge-dry-run", "--json"]
    result = CliRunner().invoke(main, ["eval", *where, *options])
    assert result.exit_code == 0, result.output
    samples = benchmarks.load("gedit", str(world / "gedit")).samples
    assert json.loads(result.stdout)["edits"] == 2 * len(samples)
    assert not yes_sayer.requests
