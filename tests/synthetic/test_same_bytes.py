"""The same arguments give the same bytes, in any process and by any number of workers."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from actionpairs.synthetic import RenderedSet, render_set

TINY = {"videos": 2, "actions_per_video": 1, "seed": 9, "size": (192, 108), "frame_rate": 10}
PROGRAM = """
import sys
from pathlib import Path
from actionpairs.synthetic import render_set
render_set(Path(sys.argv[1]), camera="head", **eval(sys.argv[2]))
"""


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> RenderedSet:
    return render_set(tmp_path_factory.mktemp("tiny"), camera="head", **TINY)


def test_two_workers_write_the_same_bytes_as_one(tiny: RenderedSet, tmp_path: Path) -> None:
    render_set(tmp_path, camera="head", **TINY, workers=2)
    assert digest(tmp_path) == digest(tiny.folder)


def test_another_hash_seed_changes_no_byte(tiny: RenderedSet, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "4321"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), repr(TINY)]
    subprocess.run(command, check=True, env=environment)
    assert digest(tmp_path) == digest(tiny.folder)


def test_another_seed_gives_another_video(tiny: RenderedSet, tmp_path: Path) -> None:
    other = render_set(tmp_path, camera="head", **{**TINY, "seed": 10})
    assert digest(other.videos) != digest(tiny.videos)


def test_rendering_again_touches_nothing(tiny: RenderedSet) -> None:
    before = {path: path.stat().st_mtime_ns for path in tiny.folder.rglob("*")}
    assert render_set(tiny.folder, camera="head", **TINY) == tiny
    assert {path: path.stat().st_mtime_ns for path in tiny.folder.rglob("*")} == before


def test_rendering_again_restores_only_what_is_missing(tmp_path: Path) -> None:
    rendered = render_set(tmp_path, camera="head", **TINY)
    whole = digest(tmp_path)
    kept = rendered.videos / "P01_01.MP4"
    stamp = kept.stat().st_mtime_ns
    (rendered.videos / "P01_02.MP4").unlink()
    render_set(tmp_path, camera="head", **TINY)
    assert digest(tmp_path) == whole
    assert kept.stat().st_mtime_ns == stamp


def test_other_arguments_replace_the_whole_set(tmp_path: Path) -> None:
    render_set(tmp_path, camera="head", **TINY)
    render_set(tmp_path, camera="head", **{**TINY, "videos": 1})
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == ["P01_01.MP4"]
