"""What a user sees: help, messages with cures, and nothing heavy until it is needed."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from tests.conftest import RawDataset

BLOCK = """
import sys
sys.modules.update(dict.fromkeys("torch diffusers transformers accelerate torchmetrics matplotlib".split()))
"""


def invoke(*arguments: object):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    "command",
    [
        "",
        "extract",
        "measure",
        "shard",
        "verify",
        "merge",
        "mix",
        "stats",
        "export",
        "push",
        "train",
        "eval",
        "compare",
        "edit",
        "app",
        "demo",
        "doctor",
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    result = invoke(*command.split(), "--help")
    assert result.exit_code == 0
    assert command == "" or "Example" in result.output


def test_an_error_is_a_message_and_a_cure(tmp_path: Path) -> None:
    result = invoke("shard", "table", "--pairs", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "error: " in result.output
    assert " cure: " in result.output
    assert "Traceback" not in result.output


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "actionpairs", "--debug", "shard", "table", "--pairs", str(tmp_path)]
    result = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert "Traceback" in result.stderr


def test_wrong_usage_exits_with_two() -> None:
    assert invoke("extract", "table").exit_code == 2


@pytest.mark.parametrize(
    ("package", "options", "cure"),
    [
        ("s3fs", ["--videos", "s3://bucket/videos"], "[s3]"),
        ("s3fs", ["--out", "s3://bucket/pairs"], "[s3]"),
        ("aiohttp", ["--annotations", "https://host/x.csv?sign=hidden"], "[s3]"),
        ("ray", ["--executor", "ray"], "[ray]"),
    ],
)
def test_without_an_extra_one_line_says_what_to_install(
    dataset: RawDataset,
    tmp_path: Path,
    package: str,
    options: list[str],
    cure: str,
) -> None:
    usual = ["--videos", str(dataset.videos), "--annotations", str(dataset.table), "--out", str(tmp_path / "out")]
    script = f"import sys; sys.modules[{package!r}] = None; from actionpairs.cli import main; main()"
    command = [sys.executable, "-c", script, "extract", "table", *usual, *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    error, cured = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert cured.startswith(" cure: ")
    assert cure in cured
    assert "hidden" not in error


def test_extract_and_shard_need_no_torch(dataset: RawDataset, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("extends: table\nshard: {splits: {tests: {tabletest: 2}}}")
    script = f"""{BLOCK}
from actionpairs.cli import main
recipe, out = {str(tmp_path / "r.yaml")!r}, {str(tmp_path)!r}
if __name__ == "__main__":
    main(["extract", recipe, "--videos", {str(dataset.videos)!r}, "--annotations", {str(dataset.table)!r},
          "--out", out + "/pairs", "--workers", "1"], standalone_mode=False)
    main(["shard", recipe, "--pairs", out + "/pairs", "--out", out + "/shards"], standalone_mode=False)
"""
    path = tmp_path / "run.py"
    path.write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    result = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "shards/manifest.json").is_file()


@pytest.mark.parametrize(
    "command",
    [
        ["train", "demo", "--shards", "x", "--out", "y"],
        ["eval", "demo", "--model", "m", "--shards", "x", "--split", "s", "--out", "y"],
        ["compare", "x", "--out", "y"],
        ["demo"],
    ],
)
def test_without_torch_the_pip_line_is_given(tmp_path: Path, command: list[str]) -> None:
    script = f"{BLOCK}\nfrom actionpairs.cli import main\nmain({command!r})"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.returncode == 1
    assert "[train]" in result.stderr
    assert "Traceback" not in result.stderr


def test_importing_the_package_is_light() -> None:
    heavy = ["av", "cv2", "numpy", "pandas", "pyarrow", "torch", "diffusers", "pydantic", "yaml", "click"]
    script = f"import actionpairs, sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_dry_run_needs_no_video(dataset: RawDataset) -> None:
    result = invoke("extract", "table", "--annotations", dataset.table, "--dry-run", "--json")
    summary = json.loads(result.output)
    assert (summary["rows"], summary["selected"], summary["actions"]) == (6, 6, 1)
    assert summary["splits"] == {"table-train": 2, "tabletest": 4}


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_api_and_the_command_write_the_same_bytes_and_the_same_summary(
    dataset: RawDataset, tmp_path: Path
) -> None:
    import actionpairs

    summary = actionpairs.extract(
        "table",
        videos=str(dataset.videos),
        annotations=[str(dataset.table)],
        out=str(tmp_path / "api"),
        executor="serial",
    )
    options = ("--videos", dataset.videos, "--annotations", dataset.table, "--executor", "serial", "--json")
    result = invoke("extract", "table", *options, "--out", tmp_path / "command")
    printed = json.loads(result.stdout)
    assert content(tmp_path / "api") == content(tmp_path / "command")
    assert printed == {**json.loads(json.dumps(dataclasses.asdict(summary))), "out": str(tmp_path / "command")}
    assert summary.pairs == 6


COMMANDS = {"extract": "extract", "measure": "measure", "shard": "shard", "train": "train", "evaluate": "eval"}
SAME_NAMES = {name: name for name in ("compare", "edit", "verify", "merge", "mix", "stats", "export", "push")}


@pytest.mark.parametrize(("function", "command"), {**COMMANDS, **SAME_NAMES}.items())
def test_every_option_of_a_command_is_a_parameter_of_its_function(function: str, command: str) -> None:
    import actionpairs

    parameters = set(inspect.signature(getattr(actionpairs, function)).parameters)
    only_the_command = {
        *("quiet", "verbose", "debug"),
        "as_json",
        "dry_run",
        "executor_name",
        "address",
        "expected",
        "grid",
        "pairs",
        "shards",
        "changes",
        "bench",
        "data",
        *(f"judge_{name}" for name in ("source", "model", "cache", "concurrency", "allow_gaps", "dry_run")),
    }
    options = {option.name for option in main.commands[command].params if isinstance(option, click.Option)}
    assert options - only_the_command <= parameters


def test_the_api_is_what_it_says_and_nothing_else() -> None:
    import actionpairs

    assert set(dir(actionpairs)) == set(actionpairs.__all__)
    assert all(callable(getattr(actionpairs, name)) for name in actionpairs.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        actionpairs.nonsense  # noqa: B018


def test_an_old_name_in_a_recipe_is_one_line_of_warning(tmp_path: Path, dataset: RawDataset) -> None:
    recipe = tmp_path / "old.yaml"
    recipe.write_text("extends: table\nshard: {filters: {max_blown: 0.5}}\n")
    result = invoke("extract", recipe, "--annotations", dataset.table, "--dry-run")
    [line] = [line for line in result.stderr.splitlines() if "warning" in line.lower()]
    assert line.startswith("warning: ")
    assert "`max_overexposed`" in line


def test_a_full_disk_is_a_clear_error(dataset: RawDataset, tmp_path: Path) -> None:
    result = invoke(
        "extract", "table", "--videos", dataset.videos, "--annotations", dataset.table, "--out", "/dev/full/pairs"
    )
    assert result.exit_code == 1
    assert "error: /dev/full/pairs" in result.output


def test_a_key_is_changed_on_the_command_line() -> None:
    changes = ["--set", "train.steps=7", "--set", "train.lora={rank: 4}"]
    lines = invoke("recipe", "show", "editaction", *changes).output.splitlines()
    assert [line.split() for line in lines if "steps: 7" in line] == [["steps:", "7", "#", "--set"]]
    assert any("rank: 4" in line for line in lines)


def test_a_wrong_key_on_the_command_line_is_an_error_with_the_right_one() -> None:
    result = invoke("train", "editaction", "--shards", "x", "--out", "y", "--set", "train.stps=7")
    assert result.exit_code == 1
    assert "did you mean `steps`" in result.stderr


def test_recipes_are_listed_checked_and_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "editaction" in invoke("recipe", "list").output
    path, how_to_go_on = invoke("recipe", "new", "mine").output.splitlines()
    assert path == "mine.yaml"
    assert "pass mine.yaml in place of a recipe's name to extract, shard, train and eval" in how_to_go_on
    assert invoke("-q", "recipe", "new", "other").output == "other.yaml\n"
    assert invoke("recipe", "check", "mine.yaml").exit_code == 0
    (tmp_path / "mine.yaml").write_text("extends: table\nshard: {filters: {min_chnge: 1}}\n")
    wrong = invoke("recipe", "check", "mine.yaml")
    assert (wrong.exit_code, "did you mean `min_change`" in wrong.stderr) == (1, True)
