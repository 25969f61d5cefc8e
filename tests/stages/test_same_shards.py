"""The bytes of a data set depend on pairs and recipe alone: not on workers, machine, user, row order, kills."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import HEADER, RawDataset
from tests.stages.conftest import SMALL_RECIPE, content

BOOKKEEPING = {"manifest.json", "recipe.json"}  # these name the annotation file by its digest


def make(
    dataset: RawDataset, out: Path, *, workers: int = 1, before: str = "", table: Path | None = None
) -> dict[str, bytes]:
    """Run both commands as a user would, in a shell; gives every file of the shards folder."""
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    recipe = dataset.table.with_name("small.yaml")
    recipe.write_text(SMALL_RECIPE)
    python = f"{sys.executable} -m actionpairs"
    annotations = table or dataset.table
    script = f"""set -e; cd {Path(__file__).parents[2]}; {before}
{python} extract {recipe} --videos {dataset.videos} --annotations {annotations} \
  --out {out}/pairs --workers {workers}
{python} shard {recipe} --pairs {out}/pairs --out {out}/shards"""
    subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    return content(out / "shards")


@pytest.fixture
def usual(dataset: RawDataset, tmp_path: Path) -> dict[str, bytes]:
    return make(dataset, tmp_path / "usual")


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_change_no_byte_of_the_shards(
    dataset: RawDataset, tmp_path: Path, usual: dict[str, bytes], workers: int
) -> None:
    assert make(dataset, tmp_path / "many", workers=workers) == usual


def test_another_machine_changes_no_byte(dataset: RawDataset, tmp_path: Path, usual: dict[str, bytes]) -> None:
    before = (
        "export LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 PYTHONUTF8=0 TZ=Asia/Kathmandu PYTHONHASHSEED=7 "
        "USER=somebody LOGNAME=somebody HOSTNAME=elsewhere; umask 077"
    )
    assert make(dataset, tmp_path / "elsewhere", before=before) == usual


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_changes_no_byte(dataset: RawDataset, tmp_path: Path, usual: dict[str, bytes]) -> None:
    recipe, out = dataset.table.with_name("small.yaml"), tmp_path / "theirs"
    # The first run is root's: it loads the libraries, which may lie where nobody else can read.
    script = f"""
import os
from actionpairs.stages.shard import shard
for folder in ("{out}/root", "{out}/shards"):
    shard("{recipe}", pairs="{tmp_path}/usual/pairs", out=folder)
    os.setgid(65534), os.setuid(65534)
"""
    out.mkdir()
    out.chmod(0o777)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.name.startswith(("pytest", "test_", "popen-")):  # pytest's own, and those of its workers
            folder.chmod(0o755)
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
    assert (out / "shards/index.json").stat().st_uid == 65534
    assert content(out / "shards") == usual


def test_shuffled_rows_change_no_sample(dataset: RawDataset, tmp_path: Path, usual: dict[str, bytes]) -> None:
    header, *rows = dataset.table.read_text().splitlines(keepends=True)
    assert header == HEADER
    random.Random(0).shuffle(rows)
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text(header + "".join(rows))
    shuffled_rows = make(dataset, tmp_path / "shuffled", table=shuffled)
    assert {name: data for name, data in shuffled_rows.items() if name not in BOOKKEEPING} == {
        name: data for name, data in usual.items() if name not in BOOKKEEPING
    }


def killed(command: Sequence[str], folder: Path, after_seconds: float) -> bool:
    """Run a command and kill it so long after it takes hold of its folder; False where it had ended before."""

    def taken() -> int:
        return (folder / "recipe.json").stat().st_mtime_ns if (folder / "recipe.json").exists() else 0

    before = taken()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and taken() == before:
            time.sleep(0.001)
        try:
            assert process.wait(after_seconds) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            return True
        return False


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_kills_at_random_moments_change_no_byte(
    dataset: RawDataset, tmp_path: Path, usual: dict[str, bytes]
) -> None:
    recipe, pairs = dataset.table.with_name("small.yaml"), tmp_path / "usual/pairs"
    moments, kills, runs = random.Random(1), 0, 0
    while kills < 50:
        folder = tmp_path / f"killed-{runs}"
        command = [sys.executable, "-m", "actionpairs", "shard", str(recipe), "--pairs", str(pairs), "--out"]
        for _ in range(5):
            kills += killed([*command, str(folder)], folder, moments.uniform(0, 0.12))
        subprocess.run([*command, str(folder)], check=True, capture_output=True)
        assert content(folder) == usual
        runs += 1
