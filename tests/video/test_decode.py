"""Decoded frames are the requested frames."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

from actionpairs.errors import VideoError
from actionpairs.video.decode import Video
from actionpairs.video.reader import NotAsPlannedError
from actionpairs.video.runs import Run
from actionpairs.video.scaling import FrameError, Picture
from tests.conftest import MakeVideo, read_index

RATE = 30000 / 1001


def indices(path: Path, times: list[float], *, before: bool, height: int) -> list[int]:
    with path.open("rb") as file, Video(file, short_side=512) as video:
        locate = video.timeline.on_screen_at if before else video.timeline.last_before
        positions = [locate(time) for time in times]
        pictures = dict(video.pictures(positions))
        return [read_index(pictures[position].pixels, height=height) for position in positions]


def all_pictures(video: Video) -> dict[int, Picture | FrameError]:
    """Every picture by its position, read through if the plan fails."""
    try:
        return dict(video.pictures(range(len(video.timeline.frame_times))))
    except NotAsPlannedError as error:
        video.read_through(str(error))
    return dict(video.pictures(range(len(video.timeline.frame_times))))


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts", "v.avi", "v.mov"])
@pytest.mark.parametrize("gop", ["1", "12", "250"])
def test_every_frame_is_returned_at_its_time(make_video: MakeVideo, name: str, gop: str) -> None:
    # AVI has no presentation times, so B-frames would move its last frame; the real .avi below has B-frames.
    codec, reorder = ("mpeg4", "0") if name.endswith("avi") else ("libx264", "2")
    path = make_video(name, frames=40, codec=codec, options={"g": gop, "bf": reorder})
    middles = [(number + 0.5) / RATE for number in range(40)]
    assert indices(path, middles, before=True, height=144) == list(range(40))


def test_before_is_the_frame_on_screen_and_after_precedes_stop(make_video: MakeVideo) -> None:
    path = make_video(frames=30)
    exactly = [10 * 1001 / 30000]
    assert indices(path, exactly, before=True, height=144) == [10]
    assert indices(path, exactly, before=False, height=144) == [9]


def test_times_follow_pts_where_the_rate_varies(make_video: MakeVideo) -> None:
    pts = [0, 1001, 9009, 10010, 60060, 61061, 90090]
    path = make_video("vfr.mp4", pts=pts)
    assert indices(path, [0.2, 0.31, 1.0, 2.5, 3.1], before=True, height=144) == [1, 2, 3, 5, 6]


def test_time_zero_is_the_first_frame_shown(make_video: MakeVideo) -> None:
    path = make_video("late.mkv", pts=[150000 + number * 1001 for number in range(20)])
    assert indices(path, [0.0, 5.5 / RATE], before=True, height=144) == [0, 5]


def test_few_frames_of_a_long_video_need_few_decoded(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(frames=300)
    decoded = 0
    plain = Video._decode_packets

    def counted(self: Video, run: Run) -> Iterator[VideoFrame]:
        nonlocal decoded
        for frame in plain(self, run):
            decoded += 1
            yield frame

    monkeypatch.setattr(Video, "_decode_packets", counted)
    assert indices(path, [0.0, 150.5 / RATE, 298.5 / RATE], before=True, height=144) == [0, 150, 298]
    assert decoded <= 2 * 12


def test_pictures_are_made_smaller_never_larger(make_video: MakeVideo) -> None:
    path = make_video(size=(512, 288))
    shapes = []
    for side in (72, 9999):
        with Video(str(path), short_side=side) as video:
            shapes.append(dict(video.pictures([0]))[0].pixels.shape[:2])
    assert shapes == [(72, 128), (288, 512)]


@pytest.mark.parametrize("content", [b"", b"just text", b"\x00" * 5000])
def test_a_file_that_is_no_video_is_a_video_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError), path.open("rb") as file:
        Video(file, short_side=512)


def test_a_truncated_video_gives_the_frames_it_has(make_video: MakeVideo) -> None:
    whole = make_video("v.mkv", frames=120)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with whole.open("rb") as file, Video(file, short_side=512) as video:
        pictures = all_pictures(video)
        frame_count = len(video.timeline.frame_times)
    good = [number for number, picture in pictures.items() if not isinstance(picture, FrameError)]
    assert 20 < len(good) < 120
    assert all(read_index(pictures[number].pixels, height=144) == number for number in good)
    assert frame_count < 120


WHOLE = [
    ("base_bframes.mp4", 0, 179),
    ("edit_list_trim.mp4", 93, 179),
    ("fragmented.mp4", 0, 179),
    ("hevc_10bit_opengop.mp4", 0, 179),
    ("matroska_ms_timestamps.mkv", 0, 179),
    ("mpeg4_asp_bframes.avi", 0, 179),
    ("mpegts.ts", 0, 179),
    ("open_gop.mp4", 0, 179),
    ("start_at_5s.mp4", 0, 179),
    ("vp9.webm", 0, 179),
]


@pytest.mark.parametrize(("name", "first", "last"), WHOLE)
def test_real_containers_give_the_frame_asked_for(shared: Path, name: str, first: int, last: int) -> None:
    path = shared / "videos" / "variants" / name
    draw = random.Random(name)
    wanted = [0, last - first, *(draw.randrange(last - first + 1) for _ in range(20))]
    middles = [(number + 0.5) / RATE for number in wanted]
    assert indices(path, middles, before=True, height=240) == [first + number for number in wanted]


def test_real_variable_rate_gives_every_frame_in_order(shared: Path) -> None:
    with Video(str(shared / "videos/variants/vfr.mp4"), short_side=512) as video:
        assert video.decode_mode == "planned"
        numbers = [read_index(picture.pixels, height=240) for picture in all_pictures(video).values()]
    assert len(numbers) == 127
    assert numbers == sorted(set(numbers))


def test_damage_that_the_decoder_conceals_is_reported(shared: Path) -> None:
    """Frames 92 to 119 differ from the undamaged file; the decoder itself flags two of them."""
    with Video(str(shared / "videos/variants/bitflips.mp4"), short_side=512) as video:
        pictures = all_pictures(video)
    damaged = {number for number, picture in pictures.items() if isinstance(picture, FrameError)}
    assert damaged >= set(range(92, 120))
    assert len(damaged) <= 30  # the decoder may also drop frames that it has not output yet


@pytest.mark.parametrize("name", [name for name, _, _ in WHOLE])
def test_all_frames_can_be_requested_at_once(shared: Path, name: str) -> None:
    with (shared / "videos" / "variants" / name).open("rb") as file, Video(file, short_side=512) as video:
        pictures = all_pictures(video)
        # AVI has no presentation times, so the display order of B-frames is not in the packets.
        assert video.decode_mode == ("read through" if name.endswith("avi") else "planned")
    assert not [picture for picture in pictures.values() if isinstance(picture, FrameError)]


def test_decoded_frames_are_checked_against_the_plan(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As fuzzing showed, broken files make decoders repeat, delay or drop frames."""
    with Video(str(make_video(frames=12)), short_side=512) as video:
        positions = range(len(video.timeline.frame_times))
        plain = Video._decode_packets

        def doubled(self: Video, run: Run) -> Iterator[VideoFrame]:
            for number, frame in enumerate(plain(self, run)):
                yield from [frame] * (1 + (number == 3))

        def short(self: Video, run: Run) -> Iterator[VideoFrame]:
            return (frame for number, frame in enumerate(plain(self, run)) if number != 5)

        for changed, message in ((doubled, "another order"), (short, "do not come out")):
            monkeypatch.setattr(Video, "_decode_packets", changed)
            with pytest.raises(NotAsPlannedError, match=message):
                list(video.pictures(positions))
        monkeypatch.setattr(Video, "_decode_packets", plain)
        video.read_through("a test")
        assert [read_index(picture.pixels, height=144) for _, picture in video.pictures(positions)] == list(
            positions
        )


def test_a_stream_of_an_unknown_codec_is_a_video_error(make_video: MakeVideo) -> None:
    path = make_video("v.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC"))
    with pytest.raises(VideoError):
        Video(str(path), short_side=512)
