"""The exit codes of docs/cli.md, each from a real run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from actionpairs.cli.exit_codes import ExitCode
from actionpairs.errors import StoppedError
from tests.conftest import RawDataset

COMMAND = [sys.executable, "-m", "actionpairs"]


def code_of(*arguments: object) -> int:
    return CliRunner().invoke(main, [str(argument) for argument in arguments]).exit_code


def test_docs_have_every_code() -> None:
    text = (Path(__file__).parents[1] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [f"| {code.value} | {code.meaning} |" in text for code in ExitCode] == [True] * len(ExitCode)


def test_done_is_0_an_error_1_and_wrong_usage_2() -> None:
    assert code_of("recipe", "check", "table") == ExitCode.DONE
    assert code_of("recipe", "check", "tabel") == ExitCode.ERROR
    assert code_of("recipe", "cheque", "table") == ExitCode.USAGE
    assert code_of("recipe", "check", "--set", "x", "table") == ExitCode.USAGE


@pytest.fixture
def shards(dataset: RawDataset, tmp_path: Path) -> Path:
    """A shards folder of six samples."""
    usual = ["table", "--videos", dataset.videos, "--annotations", dataset.table, "--executor", "serial"]
    assert code_of("extract", *usual, "--out", tmp_path / "pairs") == 0
    split = ["--set", "shard.splits.tests={tabletest: 2}"]
    assert code_of("shard", "table", "--pairs", tmp_path / "pairs", "--out", tmp_path / "shards", *split) == 0
    return tmp_path / "shards"


def test_a_difference_or_a_fault_is_1(shards: Path, tmp_path: Path) -> None:
    again = ["shard", "table", "--pairs", tmp_path / "pairs", "--out", shards]
    again += ["--set", "shard.splits.tests={tabletest: 2}"]
    manifest = json.loads((shards / "manifest.json").read_text())
    manifest["counts"] = {name: count + 1 for name, count in manifest["counts"].items()}
    (tmp_path / "expected.json").write_text(json.dumps(manifest))
    assert code_of(*again, "--check", shards / "manifest.json") == 0
    assert code_of(*again, "--check", tmp_path / "expected.json") == 1
    assert code_of("verify", shards, "--workers", 1) == 0
    tar = next(shards.glob("*.tar"))
    tar.write_bytes(tar.read_bytes()[:-1024])
    assert code_of("verify", shards, "--workers", 1) == 1


def test_more_failures_than_max_rejected_are_1(dataset: RawDataset, tmp_path: Path) -> None:
    dataset.add("late,c.mp4,900.0,901.0,take cup,take,cup,c")
    usual = ["extract", "table", "--videos", dataset.videos, "--annotations", dataset.table]
    usual += ["--executor", "serial", "--out", tmp_path / "out"]
    assert code_of(*usual, "--set", "extract.max_rejected=0") == 1
    assert code_of(*usual, "--set", "extract.max_rejected=0.5", "--out", tmp_path / "other") == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_a_signal_is_128_and_its_number(tmp_path: Path, number: signal.Signals, code: ExitCode) -> None:
    table = tmp_path / "segments.csv"
    os.mkfifo(table)  # the command waits for what nobody writes
    command = [*COMMAND, "extract", "table", "--annotations", str(table), "--dry-run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    writer = os.open(table, os.O_WRONLY)  # returns when the command has opened it
    time.sleep(0.2)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    os.close(writer)
    status = process.returncode
    assert (status if status >= 0 else 128 - status) == code  # as shells have it
    assert "Traceback" not in errors


def test_training_that_a_signal_stopped_exits_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: object, **__: object) -> None:
        raise StoppedError("stopped after step 3 of 7", cure="Run it again.", signal_number=signal.SIGTERM)

    monkeypatch.setattr("actionpairs.train", train)
    result = CliRunner().invoke(main, ["train", "demo", "--shards", "s", "--out", "o"])
    assert (result.exit_code, result.stderr) == (
        ExitCode.TERMINATED,
        "\nstopped after step 3 of 7\nRun it again.\n",
    )


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_that_goes_away_is_no_error(dataset: RawDataset, closed: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = ["recipe", "list"]
    if closed == "stderr":  # a log line is the first that is written there
        out = dataset.table.parent / "pairs"
        words = ["extract", "table", "--videos", str(dataset.videos), "--annotations", str(dataset.table)]
        words += ["--executor", "serial", "--out", str(out), "--set", "train.lora={rank: 4}"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, closed: writing}
    result = subprocess.run([*COMMAND, *words], text=True, check=False, **streams)  # type: ignore[call-overload]
    os.close(writing)
    assert result.returncode == ExitCode.CLOSED_PIPE
    assert not (result.stderr if closed == "stdout" else result.stdout)


@pytest.mark.parametrize("words", [["stats", "/nothing", "--json"], ["nonsense", "--json"], ["--help"]])
def test_errors_and_help_that_nobody_reads_are_a_closed_pipe_too(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run([*COMMAND, *words], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert result.returncode == ExitCode.CLOSED_PIPE
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", [["recipe", "list"], ["--help"], ["extract", "--help"]])
def test_output_to_a_full_disk_is_an_error_with_a_cure(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run([*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == ExitCode.ERROR
    assert "No space left" in result.stderr
    assert "cure:" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_broken_connection_is_not_taken_for_a_closed_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    def stats(*_: object, **__: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("actionpairs.stages.stats.stats", stats)
    result = CliRunner().invoke(main, ["stats", "x"])
    assert isinstance(result.exception, ConnectionError)
    assert not isinstance(result.exception, BrokenPipeError)
