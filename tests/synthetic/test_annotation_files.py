"""The annotation files have exactly the layouts of the real ones."""

import ast
import csv
import re
from pathlib import Path

import pytest

from actionpairs.synthetic import RenderedSet, load_truth

EPIC_HEADER = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,"
    "stop_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes"
)


def load_epic_rows(rendered: RenderedSet) -> list[dict[str, str]]:
    with rendered.epic100.open(newline="") as file:
        return list(csv.DictReader(file))


def parse_seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def test_epic_header_is_that_of_the_real_file(fixed_set: RenderedSet, shared: Path) -> None:
    real = (shared / "annotations/epic100/EPIC_100_validation.csv").read_text().splitlines()[0]
    assert fixed_set.epic100.read_text().splitlines()[0] == real == EPIC_HEADER


def test_epic_rows_are_formatted_as_the_real_ones(head_set: RenderedSet) -> None:
    rows = load_epic_rows(head_set)
    assert len(rows) == head_set.segment_count
    for row in rows:
        assert re.fullmatch(rf"{row['video_id']}_\d+", row["narration_id"])
        assert row["video_id"].startswith(row["participant_id"] + "_")
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", row["narration_timestamp"])
        for column in ("start", "stop"):
            assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d\d", row[f"{column}_timestamp"])
            hundredths = round(parse_seconds(row[f"{column}_timestamp"]) * 100)
            assert int(row[f"{column}_frame"]) == max(1, hundredths * 60 // 100)
        assert ast.literal_eval(row["all_nouns"])[0] == row["noun"]
        assert ast.literal_eval(row["all_noun_classes"])[0] == int(row["noun_class"])


def test_epic_rows_agree_with_the_truth(head_set: RenderedSet) -> None:
    segments = [segment for video in load_truth(head_set.truth).videos for segment in video.segments]
    for row, segment in zip(load_epic_rows(head_set), segments, strict=True):
        assert (row["narration_id"], row["narration"]) == (segment.id, segment.narration)
        assert (row["verb"], row["noun"]) == (segment.verb, segment.noun)
        assert parse_seconds(row["start_timestamp"]) == pytest.approx(segment.start_seconds)
        assert parse_seconds(row["stop_timestamp"]) == pytest.approx(segment.stop_seconds)


def test_segments_are_short_and_never_overlap(head_set: RenderedSet) -> None:
    for video in load_truth(head_set.truth).videos:
        clock = 0.0
        for segment in video.segments:
            assert segment.start_seconds > clock
            assert 1.2 <= segment.stop_seconds - segment.start_seconds <= 2.81
            clock = segment.stop_seconds
        assert clock < video.frame_count / video.frame_rate


def test_mpii_rows_count_from_one_and_include_the_end(fixed_set: RenderedSet) -> None:
    truth = load_truth(fixed_set.truth)
    with fixed_set.mpii.open(newline="") as file:
        rows = list(csv.reader(file))
    actions = [row for row in rows if row[5] != "Background activity"]
    segments = [(video.id, segment) for video in truth.videos for segment in video.segments]
    for row, (video_id, segment) in zip(actions, segments, strict=True):
        assert row[:2] == [str(int(video_id[1:3])), video_id]
        assert [int(row[2]), int(row[3])] == [segment.first.frame + 1, segment.last.frame + 1]
        assert int(row[4]) > 1
    background = [row for row in rows if row[5] == "Background activity"]
    assert len(background) == len(actions) - len(truth.videos)
    assert {row[4] for row in background} == {"1"}


def test_every_bad_row_is_listed_where_it_stands(fixed_set: RenderedSet) -> None:
    lines = fixed_set.epic100.read_text().splitlines()
    blemishes = load_truth(fixed_set.truth).blemishes
    assert len(lines) == 1 + fixed_set.segment_count + len(blemishes)
    for blemish in blemishes:
        assert lines[blemish.line - 1].startswith(f"{blemish.narration_id},")
    assert {blemish.kind for blemish in blemishes} == {
        "stop_before_start",
        "past_the_end",
        "unknown_video",
        "unreadable_time",
        "repeated_id",
    }
