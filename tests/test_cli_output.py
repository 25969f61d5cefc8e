"""What goes to stdout and what to stderr: one line of JSON, one path with --quiet, more with --verbose."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import actionpairs
from actionpairs import progress
from actionpairs.cli import main, output
from actionpairs.cli.output import emit, emit_json
from tests.conftest import RawDataset
from tests.report.test_files import example


def invoke(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environment)


def leaves(group: click.Group = main, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def extraction(dataset: RawDataset, out: Path) -> list[object]:
    usual = ["table", "--videos", dataset.videos, "--annotations", dataset.table, "--executor", "serial"]
    return ["extract", *usual, "--out", out]


def the_one_line(result: Result) -> dict[str, object]:
    [line] = result.stdout.splitlines()
    content: dict[str, object] = json.loads(line)
    return content


@pytest.mark.parametrize(("name", "command"), leaves(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_has_json_quiet_verbose_and_debug(name: str, command: click.Command) -> None:
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "-q", "--quiet", "-v", "--verbose", "--debug"} <= options


def test_every_command_of_the_data_road_prints_one_line_of_json(dataset: RawDataset, tmp_path: Path) -> None:
    pairs, shards = tmp_path / "pairs", tmp_path / "shards"
    assert the_one_line(invoke(*extraction(dataset, pairs), "--json"))["pairs"] == 6
    split = ["--set", "shard.splits.tests={tabletest: 2}"]
    sharded = the_one_line(invoke("shard", "table", "--pairs", pairs, "--out", shards, *split, "--json"))
    assert sharded["samples"] == {"table-train": 4, "tabletest": 2}
    assert the_one_line(invoke("verify", shards, "--workers", 1, "--json"))["samples"] == 6
    assert the_one_line(invoke("stats", shards, "--json"))["dataset"] == "table"
    same = ["--check", shards / "manifest.json"]
    checked = invoke("shard", "table", "--pairs", pairs, "--out", shards, *split, *same, "--json")
    assert the_one_line(checked) == sharded
    assert "manifest.json says" in checked.stderr


def test_recipe_commands_print_one_line_of_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "table" in the_one_line(invoke("recipe", "list", "--json"))["recipes"]  # type: ignore[operator]
    resolved = the_one_line(invoke("recipe", "show", "table", "--set", "train.steps=7", "--json"))
    assert resolved["recipe"]["train"]["steps"] == 7  # type: ignore[index]
    assert resolved["extends"][-1] == "--set"  # type: ignore[index]
    assert the_one_line(invoke("recipe", "new", "mine", "--json")) == {"out": "mine.yaml"}
    assert the_one_line(invoke("recipe", "check", "mine.yaml", "--json"))["name"] == "mine"


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (["shard", "table", "--pairs", "nowhere", "--out", "x"], "StorageError", 1),
        (["recipe", "check", "nowhere"], "RecipeError", 1),
        (["shard", "table", "--pairs", "x"], "UsageError", 2),
        (["shard", "table", "--pears", "x"], "UsageError", 2),
        (["shards"], "UsageError", 2),
        (["--loud", "stats", "x"], "UsageError", 2),
    ],
)
def test_a_failure_is_one_line_of_json_too(
    words: list[str], kind: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(*words, "--json")
    failure = the_one_line(result)
    assert (failure["kind"], failure["exit_code"], result.exit_code) == (kind, code, code)
    assert failure["cure"]
    assert str(failure["error"]) in result.stderr


def raises(error: BaseException):  # type: ignore[no-untyped-def]
    def function(*_: object, **__: object) -> None:
        raise error

    return function


def test_a_stopped_command_and_a_fault_of_ours_are_one_line_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionpairs.stages.stats.stats", raises(KeyboardInterrupt()))
    assert the_one_line(invoke("stats", "x", "--json"))["exit_code"] == 130
    monkeypatch.setattr("actionpairs.stages.stats.stats", raises(KeyError("x")))
    result = invoke("stats", "x", "--json")
    assert (the_one_line(result)["kind"], type(result.exception)) == ("KeyError", KeyError)


def test_a_number_that_json_does_not_have_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"b": (float("nan"), 1.5), "a": {"c": float("inf")}})
    assert capsys.readouterr().out == '{"a": {"c": null}, "b": [null, 1.5]}\n'


@pytest.mark.parametrize("place", ["before", "after"])
def test_quiet_leaves_the_path_of_the_page(dataset: RawDataset, tmp_path: Path, place: str) -> None:
    words = extraction(dataset, tmp_path / "out")
    result = invoke("-q", *words) if place == "before" else invoke(*words, "--quiet")
    assert result.stdout == f"{tmp_path}/out/index.html\n"
    assert result.stderr == ""
    assert not progress.Progress(range(1)).disable  # the next run has its bar again


@dataclass(frozen=True)
class _Summary:
    out: str
    notes: tuple[str, ...]


def test_quiet_shows_warnings_and_the_folder_of_what_has_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = _Summary("out/both", ("is this `unit: frames`?",))
    monkeypatch.setattr("actionpairs.stages.merge.merge", lambda *_, **__: summary)
    result = invoke("merge", "a", "--out", "out/both", "-q")
    assert (result.stdout, result.stderr) == ("out/both\n", "warning: is this `unit: frames`?\n")


def test_quiet_shows_no_notes_on_methods_that_stand_in_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "is_quiet", lambda: True)
    output.print_tables(_Summary("out/report", ("SSIM: a Gaussian window.",)), print, False, page="out/index.html")
    assert capsys.readouterr() == ("out/index.html\n", "")


def test_verbose_prints_a_line_for_each_video(dataset: RawDataset, tmp_path: Path) -> None:
    dataset.add("late,c.mp4,900.0,901.0,take cup,take,cup,c")
    result = invoke(*extraction(dataset, tmp_path / "out"), "-v", "--set", "extract.max_rejected=1")
    lines = [line.partition(" ")[2] for line in result.stderr.splitlines()]
    assert "a.mp4: 2 pairs" in lines
    assert "c.mp4: 2 pairs; rejected: 1 past_end" in lines
    assert f"{tmp_path}/out: `extract` is finished" in lines


def test_quiet_and_verbose_do_not_go_together() -> None:
    result = invoke("-q", "stats", "x", "-v")
    assert (result.exit_code, "do not go together" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("environment", "has_codes"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_a_table_has_codes_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], has_codes: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr("actionpairs.evaluate", lambda *_, **__: example())
    words = ["eval", "demo", "--model", "m", "--shards", "s", "--split", "x", "--out", "y"]
    assert ("\x1b[1m" in invoke(*words, **environment).stdout) == has_codes
    assert "\x1b" not in invoke(*words, "--json", **environment).stdout


def test_of_several_processes_one_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actionpairs, "train", lambda *_, **__: _Summary("out", ()))
    words = ["train", "demo", "--shards", "s", "--out", "out", "--json"]
    assert invoke(*words, WORLD_SIZE="2", RANK="1").stdout == ""
    assert the_one_line(invoke(*words, WORLD_SIZE="2", RANK="0"))["out"] == "out"


def test_an_empty_number_of_processes_is_one() -> None:
    assert invoke("recipe", "check", "table", WORLD_SIZE="").exit_code == 0


def test_a_closed_stderr_ends_no_run_and_sends_no_line_to_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after `2>&-`, where Python has no stderr."""
    monkeypatch.setattr("sys.stderr", None)
    assert list(progress.Progress(range(3), unit="pair")) == [0, 1, 2]
    progress.print_note("extracting")
    assert capsys.readouterr().out == ""


def test_a_folder_whose_name_is_no_text_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of UTF-8 refuses what Python makes of the byte E9 in a name."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr("sys.stdout", stream)
    emit("out  caf\udce9")
    assert stream.buffer.getvalue() == b"out  caf?\n"  # type: ignore[attr-defined]
