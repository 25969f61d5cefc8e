"""A far video gives the same table and pictures as a near one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actionpairs.errors import StorageError
from actionpairs.ranges import RangedFile
from actionpairs.video.decode import Video
from actionpairs.video.scaling import Picture
from tests.conftest import MakeVideo


def far_file(path: Path) -> RangedFile:
    data = path.read_bytes()
    return RangedFile(lambda start, stop: data[start:stop], size_bytes=len(data), where="s3://far/video")


@pytest.mark.parametrize(
    ("name", "codec"), [("v.mp4", "libx264"), ("v.mov", "mpeg4"), ("v.mkv", "libx264"), ("v.avi", "mpeg4")]
)
def test_table_and_pictures_are_those_of_the_near_file(make_video: MakeVideo, name: str, codec: str) -> None:
    path = make_video(name, codec=codec, options={"bf": "0"})
    with Video(str(path)) as near, Video(far_file(path)) as far:
        assert far.table == near.table
        wanted = near.table.shown[5::13]
        pairs = zip(near.pictures(wanted, short_side=64), far.pictures(wanted, short_side=64), strict=True)
        for (pts, one), (same, other) in pairs:
            assert pts == same
            assert isinstance(one, Picture)
            assert isinstance(other, Picture)
            assert np.array_equal(one.pixels, other.pixels)


def test_any_part_of_a_far_file_reads_as_the_near_one(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(300_000)
    (tmp_path / "x").write_bytes(data)
    file = far_file(tmp_path / "x")
    for start, size in [(0, 10), (299_990, 100), (65_530, 20), (5, 200_000), (400_000, 5)]:
        file.seek(start)
        assert file.read(size) == data[start : start + size]


def test_a_server_that_sends_the_whole_for_a_part_is_told_of() -> None:
    file = RangedFile(lambda start, stop: bytes(200_000), size_bytes=200_000, where="https://host/x")
    with pytest.raises(StorageError, match="https://host/x: its server sends the whole"):
        file.read(10)
