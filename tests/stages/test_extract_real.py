"""Real containers and codecs, through the command: every frame's painted number, read back from our JPEGs."""

from __future__ import annotations

import random
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from actionpairs import pairs
from actionpairs.records import FramePair, Rejection
from actionpairs.stages.extract import extract
from actionpairs.storage import Folder
from tests.conftest import HEADER, read_index

RATE = 30000 / 1001
FIRST_SHOWN = {"edit_list_trim.mp4": 93}
WHOLE = [
    "base_bframes.mp4",
    "edit_list_trim.mp4",
    "fragmented.mp4",
    "hevc_10bit_opengop.mp4",
    "matroska_ms_timestamps.mkv",
    "mpeg4_asp_bframes.avi",
    "mpegts.ts",
    "open_gop.mp4",
    "rotate90_displaymatrix.mp4",
    "start_at_5s.mp4",
    "vp9.webm",
]
BROKEN = ["empty.mp4", "not_a_video.mp4", "truncated_no_moov.mp4"]


def cut(
    shared: Path, name: str, spans: list[tuple[float, float]], out: Path
) -> tuple[dict[int, FramePair], dict[int, Rejection]]:
    """Pairs and rejections by the number of their span (seconds)."""
    table = out.with_suffix(".csv")
    rows = [
        f"{number},{name},{start!r},{stop!r},take cup,take,cup,g\n" for number, (start, stop) in enumerate(spans)
    ]
    table.write_text(HEADER + "".join(rows))
    extract(
        "table", videos=str(shared / "videos/variants"), annotations=[str(table)], out=str(out), executor="serial"
    )
    folder = Folder(out)
    extracted = [pair for file in pairs.file_names(folder) for pair in pairs.load_pairs(folder, file)]
    lost = [item for item in pairs.load_rejections(folder) if not item.segment_id.startswith("segments")]
    return {int(pair.facts.segment.id): pair for pair in extracted}, {int(item.segment_id): item for item in lost}


def painted(jpeg: bytes, *, turned: bool = False) -> int:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return read_index(np.rot90(picture, 3) if turned else picture, height=240)


@pytest.mark.parametrize("name", WHOLE)
def test_both_ends_of_random_intervals_are_exact(shared: Path, tmp_path: Path, name: str) -> None:
    draw = random.Random(name)
    shift = FIRST_SHOWN.get(name, 0)
    last = 179 - shift
    ends = [(0, last), *(sorted(draw.sample(range(last + 1), 2)) for _ in range(20))]
    spans = [((first + 0.5) / RATE, (final + 0.5) / RATE) for first, final in ends]
    by_number, lost = cut(shared, name, spans, tmp_path / "out")
    assert lost == {}
    turned = name.startswith("rotate90")
    got = {
        number: (painted(pair.before_jpeg, turned=turned), painted(pair.after_jpeg, turned=turned))
        for number, pair in by_number.items()
    }
    assert got == {number: (first + shift, final + shift) for number, (first, final) in enumerate(ends)}


def test_variable_rate_gives_what_is_on_screen(shared: Path, tmp_path: Path) -> None:
    """Truth from a straight decode: the painted number of each frame, and when it is shown."""
    with av.open(str(shared / "videos/variants/vfr.mp4")) as container:
        frames = [
            (frame.time, read_index(frame.to_ndarray(format="bgr24"), height=240))
            for frame in container.decode(video=0)
        ]
    start = frames[0][0]
    draw = random.Random(3)
    spans = [tuple(sorted(draw.uniform(0.05, frames[-1][0] - start) for _ in range(2))) for _ in range(20)]
    by_number, lost = cut(shared, "vfr.mp4", spans, tmp_path / "out")
    for number, (begin, stop) in enumerate(spans):
        before = [index for time, index in frames if time - start <= begin + 1e-6][-1]
        after = [index for time, index in frames if time - start < stop - 1e-6][-1]
        if before == after:
            assert lost[number].reason == "one_frame"
        else:
            assert (painted(by_number[number].before_jpeg), painted(by_number[number].after_jpeg)) == (
                before,
                after,
            )


def test_hidden_damage_becomes_a_reason_and_whole_pairs_stay_exact(shared: Path, tmp_path: Path) -> None:
    """bitflips.mp4: frames 92 to 119 are damaged, and the decoder says nothing."""
    draw = random.Random(5)
    ends = [sorted(draw.sample(range(180), 2)) for _ in range(40)]
    spans = [((first + 0.5) / RATE, (final + 0.5) / RATE) for first, final in ends]
    by_number, lost = cut(shared, "bitflips.mp4", spans, tmp_path / "out")
    for number, (first, final) in enumerate(ends):
        if any(92 <= index <= 119 for index in (first, final)):
            assert lost[number].reason in {"damaged_picture", "decode_error"}
        elif number in by_number:
            assert (painted(by_number[number].before_jpeg), painted(by_number[number].after_jpeg)) == (
                first,
                final,
            )
    assert len(by_number) > 15


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_no_videos_are_reported(shared: Path, tmp_path: Path, name: str) -> None:
    by_number, lost = cut(shared, name, [(0.1, 1.0)], tmp_path / "out")
    assert by_number == {}
    assert lost[0].reason == "video_unreadable"


def test_a_cut_off_file_gives_what_it_has_and_reports_the_rest(shared: Path, tmp_path: Path) -> None:
    """truncated_faststart.mp4: its header claims 180 frames, its bytes end after about 106."""
    spans = [((first + 0.5) / RATE, (first + 20.5) / RATE) for first in range(0, 159, 10)]
    by_number, lost = cut(shared, "truncated_faststart.mp4", spans, tmp_path / "out")
    assert {*by_number, *lost} == set(range(len(spans)))
    assert by_number.keys() >= set(range(8))
    assert lost.keys() >= {11, 12, 13, 14, 15}
    for number, pair in by_number.items():
        final = min(number * 10 + 20, 107)  # the last frame there is: past_end_seconds lets it stand for 110
        assert (painted(pair.before_jpeg), painted(pair.after_jpeg)) == (number * 10, final)
        assert (pair.facts.after_early_seconds > 1.5 / RATE) == (final == 107)
