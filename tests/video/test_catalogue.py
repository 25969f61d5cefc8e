"""A video's name finds files of the folder and nothing else."""

from __future__ import annotations

import pytest

from actionpairs.video.catalogue import Catalogue

NAMES = ["P01/videos/P01_01.MP4", "flat.mp4", "a/twin.mp4", "b/twin.mkv", "notes.txt"]


@pytest.mark.parametrize(
    ("video", "files"),
    [
        ("P01_01", ("P01/videos/P01_01.MP4",)),
        ("P01_01.MP4", ("P01/videos/P01_01.MP4",)),
        ("P01/videos/P01_01.MP4", ("P01/videos/P01_01.MP4",)),
        ("flat", ("flat.mp4",)),
        ("twin", ("a/twin.mp4", "b/twin.mkv")),
        ("a/twin.mp4", ("a/twin.mp4",)),
        ("notes", ()),
        ("../flat.mp4", ()),
        ("/etc/passwd", ()),
        ("https://x/y.mp4", ()),
        ("", ()),
    ],
)
def test_a_name_is_looked_up_never_followed(video: str, files: tuple[str, ...]) -> None:
    assert Catalogue(NAMES).find(video) == files
