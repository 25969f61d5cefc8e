"""Videos that are missing are named, with their share; if all are missing, that is an error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from actionpairs.errors import VideoError
from actionpairs.extraction import missing_videos
from actionpairs.extraction.nearest_videos import NOT_THERE, nearest, with_nearest
from actionpairs.records import Reason, Rejection
from actionpairs.stages.extract import extract
from tests.conftest import HEADER, RawDataset


def missing(*videos: str) -> list[Rejection]:
    return [Rejection(f"s{n}", video, "extract", Reason.VIDEO_MISSING, "") for n, video in enumerate(videos)]


def test_ten_are_named_then_counted_with_the_share_of_their_segments() -> None:
    rejections = missing(*(f"v{number:02}.mp4" for number in range(12)), "v00.mp4")
    rejections.append(Rejection("other", "z.mp4", "extract", Reason.PAST_END, ""))
    assert missing_videos.describe(rejections, segments=52) == (
        "no video for 13 of 52 segments (25 %): v00.mp4, v01.mp4, v02.mp4, v03.mp4, v04.mp4, v05.mp4, v06.mp4, "
        "v07.mp4, v08.mp4, v09.mp4, 2 more"
    )
    assert missing_videos.describe(rejections[-1:], segments=52) == ""


def test_a_name_that_a_terminal_would_obey_is_escaped() -> None:
    assert "\x1b" not in missing_videos.describe(missing("\x1b[2J.mp4"), segments=2)


def test_the_terminal_names_what_is_missing_and_says_it_again(dataset: RawDataset, tmp_path: Path) -> None:
    dataset.add("x_0,gone.mp4,0,1,take cup,take,cup,x", "x_1,lost.mp4,0,1,take cup,take,cup,x")
    command = ["extract", "table", "--videos", str(dataset.videos), "--annotations", str(dataset.table)]
    for _ in range(2):
        result = CliRunner().invoke(main, [*command, "--executor", "serial", "--out", str(tmp_path / "out")])
        assert result.exit_code == 0
        assert "no video for 2 of 8 segments (25 %): gone.mp4, lost.mp4" in result.output
    assert "gone.mp4, lost.mp4" in (tmp_path / "out/index.html").read_text(encoding="utf-8")


def test_a_share_above_max_rejected_names_them_too(dataset: RawDataset, tmp_path: Path) -> None:
    dataset.add("x_0,gone.mp4,0,1,take cup,take,cup,x")
    strict = tmp_path / "strict.yaml"
    strict.write_text("extends: table\nextract: {max_rejected: 0.1}")
    with pytest.raises(VideoError, match=r"1 of 7 segments failed.*no video for 1 of 7 segments.*: gone\.mp4"):
        run(dataset, tmp_path, recipe=strict)


def run(dataset: RawDataset, tmp_path: Path, *, recipe: str | Path = "table") -> None:
    files = [str(dataset.table)]
    extract(recipe, videos=str(dataset.videos), annotations=files, out=str(tmp_path / "out"), executor="serial")


def test_all_missing_is_an_error_that_shows_both_kinds_of_names(dataset: RawDataset, tmp_path: Path) -> None:
    dataset.table.write_text(f"{HEADER}x,clip_a,0,1,take cup,take,cup,x\ny,clip_b,0,1,take cup,take,cup,x\n")
    with pytest.raises(
        VideoError, match=r"2 of 2 segments \(100 %\): clip_a, clip_b.*it has a\.mp4, b\.mp4"
    ) as error:
        run(dataset, tmp_path)
    assert "extract.annotations.video" in error.value.cure
    assert not (tmp_path / "out/manifest.json").exists()
    dataset.table.write_text(f"{HEADER}x,a.mp4,0,1,take cup,take,cup,x\n")
    for video in dataset.videos.iterdir():
        video.unlink()
    with pytest.raises(VideoError, match="it is empty"):
        extract("table", videos=str(dataset.videos), annotations=[str(dataset.table)], out=str(tmp_path / "new"))


def test_a_finished_run_whose_videos_are_gone_is_still_finished(dataset: RawDataset, tmp_path: Path) -> None:
    run(dataset, tmp_path)
    for video in dataset.videos.iterdir():
        video.unlink()
    run(dataset, tmp_path)


def test_released_frames_that_are_all_missing_are_an_error(dataset: RawDataset, tmp_path: Path) -> None:
    (tmp_path / "frames/P01").mkdir(parents=True)
    with pytest.raises(VideoError, match=r"6 of 6 segments.*it has P01") as error:
        extract(
            "table", frames=str(tmp_path / "frames"), annotations=[str(dataset.table)], out=str(tmp_path / "out")
        )
    assert "--frames" in error.value.cure


def test_the_nearest_file_is_named_for_a_misspelled_video_and_stays_so(
    dataset: RawDataset, tmp_path: Path
) -> None:
    (dataset.videos / "more").mkdir()
    (dataset.videos / "a.mp4").rename(dataset.videos / "more/sam2_04_coffee.mp4")
    dataset.table.write_text(
        dataset.table.read_text().replace("a.mp4", "sam2_04_coffee.mp4").replace("b.mp4", "sam2_04_cofee.mp4")
    )
    command = ["extract", "table", "--videos", str(dataset.videos), "--annotations", str(dataset.table)]
    for _ in range(2):
        result = CliRunner().invoke(main, [*command, "--executor", "serial", "--out", str(tmp_path / "out")])
        assert "sam2_04_cofee.mp4 (nearest: more/sam2_04_coffee.mp4)" in result.output


@pytest.mark.parametrize(
    ("video", "files", "near"),
    [
        ("P05_99.MP4", ["P05_02.MP4", "P05_9.MP4"], ""),  # other numbers are other videos
        ("clip_7", ["clip_007b.mp4"], "clip_007b.mp4"),
        ("kitchen.mov", ["x/kitchen.mp4", "kitten.mp4"], "x/kitchen.mp4"),
        ("gone.mp4", ["a.mp4"], ""),
        ("take.mp4", ["tak\x1b.mp4"], "'tak\\x1b.mp4'"),
        ("", [""], ""),
    ],
)
def test_the_nearest_is_similar_and_of_the_same_number(video: str, files: list[str], near: str) -> None:
    [rejection] = with_nearest([replace(missing(video)[0], detail=NOT_THERE)], files)
    assert nearest(rejection) == near


def test_only_the_ten_that_are_named_are_compared() -> None:
    videos = [f"kitchen_{chr(97 + number)}.mp4" for number in range(20)]
    rejections = with_nearest([replace(item, detail=NOT_THERE) for item in missing(*videos)], ["kitchen_.mp4"])
    assert [bool(nearest(item)) for item in rejections] == [True] * 10 + [False] * 10
