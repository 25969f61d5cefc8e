"""Released JPEG frames are located, numbered and read in place."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpairs.errors import VideoError
from actionpairs.records import Reason
from actionpairs.storage import Folder
from actionpairs.video.released import ReleasedFrames, find
from actionpairs.video.scaling import FrameError, Picture
from tests.conftest import draw_index, read_index

PATTERN = "frame_{:010d}.jpg"


def jpeg(number: int) -> bytes:
    return cv2.imencode(".jpg", draw_index(number, width=456, height=256))[1].tobytes()


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """P01_01 as a folder and P01_102 as a tar, 120 frames each, as EPIC-KITCHENS has them."""
    folder = tmp_path / "frames/P01/rgb_frames/P01_01"
    folder.mkdir(parents=True)
    with tarfile.open(folder.parent / "P01_102.tar", "w") as tar:
        for number in range(1, 121):
            data = jpeg(number)
            (folder / PATTERN.format(number)).write_bytes(data)
            member = tarfile.TarInfo(f"./{PATTERN.format(number)}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return tmp_path / "frames"


def test_folders_and_tars_are_found_without_listing_frames(frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    plain = Folder.entries

    def watched(self: Folder, name: str = "") -> object:
        listed.append(name)
        return plain(self, name)

    monkeypatch.setattr(Folder, "entries", watched)
    paths = find(Folder(frames), {"P01_01", "P01_102", "P09_99"})
    assert paths == {
        "P01_01": ["P01/rgb_frames/P01_01"],
        "P01_102": ["P01/rgb_frames/P01_102.tar"],
        "P09_99": [],
    }
    assert "P01/rgb_frames/P01_01" not in listed


@pytest.mark.parametrize(("file", "rate"), [("P01/rgb_frames/P01_01", 60), ("P01/rgb_frames/P01_102.tar", 50)])
def test_frame_numbers_are_those_of_the_annotation(frames: Path, file: str, rate: int) -> None:
    """EPIC's start_frame is int(start × rate): that frame is "before"; "after" is the last one before stop."""
    with ReleasedFrames(Folder(frames), file, rate="epic", pattern=PATTERN, short_side=256) as source:
        before, after = source.timeline.on_screen_at(0.51), source.timeline.last_before(1.2)
        assert source.timeline.frame_times[before] == int(0.51 * rate)
        assert source.timeline.frame_times[after] == 1.2 * rate - 1
        pictures = dict(source.pictures([after, before]))
    for position in (before, after):
        picture = pictures[position]
        assert isinstance(picture, Picture)
        assert read_index(picture.pixels, height=256) == source.timeline.frame_times[position]


def test_a_frame_that_is_missing_or_cut_off_is_not_replaced_by_another(frames: Path) -> None:
    folder = frames / "P01/rgb_frames/P01_01"
    (folder / PATTERN.format(50)).unlink()
    path = folder / PATTERN.format(60)
    path.write_bytes(path.read_bytes()[:-400])
    (folder / PATTERN.format(70)).write_bytes(b"")
    with ReleasedFrames(
        Folder(frames), "P01/rgb_frames/P01_01", rate=60, pattern=PATTERN, short_side=256
    ) as source:
        pictures = dict(source.pictures([49, 59, 69, 70]))
    reasons = [picture.reason if isinstance(picture, FrameError) else None for picture in pictures.values()]
    assert reasons == [Reason.DECODE_ERROR, Reason.DAMAGED_PICTURE, Reason.DECODE_ERROR, None]


def test_a_folder_without_frames_and_a_broken_tar_are_video_errors(frames: Path) -> None:
    (frames / "P02_01").mkdir()
    with pytest.raises(VideoError, match=r"called like frame_0000000001\.jpg"):
        ReleasedFrames(Folder(frames), "P02_01", rate="epic", pattern=PATTERN, short_side=256)
    (frames / "P02_02.tar").write_bytes(b"x" * 2000)
    with pytest.raises(VideoError, match="tar"):
        ReleasedFrames(Folder(frames), "P02_02.tar", rate="epic", pattern=PATTERN, short_side=256)
    (frames / "kitchen").mkdir()
    (frames / "kitchen" / PATTERN.format(1)).write_bytes(jpeg(1))
    with pytest.raises(VideoError, match=r"released_frames\.rate"):
        ReleasedFrames(Folder(frames), "kitchen", rate="epic", pattern=PATTERN, short_side=256)


def test_large_frames_are_made_smaller(frames: Path) -> None:
    with ReleasedFrames(
        Folder(frames), "P01/rgb_frames/P01_01", rate=60, pattern=PATTERN, short_side=128
    ) as source:
        [(_, picture)] = source.pictures([5])
    assert isinstance(picture, Picture)
    assert np.shape(picture.pixels) == (128, 228, 3)
