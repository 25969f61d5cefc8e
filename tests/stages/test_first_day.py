"""The README's road for one's own videos, command by command, on three short clips and a table."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RawDataset

README = Path(__file__).parents[2] / "README.md"
SHORTER = {
    "train": "train.steps=3 train.warmup_steps=1 train.batch_size=2 train.sample_count=1",
    "eval": "eval.steps=2",
}


def own_videos_commands() -> list[list[str]]:
    """The commands of the section "Your own videos", without those that need a GPU's editor."""
    section = README.read_text(encoding="utf-8").partition("\n## Your own videos\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    commands = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("actionpairs ")]
    return [words for words in commands if words[:2] != ["train", "table"]]


@pytest.mark.slow
def test_the_commands_for_ones_own_videos_run_as_they_are_printed(dataset: RawDataset, tmp_path: Path) -> None:
    day = tmp_path / "day"
    day.mkdir()
    (day / "my-videos").symlink_to(dataset.videos)
    (day / "my-table.csv").write_text(dataset.table.read_text())
    commands = own_videos_commands()
    assert [words[0] for words in commands] == ["extract", "shard", "train", "eval", "extract", "recipe"]
    for words in commands:
        changes = [part for change in SHORTER.get(words[0], "").split() for part in ("--set", change)]
        done = subprocess.run(
            [sys.executable, "-m", "actionpairs", *words, *changes],
            cwd=day,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (words, done.stderr)
        if words[0] == "eval":
            assert "out/report/index.html" in done.stdout
            assert "SSIM" in done.stdout
    assert (day / "out/report/index.html").stat().st_size > 10_000
    assert (day / "mine.yaml").exists()
