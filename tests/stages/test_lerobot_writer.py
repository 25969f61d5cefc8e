"""Data sets that lerobot's own writer makes give the frames that a full decode counts."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stages.lerobot_folders import LerobotFolder
from tests.stages.test_extract_lerobot import check, check_episodes, episode_of, run

ROOT = Path(__file__).parents[2]
# Without dependencies: torch, datasets and numpy are those of this environment. lerobot's next version needs
# Python 3.12.
PACKAGES = [
    *("lerobot==0.4.4", "av==15.1.0", "draccus==0.10.0", "jsonlines", "termcolor", "einops", "gymnasium"),
    *("deepdiff", "orderly-set", "mergedeep", "typing_inspect", "pyyaml-include", "toml", "cloudpickle"),
    *("farama-notifications", "mypy_extensions"),
]
Writer = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    """Runs lerobot_writer.py in an environment of its own; skips where lerobot cannot be installed."""
    folder = tmp_path_factory.mktemp("lerobot")
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "base.pth").write_text("\n".join(site.getsitepackages()))

    def write(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "tests.stages.lerobot_writer", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)

    pip = [str(python), "-m", "pip", "install", "-q", "--no-deps", *PACKAGES]
    if subprocess.run(pip, capture_output=True, timeout=300).returncode:
        pytest.skip("pip cannot install lerobot here")
    imported = write()
    if imported.returncode:
        pytest.skip(f"lerobot cannot be imported here: {imported.stderr.strip().splitlines()[-1]}")
    return write


@pytest.mark.slow
@pytest.mark.timeout(900)  # installs packages
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="lerobot 0.4 does not know this Python")
@pytest.mark.parametrize(
    ("codec", "lengths"),
    [
        ("libsvtav1", [37, 52, 41]),
        ("h264", [37, 52, 41]),
        ("h264", [7 + 5 * number % 11 for number in range(50)]),  # lerobot#3177: 50 episodes of 7 to 17 frames
    ],
)
def test_what_lerobot_writes_gives_the_frames_of_a_full_decode(
    writer: Writer, codec: str, lengths: list[int], tmp_path: Path
) -> None:
    done = writer(str(tmp_path / "set"), codec, ",".join(map(str, lengths)))
    assert done.returncode == 0, done.stderr[-2000:]
    firsts = tuple(sum(lengths[:index]) for index in range(len(lengths)))
    made = LerobotFolder(tmp_path / "set", tuple(lengths), firsts)
    for camera in ("top", "wrist"):
        check_episodes(made, run(made.root, tmp_path / camera, cameras=f"[{camera}]"))
    parts = run(made.root, tmp_path / "subtasks", segments="subtasks")
    assert len(parts) == 4 * len(lengths)
    for pair in parts:
        length = lengths[episode_of(pair)]
        is_first = pair.facts.segment.instruction == "reach"
        check(made, pair, (0, length // 2 - 1) if is_first else (length // 2, length - 1))
