"""Extraction on more cores and of more segments: throughput, memory of a worker, memory of the parent.

Cuts eight 1080p59.94 videos with one worker and with two, and plans a table of a million segments (`--dry-run`).
Memory is the peak resident set that /proc tells of a process, looked at every 20 ms.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contest import arguments, finish, machine, table
from extract import RECIPE, render, spans

SECONDS, VIDEOS, ROWS = 60, 8, 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took."""

    wall_seconds: float
    parent_mb: float
    child_mb: float  # the largest of its children


def watched(command: Sequence[str]) -> Run:
    """Run a command and look at its memory and its children's while it runs."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        parent = child = 0.0
        while process.poll() is None:
            parent = max(parent, _peak_mb(process.pid))
            child = max([child, *map(_peak_mb, _children(process.pid))])
            time.sleep(0.02)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(time.perf_counter() - begun, parent, child)


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), default=0.0)


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def cut(video: Path, work: Path, *, workers: int) -> Run:
    """Extract from eight copies of a video."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        folder = Path(name)
        rows = ["id,video,start,stop,text,verb,noun,group"]
        for copy in range(VIDEOS):
            os.link(video, folder / f"{copy}.mp4")
            rows += [
                f"{copy}-{number},{copy}.mp4,{each.start},{each.stop},do it,do,it,g"
                for number, each in enumerate(spans(SECONDS, copy))
            ]
        return watched(_command(folder, rows, "--videos", name, "--out", f"{name}/out", "--workers", str(workers)))


def plan(work: Path) -> Run:
    """Plan a million segments of a thousand videos."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        rows = ["id,video,start,stop,text,verb,noun,group"]
        for row in range(ROWS):
            person, thing, start = f"P{row % 50:02d}", f"door {row % 97}", row / 1000
            video = f"{person}_{row % 1000}"
            rows.append(f"{video}_{row},{video}.mp4,{start},{start + 2},open {thing},open,{thing},{person}")
        return watched(_command(Path(name), rows, "--dry-run"))


def _command(folder: Path, rows: Sequence[str], *options: str) -> list[str]:
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "rows.csv").write_text("\n".join(rows))
    command = [sys.executable, "-m", "actionpairs", "extract", str(folder / "recipe.yaml")]
    return [*command, "--annotations", str(folder / "rows.csv"), *options]


def main() -> None:
    """Render what is not there yet, run, print."""
    chosen = arguments(__doc__).parse_args()
    print(machine("av", "opencv-python-headless", "pyarrow"))
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(chosen.work or temporary)
        video = work / f"gop30-{SECONDS}s.mp4"
        if not video.exists():
            render(work / "partial.mp4", gop=30, seconds=SECONDS)
            (work / "partial.mp4").rename(video)
        one, two, planned = cut(video, work, workers=1), cut(video, work, workers=2), plan(work)
    rows = [("1 worker", one), ("2 workers", two), (f"plan of {ROWS:,}", planned)]
    print(
        table(
            ["", "wall s", "parent MiB", "largest child MiB"],
            [(name, run.wall_seconds, run.parent_mb, run.child_mb) for name, run in rows],
        )
    )
    print(f"two workers: {one.wall_seconds / two.wall_seconds:.2f} × the throughput of one")
    figures = {
        "workers2_over_1": one.wall_seconds / two.wall_seconds,
        "worker_mb": max(one.child_mb, two.child_mb),
        "parent_mb_1e6": planned.parent_mb,
    }
    finish(figures, as_json=chosen.json)


if __name__ == "__main__":
    main()
