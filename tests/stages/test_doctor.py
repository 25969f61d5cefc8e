"""doctor: what it prints can be pasted, its verdict is what extract and shard really do, and nothing stops it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from actionpairs.cli import main
from actionpairs.diagnosis import machine
from actionpairs.diagnosis.records import Devices, Extra, Processors, SelfTest
from actionpairs.stages import doctor as stage
from actionpairs.stages import self_test

WORKS = SelfTest(True, 1.0, ("rendered",), "")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the process that imports torch, and with a self-test that has passed."""
    monkeypatch.setattr(stage, "DeviceProbe", lambda: replace_result(Devices("", (), "")))
    monkeypatch.setattr(stage, "_self_test", lambda: WORKS)


def replace_result(devices: Devices) -> object:
    return type("Probe", (), {"result": lambda self: devices})()


def doctor(*options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *options])


def test_a_report_names_nobody_and_ends_with_its_verdict(tmp_path: Path) -> None:
    home = tmp_path / "home" / "zachary"
    home.mkdir(parents=True)
    environment = {
        "HOME": str(home),
        "LOGNAME": "zachary",
        "TMPDIR": str(home),
        "HF_TOKEN": "hf_secret",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "OMP_NUM_THREADS": "1",
    }
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys('torch diffusers transformers accelerate matplotlib'.split()))\n"
        "from actionpairs.diagnosis import devices\n"
        "devices.version_of = lambda name: ''\n"
        "from actionpairs.cli import main\n"
        "if __name__ == '__main__': main(['doctor', '-v'], prog_name='actionpairs')\n"
    )
    (home / "run.py").write_text(script)
    command = [sys.executable, str(home / "run.py")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=home)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1].startswith("verdict: extract and shard work here")
    assert "compared 6 pictures" in result.stdout
    assert "HF_TOKEN" in result.stdout
    assert not [word for word in ("zachary", "hf_secret", str(tmp_path)) if word in result.stdout]


@pytest.mark.usefixtures("quick")
def test_json_is_one_line_with_the_verdict() -> None:
    result = doctor("--json")
    [line] = result.stdout.splitlines()
    content = json.loads(line)
    assert (content["works"], result.exit_code) == (True, 0)
    assert content["packages"]["versions"]["av"]
    assert {place["name"] for place in content["places"]} >= {"current folder", "temporary files"}


def fails_with(error: Exception) -> Callable[..., None]:
    def function(*_: object, **__: object) -> None:
        raise error

    return function


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_where_extract_cannot_work_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setattr(stage, "_self_test", self_test.run)
    monkeypatch.setattr(self_test, "extract", fails_with(OSError(38, "Function not implemented: semaphores")))
    result = doctor(*options)
    assert result.exit_code == 1
    assert "extract and shard do not work here: OSError" in result.stdout.splitlines()[-1]


@pytest.mark.usefixtures("quick")
def test_a_package_that_is_too_old_is_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    real = stage.packages.installed()
    lacking = replace(real, lacks=("av 18 or newer (it is 17.0)",))
    monkeypatch.setattr(stage.packages, "installed", lambda: lacking)
    result = doctor()
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].endswith("not installed: av 18 or newer (it is 17.0)")


def test_an_import_that_fails_is_the_result_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "actionpairs.stages.self_test", None)
    monkeypatch.delattr("actionpairs.stages.self_test")
    assert "ModuleNotFoundError" in stage._self_test().error


def test_the_test_notices_a_frame_that_is_not_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "decode_frame_index", lambda _: 3)
    assert self_test.run().error.startswith("first: frame 3 was extracted where frame 2 is right")


def test_the_test_notices_colors_that_are_swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test.cv2, "cvtColor", lambda picture, _: picture)
    assert "of 255 levels away" in self_test.run().error


def test_the_test_notices_segments_that_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_SEGMENTS", {**self_test._SEGMENTS, "late": (400, 410)})
    result = self_test.run()
    assert not result.works
    assert "past_end" in result.error


def test_the_test_works_without_x264(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_ENCODERS", ("libnothing264", "mpeg4"))
    result = self_test.run()
    assert (result.works, result.steps[0]) == (True, "rendered 45 frames, encoded by mpeg4"), result.error


@pytest.mark.usefixtures("quick")
def test_what_will_surprise_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "processors", lambda: Processors(96, 96, 2.5, {}))
    monkeypatch.setattr(machine, "open_files", lambda: (256, 10240))
    monkeypatch.setattr(
        stage, "DeviceProbe", lambda: replace_result(Devices("", (), "NameError: name 'TypeAdapter'"))
    )
    text = doctor().stdout
    assert "commands start 96 processes, and a cgroup grants 2.5 cores: give `--workers 2`" in text
    assert "`ulimit -n 1024`" in text
    assert "torch is installed, and cannot be used: NameError" in text


@pytest.mark.usefixtures("quick")
def test_without_the_extra_train_the_verdict_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = stage.packages.installed()
    extras = (Extra("train", ("torch",), "pip install 'actionpairs[train]'"),)
    monkeypatch.setattr(stage.packages, "installed", lambda: dataclasses.replace(real, extras=extras))
    result = doctor()
    assert result.exit_code == 0
    assert "lacks torch: pip install 'actionpairs[train]'" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("train, eval, edit and demo need the extra `train`")
