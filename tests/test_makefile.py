"""`make` says which Python it needs, and makes a broken environment again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)


def interpreter(path: Path, version: str, *, is_new_enough: bool) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'#!/bin/sh\ntest "$1" = -V && echo "Python {version}" && exit 0\nexit {int(not is_new_enough)}\n'
    )
    path.chmod(0o755)
    return path


def environment(folder: Path, *, shebang: Path) -> Path:
    interpreter(folder / "bin/python", "3.12.1", is_new_enough=True)
    (folder / "bin/pip").write_text(f"#!{shebang}/bin/python\n")
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (folder / "installed").touch()
    return folder


def test_an_old_python_is_named_with_the_way_to_give_another(tmp_path: Path) -> None:
    old = interpreter(tmp_path / "python3.10", "3.10.13", is_new_enough=False)
    venv = tmp_path / "venv"
    done = make(f"{venv}/installed", f"VENV={venv}", f"PYTHON={old}")
    assert done.returncode == 2
    assert "needs Python 3.11 or newer" in done.stderr
    assert "is Python 3.10.13" in done.stderr
    assert "PYTHON=python3.12" in done.stderr
    assert not venv.exists()


def test_a_whole_environment_is_left_alone(tmp_path: Path) -> None:
    venv = environment(tmp_path / "venv", shebang=tmp_path / "venv")
    assert "up to date" in make("-n", f"{venv}/installed", f"VENV={venv}").stdout


@pytest.mark.parametrize("fault", ["moved", "its Python is gone", "of an older Python"])
def test_a_broken_environment_is_made_again(tmp_path: Path, fault: str) -> None:
    venv = environment(tmp_path / "venv", shebang=tmp_path / ("elsewhere" if fault == "moved" else "venv"))
    if fault == "its Python is gone":
        (venv / "bin/python").unlink()
    elif fault == "of an older Python":
        interpreter(venv / "bin/python", "3.10.13", is_new_enough=False)
    steps = make("-n", f"{venv}/installed", f"VENV={venv}", "PYTHON=python3").stdout
    assert "is made again" in steps
    assert f"rm -rf {venv}" in steps
    assert f"python3 -m venv {venv}" in steps


def test_a_folder_that_is_no_environment_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    steps = make("-n", f"{tmp_path}/mine/installed", f"VENV={tmp_path}/mine", "PYTHON=python3").stdout
    assert "rm -rf" not in steps
