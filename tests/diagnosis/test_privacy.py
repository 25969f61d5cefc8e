"""A report that people paste names neither them nor their machine, and its commands still work."""

from __future__ import annotations

import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from actionpairs.diagnosis import privacy


@pytest.fixture
def zach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody whose name stands in paths, as in `accelerate env` of huggingface/accelerate#2623."""
    monkeypatch.setenv("HOME", "/home/zach")
    monkeypatch.setenv("LOGNAME", "zach")
    monkeypatch.setattr(socket, "gethostname", lambda: "workpc.example.org")


@pytest.mark.usefixtures("zach")
@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("/home/zach/miniconda3/bin/python", "~/miniconda3/bin/python"),
        ("no file /home/zach", "no file ~"),
        ("/home/zachary/x", "/home/zachary/x"),
        ("/data/zach/tmp", "/data/<user>/tmp"),
        ("/data/zach-2/tmp", "/data/<user>-2/tmp"),
        ("zach@workpc.example.org", "<user>@<host>"),
        ("workpc: no space", "<host>: no space"),
        ("https://me:secret@host.org/x?sign=1", "https://host.org/x"),
        ("NVIDIA H200", "NVIDIA H200"),
    ],
)
def test_what_is_private_is_masked(text: str, public: str) -> None:
    assert privacy.masked(text) == public


@pytest.mark.usefixtures("zach")
def test_a_command_works_where_it_is_printed(tmp_path: Path) -> None:
    command = shlex.join(["/home/zach/a b/python", "-m", "pip", "install", "/data/$x/zach's[train]", "y>=1"])
    printed = privacy.shell_command(command)
    assert "zach" not in printed
    (tmp_path / "id").write_text("#!/bin/sh\necho zach\n")
    (tmp_path / "id").chmod(0o755)
    script = f"PATH={tmp_path}:$PATH; printf '%s\\n' {printed}"
    lines = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines == shlex.split(command)


@pytest.mark.parametrize("name", ["root", "ubuntu", "user", ""])
def test_a_name_that_thousands_have_is_no_secret(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setenv("LOGNAME", name or "root")
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    assert privacy.masked("the root user of ubuntu in /data") == "the root user of ubuntu in /data"


def test_a_user_without_a_name_or_home_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(privacy.getpass, "getuser", nobody)
    monkeypatch.setattr(Path, "home", homeless)
    assert privacy.masked("a text") == "a text"
