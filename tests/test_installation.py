"""The command that installs an extra works where it is printed."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from actionpairs import installation

ORIGINS = {
    "an index": (None, ["actionpairs[train]"]),
    "an editable checkout": (
        {"url": "file:///work/my%20code", "dir_info": {"editable": True}},
        ["--editable", "/work/my code[train]"],
    ),
    "a folder": ({"url": "file:///work/code", "dir_info": {}}, ["/work/code[train]"]),
    "a wheel": (
        {"url": "file:///tmp/actionpairs-0.3.0-py3-none-any.whl", "archive_info": {}},
        ["actionpairs[train] @ file:///tmp/actionpairs-0.3.0-py3-none-any.whl"],
    ),
    "git": (
        {"url": "https://host/actionpairs.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
        ["actionpairs[train] @ git+https://host/actionpairs.git@abc"],
    ),
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_command_names_where_the_package_came_from(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    direct_url, expected = ORIGINS[origin]

    class Distribution:
        def read_text(self, name: str) -> str | None:
            return None if direct_url is None else json.dumps(direct_url)

    monkeypatch.setattr(installation.metadata, "distributions", lambda name: [Distribution()])
    monkeypatch.setattr(installation, "__file__", str(Path("/site-packages/actionpairs/installation.py")))
    words = shlex.split(installation.extra_command("train"))
    assert words == [sys.executable, "-m", "pip", "install", *expected]


def test_here_pip_finds_the_project_and_its_extra() -> None:
    words = shlex.split(installation.extra_command("mpii"))
    plan = [*words, "--dry-run", "--no-index", "--no-build-isolation", "--no-deps", "--quiet"]
    done = subprocess.run(plan, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert str(Path(__file__).parents[1]) in words[-1]
