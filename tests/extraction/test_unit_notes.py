"""A unit that is probably wrong is asked about, and one that is not is left alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from actionpairs.errors import AnnotationError
from actionpairs.extraction import unit_notes
from actionpairs.extraction.summary import summarize
from actionpairs.extraction.video_pairs import VideoTask
from actionpairs.pairs import VideoNotes
from actionpairs.recipe import load
from actionpairs.records import Reason, Rejection, Segment
from actionpairs.stages.extract import extract
from tests.conftest import HEADER, RawDataset


def notes_for(
    stops: list[float],
    *,
    seconds: float = 77.0,
    rate: float | None = 30.0,
    rejected: int = -1,
    tolerance: float = 0.0,
) -> tuple[str, ...]:
    """The notes on one video with segments that stop there, of which the last `rejected` ones run past its end."""
    config = load("table").extract
    segments = tuple(
        Segment(f"s{number}", "v", 0.0, stop, "go", "go", "", "go", "", tolerance)
        for number, stop in enumerate(stops)
    )
    past_end = segments if rejected < 0 else segments[len(segments) - rejected :]
    rejections = tuple(Rejection(each.id, "v", "extract", Reason.PAST_END, "") for each in past_end)
    counts = {"rows": len(stops), "selected": len(stops), "videos": 1, "pairs": 0, "read_through": 0}
    videos = {"v.mp4": VideoNotes(rejections, rate=rate, seconds=seconds)}
    tasks = [VideoTask("videos", "v.mp4", segments, "out", "pairs/v", config, frames_released=False)]
    summary = summarize("out", counts, rejections, videos, rate=None)
    return unit_notes.noted(summary, ["as planned"], tasks, videos).notes[1:]


def test_frames_that_are_read_as_seconds_are_asked_about() -> None:
    [note] = notes_for([900.0, 2310.0])
    assert note == "stop times run to 2,310 s in a video of 77 s at 30 fps: is this `unit: frames`?"


def test_frames_of_another_rate_are_not_explained_by_this_one() -> None:
    """JuanFMontesinos/Solos issue 3: frame 2,080 of a video of 52 s, which none at 25 frames per second has."""
    assert not notes_for([2080.0], seconds=52.0, rate=25.0)
    assert notes_for([2080.0], seconds=52.0, rate=50.0)


def test_the_microseconds_of_a_public_data_set_are_recognized() -> None:
    """google-deepmind/perception_test issue 14: 2866667, called milliseconds, in a video of 1,051 frames at 30."""
    [note] = notes_for([2866667.0, 30_000_000.0], seconds=1051 / 30)
    assert "is this `unit: microseconds`?" in note


@pytest.mark.parametrize(
    ("stops", "unit"),
    [
        ([70_000.0, 76_999.0], "`unit: milliseconds`"),
        ([2310.5, 900.25], ""),  # no frame number has decimals
        ([300.0], ""),  # of another video, and no frame of this one is so late
        ([60 * 40.0, 60 * 75.0], "minutes and seconds that a spreadsheet took for hours and minutes"),
        ([1e9], ""),
    ],
)
def test_a_unit_is_named_if_its_factor_fits(stops: list[float], unit: str) -> None:
    notes = notes_for(stops)
    assert ([unit in note for note in notes] == [True]) if unit else not notes


def test_single_rows_past_the_end_are_not_asked_about() -> None:
    assert not notes_for([10.0, 20.0, 30.0, 2310.0], rejected=1)
    assert notes_for([10.0, 20.0, 2200.0, 2310.0], rejected=2)


def test_a_row_that_is_wrong_besides_hides_no_unit() -> None:
    [note] = notes_for([900.0, 2310.0] + [1500.0] * 12 + [9000.0])
    assert note == "stop times run to 2,310 s in a video of 77 s at 30 fps: is this `unit: frames`?"


def test_no_pair_at_all_is_an_error_that_counts_the_reasons_and_the_folder_can_be_used_again(
    dataset: RawDataset, tmp_path: Path
) -> None:
    good = dataset.table.read_text()
    dataset.table.write_text(HEADER + "".join(f"s{n},a.mp4,8.5,9.{n + 1},take cup,take,cup,p\n" for n in range(3)))
    call = partial(extract, "table", videos=str(dataset.videos), annotations=dataset.table, executor="serial")
    for _ in range(2):
        with pytest.raises(AnnotationError, match=r"no pair of 3 segments: 3 past_end\.") as caught:
            call(out=str(tmp_path / "out"))
        assert "index.html" in caught.value.cure
    dataset.table.write_text(good)
    assert call(out=str(tmp_path / "out")).pairs == 6


def test_a_column_that_is_not_there_leaves_a_folder_that_can_be_used(dataset: RawDataset, tmp_path: Path) -> None:
    good = dataset.table.read_text()
    dataset.table.write_text(good.replace("instruction", "what"))
    call = partial(extract, "table", videos=str(dataset.videos), annotations=dataset.table, executor="serial")
    with pytest.raises(AnnotationError, match="instruction"):
        call(out=str(tmp_path / "out"))
    dataset.table.write_text(good)
    assert call(out=str(tmp_path / "out")).pairs == 6


def test_frame_numbers_and_whole_clips_are_not_asked_about() -> None:
    assert not notes_for([2310.0], tolerance=1 / 60)
    assert not notes_for([float("inf")])


def test_the_lengths_of_videos_may_be_unknown() -> None:
    assert not notes_for([2310.0], seconds=0.0)
    assert not notes_for([2310.0], rate=None)


def change(dataset: RawDataset, factor: float) -> None:
    """Write the times of the table in another unit, as whole numbers."""
    rows = [line.split(",") for line in dataset.table.read_text().splitlines()[1:]]
    changed = [[*row[:2], *(str(round(float(cell) * factor)) for cell in row[2:4]), *row[4:]] for row in rows]
    dataset.table.write_text(HEADER + "".join(",".join(row) + "\n" for row in changed))


@pytest.mark.parametrize(("factor", "unit"), [(30000 / 1001, "frames"), (1000, "milliseconds")])
def test_the_terminal_the_page_and_a_second_call_ask(
    dataset: RawDataset, tmp_path: Path, factor: float, unit: str
) -> None:
    change(dataset, factor)
    command = ["extract", "table", "--videos", str(dataset.videos), "--annotations", str(dataset.table)]
    for _ in range(2):
        result = CliRunner().invoke(main, [*command, "--executor", "serial", "--out", str(tmp_path / "out")])
        assert f"in a video of 2 s at 29.97 fps: is this `unit: {unit}`?" in result.output
    assert f"is this `unit: {unit}`?" in (tmp_path / "out/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("factor", [30000 / 1001, 1000])
def test_a_unit_that_leaves_no_pair_is_an_error(dataset: RawDataset, tmp_path: Path, factor: float) -> None:
    change(dataset, factor)
    rows = dataset.table.read_text().splitlines()
    # Segments from the first frame on would show something in any unit.
    dataset.table.write_text("\n".join(row for row in rows if row.split(",")[2] != "0") + "\n")
    for _ in range(2):
        with pytest.raises(AnnotationError, match=r"no pair of .* is this `unit: "):
            extract(
                "table",
                videos=str(dataset.videos),
                annotations=dataset.table,
                out=str(tmp_path / "out"),
                executor="serial",
            )
    assert (tmp_path / "out/index.html").exists()  # with every segment and its reason


@pytest.mark.parametrize("one", [str, Path])
def test_one_path_from_python_is_one_file(dataset: RawDataset, tmp_path: Path, one: Any) -> None:
    summary = extract(
        "table",
        videos=str(dataset.videos),
        annotations=one(dataset.table),
        out=str(tmp_path / "out"),
        executor="serial",
    )
    assert summary.pairs == 6


def test_a_guess_is_in_the_summary_and_changes_no_pair(dataset: RawDataset, tmp_path: Path) -> None:
    results = [
        extract(
            recipe,
            videos=str(dataset.videos),
            annotations=dataset.table,
            out=str(tmp_path / recipe),
            executor="serial",
        )
        for recipe in ("table", "table-guess", "table-guess")
    ]
    assert [result.pairs for result in results] == [6, 6, 6]
    for result in results[1:]:
        assert "unit: seconds\n    columns:\n      id: segment_id\n      video: video" in result.notes[0]


def test_an_extraction_of_nothing_is_an_error_and_leaves_no_pairs(dataset: RawDataset, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("extends: table\nextract: {select: {min_seconds: 1000}}")
    with pytest.raises(AnnotationError, match=r"none of the 6 rows is selected: 6 too_short \(such as "):
        extract(
            recipe,
            videos=str(dataset.videos),
            annotations=dataset.table,
            out=str(tmp_path / "out"),
            executor="serial",
        )
    assert not (tmp_path / "out/manifest.json").exists()
