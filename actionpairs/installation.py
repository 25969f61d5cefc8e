"""How this package was installed, and the command that adds an extra to it."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

_NAME = "actionpairs"


def extra_command(extra: str) -> str:
    """The pip command that installs an extra beside this very installation: a checkout, a file, git or an index.

    It names the interpreter that runs now, since the `pip` on the path can be that of another environment.
    """
    return shlex.join([sys.executable, "-m", "pip", "install", *_requirement(extra, _direct_url())])


def _requirement(extra: str, origin: dict[str, Any] | None) -> list[str]:
    """pip's arguments. origin: direct_url.json (PEP 610); None if the package came from an index."""
    if origin is None:
        return [f"{_NAME}[{extra}]"]
    url = str(origin.get("url", ""))
    if "dir_info" in origin:
        folder = url2pathname(urlsplit(url).path)
        editable = ["--editable"] if origin["dir_info"].get("editable") else []
        return [*editable, f"{folder}[{extra}]"]
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return [f"{_NAME}[{extra}] @ {vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', 'HEAD')}"]
    return [f"{_NAME}[{extra}] @ {url}"]


def _direct_url() -> dict[str, Any] | None:
    for installed in metadata.distributions(name=_NAME):  # a checkout's own egg-info may come before the real one
        text = installed.read_text("direct_url.json")
        if text:
            content: dict[str, Any] = json.loads(text)
            return content
    checkout = Path(__file__).parents[1]
    return (
        {"url": checkout.as_uri(), "dir_info": {"editable": True}} if (checkout / "setup.cfg").exists() else None
    )
