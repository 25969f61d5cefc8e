"""A remote video gives the same table and pictures as a local one."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from actionpairs.errors import StorageError
from actionpairs.ranges import RangedFile
from actionpairs.video.decode import Video
from actionpairs.video.reader import NotAsPlannedError
from actionpairs.video.scaling import FrameError, Picture
from tests.conftest import MakeNoise, MakeVideo

REAL = [
    "variants/base_bframes.mp4",
    "variants/bitflips.mp4",
    "variants/edit_list_trim.mp4",
    "variants/fragmented.mp4",
    "variants/hevc_10bit_opengop.mp4",
    "variants/open_gop.mp4",
    "variants/start_at_5s.mp4",
    "variants/truncated_faststart.mp4",
    "variants/vfr.mp4",
    "variants/mpegts.ts",
    "variants/matroska_ms_timestamps.mkv",
    "odd/tc_discard_first_keyframe.mp4",
    "odd/tc_test_non_zero_start.mp4",
    "odd/decord_corrupted.mp4",
    "odd/decord_unordered.mov",
]


class FarFile(RangedFile):
    """A file in memory that counts the requested bytes."""

    def __init__(self, data: bytes) -> None:
        self.bytes_requested = 0

        def read_range(start: int, stop: int) -> bytes:
            self.bytes_requested += stop - start
            return data[start:stop]

        super().__init__(read_range, size_bytes=len(data), where="s3://far/video")


def far_file(path: Path) -> FarFile:
    return FarFile(path.read_bytes())


def pictures(video: Video) -> dict[int, Picture | FrameError]:
    """Every seventh picture, read through if the plan fails."""
    try:
        return dict(video.pictures(range(5, len(video.timeline.frame_times), 7)))
    except NotAsPlannedError as error:
        video.read_through(str(error))
    return dict(video.pictures(range(5, len(video.timeline.frame_times), 7)))


def check_alike(path: Path) -> str:
    """Compare timeline and pictures of a remote and a local file; returns the remote decode mode."""
    with Video(str(path), short_side=64) as near, Video(far_file(path), short_side=64) as far:
        ours, theirs = pictures(near), pictures(far)
        assert far.timeline == near.timeline
        assert far.decode_mode == near.decode_mode
        assert ours.keys() == theirs.keys()
        for position, one in ours.items():
            other = theirs[position]
            if isinstance(one, Picture) and isinstance(other, Picture):
                assert np.array_equal(one.pixels, other.pixels)
            else:
                assert one == other
        return far.decode_mode


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("v.mp4", "libx264"),
        ("v.mp4", "libx265"),
        ("v.mp4", "libvpx-vp9"),
        ("v.mov", "mpeg4"),
        ("v.mkv", "libx264"),
        ("v.avi", "mpeg4"),
    ],
)
def test_table_and_pictures_are_those_of_the_near_file(make_video: MakeVideo, name: str, codec: str) -> None:
    path = make_video(name, codec=codec, options={} if codec == "libx264" else {"bf": "0"})
    check_alike(path)


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_alike_near_and_far(shared: Path, name: str) -> None:
    check_alike(shared / "videos" / name)


def test_the_table_of_a_far_mp4_takes_no_picture(make_noise: MakeNoise) -> None:
    path = make_noise("v.mp4", seconds=10)
    file = far_file(path)
    with Video(file, short_side=64) as far, Video(str(path), short_side=64) as near:
        assert far.timeline == near.timeline
        assert far.decode_mode == "planned"
    assert file.bytes_requested < 0.2 * path.stat().st_size


def test_a_fragmented_mp4_is_read_fragment_by_fragment(make_noise: MakeNoise, tmp_path: Path) -> None:
    whole, path = make_noise("v.mp4", seconds=6), tmp_path / "fragmented.mp4"
    options = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(whole)) as source, av.open(str(path), "w", options=options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    check_alike(path)


def test_an_index_that_is_wrong_about_keys_changes_no_picture(make_video: MakeVideo) -> None:
    path = make_video("v.mp4", options={"g": "12", "sc_threshold": "0"})
    keys = b"".join(number.to_bytes(4, "big") for number in (1, 13, 25, 37, 49))
    wrong = keys.replace((25).to_bytes(4, "big"), (30).to_bytes(4, "big"))
    data = path.read_bytes()
    assert data.count(keys) == 1
    path.write_bytes(data.replace(keys, wrong))
    with Video(str(path), short_side=64) as near, Video(far_file(path), short_side=64) as far:
        theirs = pictures(far)
        assert (near.decode_mode, far.decode_mode) == ("planned", "planned")  # from the key before
        for position, picture in pictures(near).items():
            assert np.array_equal(picture.pixels, theirs[position].pixels)


def test_any_part_of_a_far_file_reads_as_the_near_one(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(300_000)
    (tmp_path / "x").write_bytes(data)
    file = far_file(tmp_path / "x")
    for start, size in [(0, 10), (299_990, 100), (65_530, 20), (5, 200_000), (400_000, 5)]:
        file.seek(start)
        assert file.read(size) == data[start : start + size]


def test_a_server_that_ignores_ranges_is_an_error() -> None:
    file = RangedFile(lambda start, stop: bytes(200_000), size_bytes=200_000, where="https://host/x")
    with pytest.raises(StorageError, match="https://host/x: its server sends the whole"):
        file.read(10)
