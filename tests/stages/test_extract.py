"""extract accounts for every row, in the same bytes whatever happens to it on the way."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from actionpairs import manifest, pairs
from actionpairs.errors import StorageError, VideoError
from actionpairs.extraction.summary import ExtractSummary
from actionpairs.extraction.video_pairs import VideoTask, extract_video
from actionpairs.recipe import load
from actionpairs.records import Reason, Segment
from actionpairs.stages.extract import extract
from actionpairs.storage import Folder
from actionpairs.version import PACKAGE_VERSION
from actionpairs.video.decode import Video
from tests.conftest import HEADER, MakeVideo, RawDataset, draw_index, read_index


def run(dataset: RawDataset, out: Path, *, workers: int = 1, recipe: str | Path = "table") -> ExtractSummary:
    """Extract with one worker in this process, or with several processes."""
    return extract(
        recipe,
        videos=str(dataset.videos),
        annotations=[str(dataset.table)],
        out=str(out),
        workers=workers,
        executor="serial" if workers == 1 else "local",
    )


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pairs_are_the_frames_at_both_ends(dataset: RawDataset, tmp_path: Path) -> None:
    summary = run(dataset, tmp_path / "out")
    assert (summary.rows, summary.pairs, summary.rejected) == (6, 6, {})
    folder = Folder(tmp_path / "out")
    for name in pairs.file_names(folder):
        for pair in pairs.load_pairs(folder, name):
            start, stop = pair.facts.segment.start_seconds, pair.facts.segment.stop_seconds
            first, last = (
                read_index(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), height=144)
                for jpeg in (pair.before_jpeg, pair.after_jpeg)
            )
            assert first == int(start * 30000 / 1001)
            assert last * 1001 / 30000 < stop <= (last + 1) * 1001 / 30000


def test_workers_change_no_byte(dataset: RawDataset, tmp_path: Path) -> None:
    run(dataset, tmp_path / "one", workers=1)
    run(dataset, tmp_path / "three", workers=3)
    assert content(tmp_path / "one") == content(tmp_path / "three")


BAD_ROWS = [
    ("gone_0,gone.mp4,0,1,x,x,x,g", "gone_0", Reason.VIDEO_MISSING),
    ("up_0,../a.mp4,0,1,x,x,x,g", "up_0", Reason.VIDEO_MISSING),
    ("a_7,a.mp4,2,1,x,x,x,a", "a_7", Reason.STOP_NOT_AFTER_START),
    ("a_8,a.mp4,1,1,x,x,x,a", "a_8", Reason.STOP_NOT_AFTER_START),
    ("a_9,a.mp4,soon,1,x,x,x,a", "a_9", Reason.UNREADABLE_ROW),
    ("a_10,a.mp4,-3,1,x,x,x,a", "a_10", Reason.UNREADABLE_ROW),
    ("a_11,a.mp4,nan,1,x,x,x,a", "a_11", Reason.UNREADABLE_ROW),
    ("a_12,a.mp4,50,51,x,x,x,a", "a_12", Reason.PAST_END),
    ("a_13,a.mp4,0.5,9,x,x,x,a", "a_13", Reason.PAST_END),
    ("a_0,a.mp4,0.5,1,x,x,x,a", "a_0", Reason.DUPLICATE_ID),
    ("a_14,a.mp4,0.501,0.502,x,x,x,a", "a_14", Reason.ONE_FRAME),
    ("cut_0,cut.mp4,0,1,x,x,x,c", "cut_0", Reason.VIDEO_UNREADABLE),
    ("empty_0,empty.mp4,0,1,x,x,x,c", "empty_0", Reason.VIDEO_UNREADABLE),
    ("text_0,text.mp4,0,1,x,x,x,c", "text_0", Reason.VIDEO_UNREADABLE),
    (",,,,,,,x", "segments.csv, line", Reason.UNREADABLE_ROW),
    ("short_0,a.mp4", "segments.csv, line", Reason.UNREADABLE_ROW),
]


def test_every_bad_row_is_rejected_with_its_reason(dataset: RawDataset, tmp_path: Path) -> None:
    whole = (dataset.videos / "a.mp4").read_bytes()
    (dataset.videos / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (dataset.videos / "empty.mp4").write_bytes(b"")
    (dataset.videos / "text.mp4").write_text("not a video")
    dataset.add(*(row for row, _, _ in BAD_ROWS))
    summary = run(dataset, tmp_path / "out")
    rejections = {item.segment_id: item for item in pairs.load_rejections(Folder(tmp_path / "out"))}
    for _, segment_id, reason in BAD_ROWS:
        rejection = next(item for name, item in rejections.items() if name.startswith(segment_id))
        assert rejection.reason == reason
        assert rejection.detail
    assert summary.rows == summary.pairs + sum(summary.rejected.values()) == 6 + len(BAD_ROWS)


@pytest.mark.parametrize("name", ["../../x", "a b/c", "..", "ü/é", "x" * 400, "a.b.c"])
def test_strange_ids_are_kept_as_data(dataset: RawDataset, tmp_path: Path, name: str) -> None:
    dataset.table.write_text(f"{HEADER}{name},a.mp4,0.1,1.0,take cup,take,cup,a\n")
    assert run(dataset, tmp_path / "deep/er/out").pairs == 1
    assert {path.name for path in tmp_path.iterdir()} == {"videos", "segments.csv", "deep"}
    [file] = pairs.file_names(Folder(tmp_path / "deep/er/out"))
    assert pairs.facts(Folder(tmp_path / "deep/er/out"), file)["id"].to_pylist() == [name]


def test_the_same_call_again_changes_nothing(dataset: RawDataset, tmp_path: Path) -> None:
    first = run(dataset, tmp_path / "out")
    before = content(tmp_path / "out")
    assert run(dataset, tmp_path / "out") == first
    assert content(tmp_path / "out") == before


def test_a_video_that_arrives_later_is_taken_in(dataset: RawDataset, tmp_path: Path) -> None:
    (dataset.videos / "c.mp4").rename(tmp_path / "c.mp4")
    assert run(dataset, tmp_path / "late").rejected == {"video_missing": 2}
    (tmp_path / "c.mp4").rename(dataset.videos / "c.mp4")
    assert run(dataset, tmp_path / "late").pairs == 6
    run(dataset, tmp_path / "whole")
    assert content(tmp_path / "late") == content(tmp_path / "whole")


def test_a_folder_of_another_recipe_is_refused(dataset: RawDataset, tmp_path: Path) -> None:
    run(dataset, tmp_path / "out")
    other = tmp_path / "other.yaml"
    other.write_text("extends: table\nextract: {pictures: {quality: 80}}")
    with pytest.raises(StorageError, match="another recipe"):
        run(dataset, tmp_path / "out", recipe=other)


def test_too_many_failures_stop_the_run(dataset: RawDataset, tmp_path: Path) -> None:
    dataset.add(*(f"gone_{number},gone.mp4,0,1,x,x,x,g" for number in range(6)))
    strict = tmp_path / "strict.yaml"
    strict.write_text("extends: table\nextract: {max_rejected: 0.1}")
    with pytest.raises(VideoError, match=r"6 of 12 segments failed.*video_missing"):
        run(dataset, tmp_path / "out", recipe=strict)
    assert not (tmp_path / "out/manifest.json").exists()


def test_a_videos_folder_that_is_not_there_says_so(dataset: RawDataset, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such folder"):
        extract("table", videos=str(tmp_path / "no"), annotations=[str(dataset.table)], out=str(tmp_path / "out"))


def test_kill_and_go_on_gives_the_same_bytes(dataset: RawDataset, tmp_path: Path) -> None:
    run(dataset, tmp_path / "whole")
    command = [sys.executable, "-m", "actionpairs", "extract", "table", "--videos", str(dataset.videos)]
    command += ["--annotations", str(dataset.table), "--out", str(tmp_path / "out"), "--workers", "1"]
    for pause in (0.9, 1.3, 1.7):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    last = subprocess.run(command, capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_every_file_is_in_the_manifest(dataset: RawDataset, tmp_path: Path) -> None:
    run(dataset, tmp_path / "out")
    folder = Folder(tmp_path / "out")
    files = manifest.load(folder, stage="extract").files
    assert {*files, "manifest.json"} == set(folder.names())
    assert all(manifest.FileDigest.of_file(folder, name) == digest for name, digest in files.items())


def test_the_real_clips_give_every_pair(shared: Path, tmp_path: Path) -> None:
    summary = extract(
        "table",
        videos=str(shared / "videos"),
        annotations=[str(shared / "videos/segments.csv")],
        out=str(tmp_path / "out"),
        workers=2,
    )
    assert (summary.rows, summary.pairs) == (12, 12)


@pytest.mark.parametrize(("follow", "count"), [(False, 4), (True, 6)])
def test_a_link_out_of_the_folder_is_followed_only_where_the_recipe_says_so(
    dataset: RawDataset, tmp_path: Path, follow: bool, count: int
) -> None:
    (dataset.videos / "c.mp4").rename(tmp_path / "outside.mp4")
    (dataset.videos / "c.mp4").symlink_to(tmp_path / "outside.mp4")
    (dataset.videos / "b.mp4").rename(dataset.videos / "inside.mp4")
    (dataset.videos / "b.mp4").symlink_to("inside.mp4")
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: table\nextract: {{follow_links: {str(follow).lower()}}}")
    summary = run(dataset, tmp_path / "out", recipe=path)
    assert summary.pairs == count
    assert summary.rejected == ({} if follow else {"video_missing": 2})


@pytest.mark.parametrize(
    "name", ["../outside.mp4", "/etc/passwd", "file:///etc/passwd", "http://x/a.mp4", "a.mp4/.."]
)
def test_a_video_name_cannot_leave_the_folder(dataset: RawDataset, tmp_path: Path, name: str) -> None:
    (dataset.videos / "a.mp4").rename(tmp_path / "outside.mp4")
    dataset.table.write_text(
        f"{HEADER}x,{name},0.1,1.0,take cup,take,cup,a\ny,b.mp4,0.1,1.0,take cup,take,cup,b\n"
    )
    assert run(dataset, tmp_path / "out").rejected == {"video_missing": 1}


def test_a_whole_clip_lasts_as_long_as_its_video(dataset: RawDataset, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extract: {annotations: {format: ssv2}}")
    listed = tmp_path / "train.json"
    listed.write_text('[{"id": "a", "label": "taking cup", "template": "Taking [something]"}]')
    extract(
        path, videos=str(dataset.videos), annotations=[str(listed)], out=str(tmp_path / "out"), executor="serial"
    )
    [name] = pairs.file_names(Folder(tmp_path / "out"))
    [facts] = [pair.facts for pair in pairs.load_pairs(Folder(tmp_path / "out"), name)]
    assert facts.segment.stop_seconds == pytest.approx(60 * 1001 / 30000)
    assert (facts.before_seconds, facts.after_seconds) == (0.0, pytest.approx(59 * 1001 / 30000))


def test_released_frames_give_pairs_like_a_video(tmp_path: Path) -> None:
    folder = tmp_path / "frames/P01/rgb_frames/P01_01"
    folder.mkdir(parents=True)
    for number in range(1, 200):
        cv2.imwrite(str(folder / f"frame_{number:010d}.jpg"), draw_index(number, width=456, height=256))
    table = tmp_path / "segments.csv"
    table.write_text(f"{HEADER}a,P01_01,0.51,2.0,take cup,take,cup,P01\nb,P01_07,1,2,take cup,take,cup,P01\n")
    summary = extract(
        "table", frames=str(tmp_path / "frames"), annotations=[str(table)], out=str(tmp_path / "out")
    )
    assert (summary.pairs, summary.rejected) == (1, {"video_missing": 1})
    [name] = pairs.file_names(Folder(tmp_path / "out"))
    [pair] = pairs.load_pairs(Folder(tmp_path / "out"), name)
    assert (pair.facts.before_pts, pair.facts.after_pts) == (30, 119)
    before = cv2.imdecode(np.frombuffer(pair.before_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert read_index(before, height=256) == 30


def test_a_pair_tells_what_was_asked_and_what_was_found(dataset: RawDataset, tmp_path: Path) -> None:
    run(dataset, tmp_path / "out")
    folder = Folder(tmp_path / "out")
    for facts in (pair.facts for name in pairs.file_names(folder) for pair in pairs.load_pairs(folder, name)):
        assert facts.before_early_seconds == pytest.approx(facts.segment.start_seconds - facts.before_seconds)
        assert facts.after_early_seconds == pytest.approx(facts.segment.stop_seconds - facts.after_seconds)
        assert 0 <= facts.before_early_seconds < 1001 / 30000
        assert 0 < facts.after_early_seconds <= 1001 / 30000 + 1e-6
        assert facts.before_seconds == pytest.approx(facts.before_pts / 30000, abs=1e-6)


def started(dataset: RawDataset, out: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "actionpairs", "extract", "table", "--videos", str(dataset.videos)]
    command += ["--annotations", str(dataset.table), "--out", str(out), *options]
    return subprocess.Popen(
        command,
        start_new_session=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )


def hear_interrupts() -> None:
    """A suite that a script runs in the background has SIGINT ignored, and would hand that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_stops_at_once_and_says_how_to_go_on(
    dataset: RawDataset, make_video: MakeVideo, tmp_path: Path
) -> None:
    make_video("videos/long.mp4", frames=3000, size=(640, 360))
    dataset.add(*(f"long_{second},long.mp4,{second},{second + 0.9},x,x,x,g" for second in range(95)))
    process = started(dataset, tmp_path / "out", "--workers", "2")
    while not list((tmp_path / "out/pairs").glob("*.parquet")):  # before that, a worker may be at its imports
        time.sleep(0.05)
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the run
    _, output = process.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    assert process.returncode == 130
    assert "Run the same command again" in output
    assert "Traceback" not in output
    again = started(dataset, tmp_path / "out", "--workers", "2")
    assert again.wait(timeout=60) == 0


def test_progress_is_plain_lines_where_there_is_no_terminal(dataset: RawDataset, tmp_path: Path) -> None:
    process = started(dataset, tmp_path / "out")
    _, output = process.communicate(timeout=60)
    assert "\r" not in output
    assert "6/6" in output
    assert "videos=3/3" in output


@pytest.mark.slow
def test_a_video_that_hangs_is_given_up(dataset: RawDataset, tmp_path: Path) -> None:
    """A pipe that nobody writes to: opening it never ends."""
    os.mkfifo(dataset.videos / "pipe.mp4")
    dataset.add("pipe_0,pipe.mp4,0,1,x,x,x,g")
    begun = time.monotonic()
    summary = run(dataset, tmp_path / "out", workers=2)
    assert time.monotonic() - begun < 40
    assert (summary.pairs, summary.rejected) == (6, {"timed_out": 1})


@pytest.mark.slow
def test_many_kills_at_random_moments_leave_no_trace(dataset: RawDataset, tmp_path: Path) -> None:
    """More: ACTIONPAIRS_KILLS=50 pytest -k many_kills."""
    draw = random.Random(1)
    run(dataset, tmp_path / "whole")
    for _ in range(int(os.environ.get("ACTIONPAIRS_KILLS", "8"))):
        process = started(dataset, tmp_path / "out", "--workers", "2")
        time.sleep(draw.uniform(0.3, 2.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if draw.random() < 0.3:  # begin anew now and then, so that every moment is met
            shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert started(dataset, tmp_path / "out").wait(timeout=60) == 0
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_an_error_that_nobody_thought_of_is_a_rejection(
    dataset: RawDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Video, positions: object) -> object:
        raise LookupError("reserved colors")

    monkeypatch.setattr(Video, "pictures", broken)
    segment = Segment("s", "a.mp4", 0.1, 1.0, "take cup", "take", "cup", "take cup", "a")
    config = load("table").extract
    name = pairs.file_name("a.mp4")
    task = VideoTask(str(dataset.videos), "a.mp4", (segment,), str(tmp_path / "out"), name, config, False)
    result = extract_video(task)
    [rejection] = pairs.load_notes(Folder(tmp_path / "out"), name).rejections
    assert result.notes.rejections == (rejection,)
    assert rejection.reason == Reason.VIDEO_FAILED
    assert re.fullmatch(r"LookupError in test_extract\.py, line \d+: reserved colors", rejection.detail)


def test_links_that_lead_to_themselves_or_nowhere_end_no_run(dataset: RawDataset, tmp_path: Path) -> None:
    (dataset.videos / "loop.mp4").symlink_to("loop.mp4")
    (dataset.videos / "gone.mp4").symlink_to("nothing.mp4")
    (dataset.videos / "round").symlink_to(".")
    dataset.add("loop_0,loop.mp4,0,1,x,x,x,g", "gone_0,gone.mp4,0,1,x,x,x,g")
    summary = run(dataset, tmp_path / "out")
    assert (summary.pairs, summary.rejected) == (6, {"video_missing": 2})
    assert summary.rejected_in == {"video_missing": "gone.mp4, loop.mp4"}


def test_the_summary_says_how_frames_were_had_and_where_not(dataset: RawDataset, tmp_path: Path) -> None:
    remuxed(dataset.videos / "a.mp4", dataset.videos / "lies.mkv")
    dataset.add("lies_0,lies.mkv,0.1,1,x,x,x,g", "lies_1,lies.mkv,0.1,100,x,x,x,g")
    summary = run(dataset, tmp_path / "out")
    assert (summary.pairs, summary.planned, summary.read_through) == (7, 6, 1)
    assert summary.read_through_in == {"presentation times that are not in the order of the pictures": "lies.mkv"}
    assert (summary.rejected, summary.rejected_in) == ({"past_end": 1}, {"past_end": "lies.mkv"})
    assert run(dataset, tmp_path / "out") == summary
    folder = Folder(tmp_path / "out")
    ways = {
        facts.segment.id: facts.decoded
        for name in pairs.file_names(folder)
        for facts in (pair.facts for pair in pairs.load_pairs(folder, name))
    }
    assert {name for name, way in ways.items() if way == "read through"} == {"lies_0"}
    page = (tmp_path / "out/index.html").read_text()
    assert "pairs, whole video decoded" in page
    assert "Whole video decoded: presentation times" in page
    assert "Rejected: past end" in page


def remuxed(source: Path, target: Path) -> None:
    """Copy the packets with pts = dts, as programs do that do not know of B-frames."""
    with av.open(str(source)) as container, av.open(str(target), "w") as copy:
        stream = copy.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.stream = packet.dts, stream
                copy.mux(packet)


@pytest.mark.parametrize(("rate", "notes"), [("29.97", 0), ("30000/1001", 0), (29.97003, 0), (25, 1), (60, 1)])
def test_frame_numbers_are_exact_and_another_rate_is_told(
    dataset: RawDataset, tmp_path: Path, rate: object, notes: int
) -> None:
    dataset.table.write_text(
        HEADER + "".join(f"n{first},a.mp4,{first},{first + 10},x,x,x,g\n" for first in range(20))
    )
    recipe = tmp_path / "frames.yaml"
    recipe.write_text(
        f"extends: table\nextract: {{annotations: {{unit: frames, rate: {rate}, end_included: true}}}}"
    )
    summary = run(dataset, tmp_path / "out", recipe=recipe)
    assert len(summary.notes) == notes
    assert all("a.mp4" in note and "29.97" in note for note in summary.notes)
    if not notes:
        folder = Folder(tmp_path / "out")
        frames_of = {
            pair.facts.segment.id: [
                read_index(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), height=144)
                for jpeg in (pair.before_jpeg, pair.after_jpeg)
            ]
            for name in pairs.file_names(folder)
            for pair in pairs.load_pairs(folder, name)
        }
        assert frames_of == {f"n{first}": [first, first + 10] for first in range(20)}


def test_a_finished_folder_of_another_version_is_not_extended(dataset: RawDataset, tmp_path: Path) -> None:
    run(dataset, tmp_path / "out")
    path = tmp_path / "out/manifest.json"
    path.write_text(path.read_text().replace(PACKAGE_VERSION, "0.1.99"))
    assert run(dataset, tmp_path / "out").pairs == 6
    next((tmp_path / "out/pairs").glob("*.parquet")).unlink()
    with pytest.raises(StorageError, match="does not mix the output of two versions"):
        run(dataset, tmp_path / "out")
    assert path.exists()
