"""How benchmarks measure: each command in its own process; the figures as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """The time that a process and its children used."""

    wall_seconds: float
    cpu_seconds: float


def timed(command: Sequence[str], *, quiet: bool = True) -> Cost:
    """Run a command to its end. Raises CalledProcessError, with the end of its output, if it fails."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT, text=True
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output=output[-2000:])
    wall = time.perf_counter() - start
    return Cost(wall, used.ru_utime + used.ru_stime)


@dataclass(frozen=True, slots=True)
class Run:
    """The time and memory that a command used."""

    wall_seconds: float
    cpu_seconds: float
    parent_mb: float
    child_mb: float  # the largest of its children


def watched(command: Sequence[str]) -> Run:
    """Run a command and sample its memory, and that of its children, while it runs."""
    start, used = time.perf_counter(), os.times()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        parent = child = 0.0
        while process.poll() is None:
            parent = max(parent, _peak_mb(process.pid))
            child = max([child, *map(_peak_mb, _children(process.pid))])
            time.sleep(0.02)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    wall, now = time.perf_counter() - start, os.times()
    cpu = now.children_user + now.children_system - used.children_user - used.children_system
    return Run(wall, cpu, parent, child)


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


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as aligned text, numbers to three significant digits."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in each)
        for each in (list(enumerate(zip(row, widths, strict=True))) for row in cells)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine(*packages: str) -> str:
    """The machine and the package versions of a measurement."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {model}; Python {platform.python_version()}; {', '.join(versions)}"


def arguments(text: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one line of JSON at the end")
    parser.add_argument(
        "--work", help="folder for rendered videos, kept for the next run; default: a temporary one"
    )
    return parser


def finish(figures: Mapping[str, float], *, as_json: bool) -> None:
    """Print the figures that issues and the README name."""
    if as_json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
    sys.stdout.flush()
