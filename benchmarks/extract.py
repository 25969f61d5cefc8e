"""Extract a few frames from long videos: actionpairs and other decoders, on the same frames in the same run.

Renders 2-minute 1080p59.94 H.264 videos (GOP 30 and 250, B-frames), every frame with its number in its pixels,
and draws 15 segments a minute of 1 to 4 s for each of three copies of a video. Every decoder writes the first and
last frame of each segment as a JPEG of short side 512, for all three copies in one process with one thread. CPU
seconds are those of the whole process and its children, including start and imports.

`over limit`: CPU seconds ÷ (frames that must be decoded × CPU of a frame in a straight single-threaded decode
of the same file + conversion of the wanted frames). A frame must be decoded if it is wanted, or if it is a
reference frame between a wanted one and the key frame before it.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from bench_video import HEIGHT, RATE, render
from decoders import DECODERS, SHORT_SIDE, conversion_seconds, count_needed, straight_decode_seconds
from harness import Cost, arguments, finish, machine, table, timed

from actionpairs import pairs
from actionpairs.storage import Folder
from actionpairs.synthetic.frame_index import CELLS, decode_frame_index
from actionpairs.video.decode import Video

COPIES = 3
SECONDS, PER_MINUTE = 120, 15
GOPS = (30, 250)
RECIPE = """
extract:
  annotations:
    format: table
    unit: seconds
    columns:
      {id: id, video: video, start: start, stop: stop, instruction: text, verb: verb, noun: noun, group: group}
shard:
  dataset: bench
  filters: {min_change: null}
  splits: {train: bench}
"""


@dataclass(frozen=True, slots=True)
class Span:
    """A segment: its times in seconds, and the numbers of the frames at its ends."""

    start: float
    stop: float
    first: int
    last: int


def spans(seconds: int, copy: int) -> list[Span]:
    """Segments of 1 to 4 s at random places."""
    draw = random.Random(copy)
    segments = []
    for _ in range(seconds * PER_MINUTE // 60):
        start = round(draw.uniform(0, seconds - 4.5), 2)
        stop = round(start + draw.uniform(1, 4), 2)
        first = math.floor(Fraction(str(start)) * RATE)
        segments.append(Span(start, stop, first, math.ceil(Fraction(str(stop)) * RATE) - 1))
    return sorted(segments, key=lambda span: span.start)


def wanted(seconds: int, copy: int) -> list[int]:
    """The numbers of all frames wanted of a copy, ascending, each once."""
    return sorted({number for span in spans(seconds, copy) for number in (span.first, span.last)})


def ours(video: Path, out: Path, seconds: int) -> Cost:
    """Our command line with one worker."""
    folder = out.parent / "ours-input"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    rows = ["id,video,start,stop,text,verb,noun,group"]
    for copy in range(COPIES):
        os.link(video, folder / f"{copy}.mp4")
        rows += [
            f"{copy}-{number},{copy}.mp4,{span.start},{span.stop},do it,do,it,g"
            for number, span in enumerate(spans(seconds, copy))
        ]
    (folder / "rows.csv").write_text("\n".join(rows))
    command = [sys.executable, "-m", "actionpairs", "extract", str(folder / "recipe.yaml"), "--workers", "1"]
    command += ["--videos", str(folder), "--annotations", str(folder / "rows.csv")]
    return timed([*command, "--out", str(out)])


Pictures = dict[tuple[int, int], np.ndarray]  # by copy and number of the frame


def load_our_pictures(out: Path, seconds: int) -> Pictures:
    """Our pairs' pictures, by copy and expected frame number."""
    pictures: Pictures = {}
    for name in pairs.file_names(Folder(out)):
        for pair in pairs.load_pairs(Folder(out), name):
            copy, number = map(int, pair.facts.segment.id.split("-"))
            span = spans(seconds, copy)[number]
            pictures[copy, span.first], pictures[copy, span.last] = (
                _decode_jpeg(pair.before_jpeg),
                _decode_jpeg(pair.after_jpeg),
            )
    return pictures


def _decode_jpeg(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def count_right(pictures: Pictures) -> int:
    """How many pictures carry their expected frame number."""
    return sum(
        decode_frame_index(picture, original_height=HEIGHT) == number % 2**CELLS
        for (_, number), picture in pictures.items()
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """Our CPU seconds by part, measured in one process."""

    frames_decoded: int
    packet_table: float
    decode: float  # and conversion


def profile_ours(video: Path, seconds: int) -> Profile:
    """Decode all copies' frames again, and measure each part."""
    frames, tables, decoding = 0, 0.0, 0.0
    for copy in range(COPIES):
        begun = time.process_time()
        with Video(str(video), short_side=SHORT_SIDE) as opened:
            tables += time.process_time() - begun
            begun = time.process_time()
            for _ in opened.pictures(wanted(seconds, copy)):
                pass
            decoding += time.process_time() - begun
            frames += opened.decoded_frames
    return Profile(frames, tables, decoding)


def read_through_seconds(video: Path, seconds: int) -> float:
    """CPU seconds per minute of a video that is read through: all frames are decoded twice."""
    begun = time.process_time()
    with Video(str(video), short_side=SHORT_SIDE) as opened:
        opened.read_through("a benchmark")
        for _ in opened.pictures(wanted(seconds, 0)):
            pass
    return (time.process_time() - begun) * 60 / seconds


def run_all(video: Path, work: Path, seconds: int) -> Iterator[tuple[str, Cost, Pictures]]:
    """Every decoder's cost and pictures; one that is not installed is skipped with a message."""
    out = work / "ours"
    cost = ours(video, out, seconds)
    yield "actionpairs", cost, load_our_pictures(out, seconds)
    for name in DECODERS:
        out = work / name
        try:
            cost = timed(
                [sys.executable, __file__, "--run", name, str(video), str(out), "--seconds", str(seconds)]
            )
        except subprocess.CalledProcessError as error:
            print(f"{name}: left out: {error.output.strip().splitlines()[-1:]}")
            continue
        yield (
            name,
            cost,
            {(int(path.parent.name), int(path.stem)): cv2.imread(str(path)) for path in out.rglob("*.jpg")},
        )


def compare(video: Path, *, gop: int, seconds: int) -> dict[str, float]:
    """Print one video's table; returns its figures by name."""
    wanted_numbers = [wanted(seconds, copy) for copy in range(COPIES)]
    frames = sum(map(len, wanted_numbers))
    needed, frame_seconds = (
        sum(count_needed(video, numbers) for numbers in wanted_numbers),
        straight_decode_seconds(video, 1500),
    )
    convert = conversion_seconds(video, frames)
    limit = needed * frame_seconds + convert
    print(
        f"\nGOP {gop}: {frames} frames wanted, {needed} must be decoded at {frame_seconds * 1e3:.2f} ms each,",
        end=" ",
    )
    print(f"conversion {convert:.2f} s: limit {limit:.2f} CPU s")
    with tempfile.TemporaryDirectory(dir=video.parent) as folder:
        results = list(run_all(video, Path(folder), seconds))
    our_cost, our_pictures = results[0][1], results[0][2]
    rows = []
    figures = {f"gop{gop}_over_limit": our_cost.cpu_seconds / limit}
    for name, cost, pictures in results:
        ratio = cost.cpu_seconds / our_cost.cpu_seconds
        apart = max(float(cv2.absdiff(our_pictures[key], pictures[key]).mean()) for key in pictures)
        rows.append((name, cost.wall_seconds, cost.cpu_seconds, ratio, f"{count_right(pictures)}/{frames}", apart))
        if name != "actionpairs":
            figures[f"gop{gop}_cpu_vs_{name}"] = ratio
    print(table(["", "wall s", "CPU s", "÷ ours", "right", "gray levels from ours"], rows))
    parts = profile_ours(video, seconds)
    rest = our_cost.cpu_seconds - parts.packet_table - parts.decode
    print(f"ours: {parts.packet_table:.2f} s packet table, {parts.decode:.2f} s decode and conversion,", end=" ")
    print(f"{rest:.2f} s start, imports, JPEG, measures, Parquet; {our_cost.cpu_seconds / limit:.2f} × the limit")
    print(f"decoded {parts.frames_decoded} frames, {parts.frames_decoded / needed:.3f} × the least")
    figures[f"gop{gop}_read_through_cpu_s_per_minute"] = read_through_seconds(video, seconds)
    print(f"read through: {figures[f'gop{gop}_read_through_cpu_s_per_minute']:.1f} CPU s per minute of video")
    return figures | {"decoded_over_least": parts.frames_decoded / needed}


def main() -> None:
    """Render missing videos, compare, print."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="length of the videos")
    parser.add_argument("--run", nargs=3, metavar=("DECODER", "VIDEO", "OUT"), help="run one decoder")
    chosen = parser.parse_args()
    if chosen.run:
        name, video, out = chosen.run
        for copy in range(COPIES):
            folder = Path(out, str(copy))
            folder.mkdir(parents=True)
            DECODERS[name](Path(video), folder, wanted(chosen.seconds, copy))
        return
    work = Path(chosen.work or tempfile.mkdtemp(prefix="actionpairs-bench-"))
    print(machine("av", "opencv-python-headless", "decord", "torchcodec", "pyarrow"))
    figures: dict[str, float] = {}
    for gop in GOPS:
        video = work / f"gop{gop}-{chosen.seconds}s" / "video.mp4"
        if not video.exists():
            video.parent.mkdir(parents=True)
            partial = video.with_name("partial.mp4")
            render(partial, gop=gop, seconds=chosen.seconds)
            partial.rename(video)
        video_figures = compare(video, gop=gop, seconds=chosen.seconds)
        figures |= video_figures | {
            "decoded_over_least": max(video_figures["decoded_over_least"], figures.get("decoded_over_least", 0))
        }
    if not chosen.work:
        shutil.rmtree(work)
    finish(figures, as_json=chosen.json)


if __name__ == "__main__":
    main()
