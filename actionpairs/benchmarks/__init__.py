"""Benchmarks of the field: one file for each reads its files as released and says what its scorer looks up.

To add one: write its file, and add its `load` here.
"""

from __future__ import annotations

from collections.abc import Mapping

from actionpairs.benchmarks import aurora, bytemorph, gedit, imgedit, motionedit, risebench
from actionpairs.benchmarks.benchmark import Benchmark, BenchmarkLoader, BenchmarkSample
from actionpairs.errors import ScoreError
from actionpairs.storage import Folder

__all__ = ["LOADERS", "Benchmark", "BenchmarkSample", "load"]

LOADERS: Mapping[str, BenchmarkLoader] = {
    "motionedit": motionedit.load,
    "bytemorph": bytemorph.load,
    "aurora": aurora.load,
    "risebench": risebench.load,
    "gedit": gedit.load,
    "imgedit": imgedit.load,
}


def load(name: str, data: str) -> Benchmark:
    """Read a benchmark's folder; raises ScoreError if there is no such one, or its files are others."""
    if name not in LOADERS:
        raise ScoreError(f"--bench {name}: no such benchmark.", cure=f"Choose one of: {', '.join(LOADERS)}.")
    return LOADERS[name](Folder(data))
