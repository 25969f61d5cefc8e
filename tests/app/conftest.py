"""The page of the shipped model, served by the command itself, as a person would start it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.evaluation.conftest import SPLIT, make_shards


@dataclass
class Served:
    """A running `actionpairs app`: its address, its process, and where it keeps pictures."""

    url: str
    process: subprocess.Popen[str]
    temporary: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(root: Path, *options: str) -> Served:
    """Start the command and wait for its address."""
    (root / "tmp").mkdir()
    arguments = ["app", "tabletop", "--device", "cpu", "--port", str(free_port()), "--json", *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "actionpairs", *arguments],
        stdout=subprocess.PIPE,
        stderr=(root / "stderr").open("w"),
        text=True,
        # An address that nobody serves: a page that asks a proxy for itself, or calls home, fails.
        env={
            **os.environ,
            "TMPDIR": str(root / "tmp"),
            "HTTP_PROXY": "http://127.0.0.1:9",
            "OMP_NUM_THREADS": "1",
        },
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # background jobs ignore it
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, (root / "stderr").read_text()
    return Served(json.loads(line)["url"], process, root / "tmp")


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One page for all tests, with a second tab."""
    pytest.importorskip("gradio")
    root = tmp_path_factory.mktemp("app")
    shards = make_shards(root / "shards")
    page = start(root, "--shards", str(shards), "--split", SPLIT)
    yield page
    page.process.send_signal(signal.SIGINT)
    page.process.wait(60)
