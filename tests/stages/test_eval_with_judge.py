"""eval --judge: calibrated first, every question kept, gaps refused or counted, and killed runs go on."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from actionpairs.configs import JudgeOptions
from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.errors import LanguageModelError, ScoreError, StorageError
from actionpairs.evaluation.records import Report, Score
from actionpairs.language_models import retries
from actionpairs.shards import load_entries
from actionpairs.stages.eval import evaluate
from actionpairs.storage import Folder
from tests.evaluation.conftest import SPLIT, make_shards
from tests.language_models.fake_server import KEY, MODEL, FakeServer, completion, fake_server
from tests.metrics.judges import YES

RECIPE = """
eval:
  resolution: 64
  gallery: 2
  vlm_judge: {calibration: 2, timeout_seconds: 0.5, attempts: 10, asks: 4}
"""
NAMES = "action done (judge)", "surroundings kept (judge)", "objects keep their looks (judge)"
ROWS = "theirs", "copy of the input", "the real last frame"


@pytest.fixture(autouse=True)
def _fast_and_keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(retries, "_FIRST_WAIT_SECONDS", 0.001)


def make_world(root: Path, *, count: int) -> Path:
    """Shards of so many samples, a folder of edits that are copies, and a recipe."""
    make_shards(root / "shards", count=count)
    source = Folder(root / "shards")
    (root / "theirs").mkdir()
    for entry in load_entries(source, SPLIT):
        picture = examples.load_pair(Example(source, entry.key, entry), 64)[0]
        cv2.imwrite(str(root / "theirs" / f"{entry.key}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) ^ 1)
    (root / "judged.yaml").write_text(RECIPE)
    return root


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("judged"), count=4)


def run(world: Path, out: Path, fake: FakeServer | None, **options: object) -> Report:
    chosen = None if fake is None else JudgeOptions(fake.url, "fake", **options)  # type: ignore[arg-type]
    return evaluate(
        str(world / "judged.yaml"),
        predictions={"theirs": str(world / "theirs")},
        shards=str(world / "shards"),
        split=SPLIT,
        out=str(out),
        device="cpu",
        vlm_judge=chosen,
    )


def score(report: Report, row: str, name: str) -> Score:
    [chosen_row] = [each for each in report.rows if each.name == row]
    [chosen_score] = [each for each in chosen_row.scores if each.name == name]
    return chosen_score


def lines_of(out: Path) -> list[dict[str, object]]:
    return pq.read_table(out / "judge.parquet").to_pylist()


@pytest.fixture
def yes_sayer() -> Iterator[FakeServer]:
    with fake_server(answer=lambda _: YES) as fake:
        yield fake


def test_every_row_has_the_judges_scores_and_the_truth_has_those_of_pictures_too(
    world: Path, tmp_path: Path, yes_sayer: FakeServer
) -> None:
    report = run(world, tmp_path / "out", yes_sayer)
    for row in ROWS:
        assert [(score(report, row, name).value, score(report, row, name).count) for name in NAMES] == [
            (100, 4)
        ] * 3
    assert "PSNR" not in {each.name for each in report.rows[-1].scores}
    table = pq.read_table(tmp_path / "out/scores.parquet").to_pandas()
    assert (table[NAMES[0]] == 100).all()
    assert set(table[f"{NAMES[0]} text"]) == {"so it looks"}


def test_the_notes_name_model_wording_and_calibration_and_a_yes_sayer_is_found_out(
    world: Path, tmp_path: Path, yes_sayer: FakeServer
) -> None:
    report = run(world, tmp_path / "out", yes_sayer)
    notes = "\n".join(report.notes)
    assert f"Judge: fake, which names itself {MODEL}" in notes
    assert "a copy of the input (no): 0 % (0 to 66 %, n = 2)" in notes
    assert "WARNING: this judge is not better than chance" in notes
    for name in ("index.html", "report.md"):
        assert "not better than chance" in (tmp_path / "out" / name).read_text()


def test_every_question_is_in_the_table_and_the_key_is_nowhere(
    world: Path, tmp_path: Path, yes_sayer: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    run(world, tmp_path / "out", yes_sayer)
    lines = lines_of(tmp_path / "out")
    counts = Counter(str(line["row"]).partition(":")[0] for line in lines)
    assert counts == {**dict.fromkeys(ROWS, 4 * 3 * 2), "known pairs": 6 * 2 * 2}
    assert {(line["model"], line["asked"], line["seed"]) for line in lines} == {(MODEL, "fake", 0)}
    asked = {(line["prompt"], tuple(line["pictures"])) for line in lines}  # type: ignore[arg-type]
    assert yes_sayer.asked.total() == len(asked)  # known pairs and the rows that they are of are asked once
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert KEY.encode() not in written
    assert KEY not in "".join(capfd.readouterr())
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert "judge.parquet" in manifest["files"]


def test_a_finished_report_is_not_asked_again_and_another_judge_is_another_report(
    world: Path, tmp_path: Path, yes_sayer: FakeServer
) -> None:
    report = run(world, tmp_path / "out", yes_sayer)
    asked = yes_sayer.asked.total()
    assert run(world, tmp_path / "out", yes_sayer) == report
    assert yes_sayer.asked.total() == asked
    with pytest.raises(StorageError, match="other inputs"):
        run(world, tmp_path / "out", None)


def test_a_cache_is_shared_by_reports(world: Path, tmp_path: Path, yes_sayer: FakeServer) -> None:
    first = run(world, tmp_path / "one", yes_sayer, cache=str(tmp_path / "cache"))
    asked = yes_sayer.asked.total()
    assert run(world, tmp_path / "two", yes_sayer, cache=str(tmp_path / "cache")) == first
    assert yes_sayer.asked.total() == asked


def test_a_mean_over_gaps_is_refused_and_names_row_column_count_and_reason(world: Path, tmp_path: Path) -> None:
    with fake_server(lambda text, _: "500" if "Do the objects" in text and "right" in text else "answer") as fake:
        fake.answer = lambda _: YES
        with pytest.raises(ScoreError, match="A mean over gaps is refused") as caught:
            run(world, tmp_path / "out", fake)
        assert f"theirs, {NAMES[2]}: 1 of 4 have no value (1 server error" in caught.value.message
        assert "--judge-allow-gaps" in caught.value.cure
        assert not (tmp_path / "out/manifest.json").exists()
        failures = [line for line in lines_of(tmp_path / "out") if line["failure"]]
        assert {line["failure"] for line in failures} == {"server error"}
        asked = fake.asked.total()
        fake.decide = lambda *_: "answer"
        report = run(world, tmp_path / "out", fake)
    assert fake.asked.total() - asked == len(failures)
    assert score(report, "theirs", NAMES[2]).count == 4


def refuses_right(text: str, number: int) -> str:
    is_refused = "move right" in text and "Is the action done?" in text
    return json.dumps(completion(None, refusal="No.")) if is_refused else "answer"


def test_allowed_gaps_are_counted_in_notes_and_columns_and_are_no_zeros(world: Path, tmp_path: Path) -> None:
    with fake_server(refuses_right, lambda _: YES) as fake:
        report = run(world, tmp_path / "out", fake, allow_gaps=True)
    for row in ROWS:
        assert (score(report, row, NAMES[0]).value, score(report, row, NAMES[0]).count) == (100, 3)
        assert score(report, row, NAMES[1]).count == 4
        assert score(report, row, "answered by the judge (paper)").value == pytest.approx(100 * 22 / 24)
        assert any(
            note.startswith(f"Gaps: {row}, {NAMES[0]}: 1 of 4 have no value (1 the model refused")
            and note.endswith("its mean is over the other 3.")
            for note in report.notes
        )
    table = pq.read_table(tmp_path / "out/scores.parquet").to_pandas()
    [gap] = table[(table.row == "theirs") & table[NAMES[0]].isna()][f"{NAMES[0]} text"]
    assert gap == "no answer: the model refused: No."


def test_a_server_that_is_down_ends_the_run_before_anything_is_scored(world: Path, tmp_path: Path) -> None:
    with fake_server(lambda *_: "401") as fake, pytest.raises(LanguageModelError, match="not authorized"):
        run(world, tmp_path / "out", fake)
    assert not (tmp_path / "out/scores.parquet").exists()


def test_a_missing_key_is_named(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with fake_server() as fake, pytest.raises(LanguageModelError, match="OPENAI_API_KEY is not set"):
        run(world, tmp_path / "out", fake)
    assert not fake.asked


def command(world: Path, *options: str, out: str = "unused") -> list[str]:
    where = ["--shards", str(world / "shards"), "--split", SPLIT, "--out", out]
    return ["eval", str(world / "judged.yaml"), "--predictions", f"theirs={world / 'theirs'}", *where, *options]


def test_a_dry_run_counts_what_is_then_asked(world: Path, tmp_path: Path, yes_sayer: FakeServer) -> None:
    options = ["--judge", yes_sayer.url, "--judge-model", "fake"]
    result = CliRunner().invoke(main, command(world, *options, "--judge-dry-run", "--json"))
    assert result.exit_code == 0, result.output
    cost = json.loads(result.output)
    assert not yes_sayer.asked
    run(world, tmp_path / "out", yes_sayer)
    lines = lines_of(tmp_path / "out")
    assert (cost["rows"], cost["edits"]) == (3, 12)
    assert cost["calls"] == len(lines)
    assert cost["calls_for_known_pairs"] == sum(str(line["row"]).startswith("known") for line in lines)
    assert cost["pictures"] == sum(len(line["pictures"]) for line in lines)  # type: ignore[arg-type]
    characters = sum(len(str(line["prompt"])) for line in lines)
    assert cost["text_tokens"] == pytest.approx(characters / 4, rel=0.05)
    assert cost["picture_tokens_patches"] == cost["pictures"] * 4
    assert cost["picture_tokens_tiles"] == cost["pictures"] * 255


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--judge-model", "m"], "go with --judge"),
        (["--judge-dry-run"], "go with --judge"),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(world: Path, options: list[str], words: str) -> None:
    result = CliRunner().invoke(main, command(world, *options))
    assert result.exit_code == 2
    assert words in result.output


# 500 edits, a fifth of all requests with faults, and kill -9.

LIES = (
    completion('{"verdict": "yes"}'),
    completion('{"answer": 11}'),
    completion('{"answer": "ye'),
    completion("I'm sorry, I can't help with that."),
    completion(None, refusal="No."),
    completion("yes"),
)
FAULTS = ("429", "429 x after 0.01", "stall", "503", "reset", "broken json", "truncated", *map(json.dumps, LIES))


def faulty(text: str, number: int) -> str:
    """One request of five fails, in one of many ways; by hash, so that every run has the same faults."""
    draw = int.from_bytes(hashlib.sha256(f"{text} {number}".encode()).digest()[:4])
    fault = FAULTS[draw // 5 % len(FAULTS)] if draw % 5 == 0 else "answer"
    return fault if fault != "stall" or draw % 3 == 0 else "500"  # a stall takes half a second


SCRIPT = """
import sys
from actionpairs.language_models import retries
retries._FIRST_WAIT_SECONDS = 0.01
from actionpairs.cli import main
main(sys.argv[1:])
"""


def cached_lines(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in (out / "judge").glob("*.jsonl"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_twice_500_edits_with_a_fifth_of_faults_are_all_judged_once(tmp_path: Path) -> None:
    world, out = make_world(tmp_path, count=167), tmp_path / "out"  # 167 samples in three rows: 501 edits
    with fake_server(faulty, lambda _: YES) as fake:
        options = ["--judge", fake.url, "--judge-model", "fake"]
        script = [sys.executable, "-c", SCRIPT, *command(world, *options, out=str(out))]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        for wanted in (700, 1700):
            with subprocess.Popen(script, env=environment) as process:
                while cached_lines(out) < wanted and process.poll() is None:
                    time.sleep(0.01)
                process.kill()
                assert process.wait() == -9
            time.sleep(0.3)  # what the killed run had sent is answered now
        kept, answered = cached_lines(out), fake.answered.total()
        result = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
    lines = lines_of(out)
    judged = [line for line in lines if line["counts"] and not str(line["row"]).startswith("known")]
    places = Counter((line["row"], line["key"], line["call"], line["order"]) for line in judged)
    assert len(places) == 501 * 3 * 2
    assert set(places.values()) == {1}, "an answer is counted twice"
    report = json.loads((out / "report.json").read_text())
    for row in report["rows"]:
        values = {each["name"]: (each["value"], each["count"]) for each in row["scores"]}
        assert [values[name] for name in NAMES] == [(100, 167)] * 3, "an answer is lost"
    questions = {(line["prompt"], tuple(line["pictures"])) for line in lines if line["counts"]}  # type: ignore[arg-type]
    assert cached_lines(out) == len(questions)
    assert fake.answered.total() - answered == len(questions) - kept, "an answer that was there is asked again"
    assert answered - kept <= 2 * 8, "more than was under way is lost"
    assert {line["failure"] for line in lines if line["failure"]} >= {
        "answer against the rules",
        "the model refused",
    }
