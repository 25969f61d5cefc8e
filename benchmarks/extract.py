"""A few frames out of long videos: actionpairs against the usual ways, on the same frames in the same run.

Renders 2-minute 1080p59.94 H.264 videos (GOP 30 and 250, B-frames), every frame with its number in its pixels,
and draws 15 segments a minute of 1 to 4 s for each of three copies of a video. Every model makes the first
and last frame of each segment into a JPEG of short side 512, in one process for the three, one thread. CPU seconds
are those of the whole process and its children, start and imports included.

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from contest import Cost, arguments, finish, machine, table, timed

from actionpairs import pairs
from actionpairs.storage import Folder
from actionpairs.synthetic.frame_index import CELLS, read_frame_index, stamp_frame_index
from actionpairs.video.decode import Video

RATE = Fraction(60000, 1001)
COPIES = 3
SECONDS, PER_MINUTE = 120, 15
WIDTH, HEIGHT, SHORT_SIDE = 1920, 1080, 512
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


# ── the work ────────────────────────────────────────────────────────────────────────────────────────────────


def render(path: Path, *, gop: int, seconds: int) -> None:
    """A hand-held look at a detailed scene with things moving in it, and noise as a sensor has it."""
    draw = np.random.default_rng(0)
    scene = _scene(draw, WIDTH + 400, HEIGHT + 400)
    things = [(_scene(draw, 240, 240), *draw.uniform(0.5, 2, 2), draw.uniform(0, 6)) for _ in range(6)]
    grains = [draw.normal(0, 2, (HEIGHT, WIDTH, 3)).astype(np.int8) for _ in range(16)]
    shake = np.cumsum(draw.normal(0, 0.5, (math.ceil(seconds * RATE), 2)), axis=0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 12_000_000
        stream.codec_context.options = {"preset": "veryfast", "g": str(gop), "keyint_min": str(gop), "bf": "3"}
        for number in range(math.floor(seconds * RATE)):
            at = number / float(RATE)
            turn = cv2.getRotationMatrix2D((1160, 740), 3 * math.sin(at * 0.8), 1 + 0.04 * math.sin(at * 0.6))
            turn[:, 2] -= (200, 200) + 120 * np.sin([at * 0.7, at * 0.9]) + np.clip(shake[number], -40, 40)
            view = cv2.warpAffine(scene, turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
            for thing, across, down, phase in things:
                left = round(840 + 800 * math.sin(at * across + phase))
                top = round(400 + 380 * math.sin(at * down + phase))
                view[top : top + 240, left : left + 240] = thing
            view = cv2.add(view, grains[draw.integers(16)], dtype=cv2.CV_8U)
            stamp_frame_index(view, number % 2**CELLS)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, "bgr24")))
        container.mux(stream.encode())


def _scene(draw: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Detail at every size, less of it the finer, as photographs have it (amplitude ~ 1/f)."""
    picture = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 9):
        rough = draw.normal(0, 1, (2**octave, 2**octave, 3)).astype(np.float32)
        picture += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC) * 2.0**-octave
    return np.clip(128 + 110 * picture, 0, 255).astype(np.uint8)


def spans(seconds: int, copy: int) -> list[Span]:
    """Segments of 1 to 4 s at random places."""
    draw = random.Random(copy)
    found = []
    for _ in range(seconds * PER_MINUTE // 60):
        start = round(draw.uniform(0, seconds - 4.5), 2)
        stop = round(start + draw.uniform(1, 4), 2)
        first = math.floor(Fraction(str(start)) * RATE)
        found.append(Span(start, stop, first, math.ceil(Fraction(str(stop)) * RATE) - 1))
    return sorted(found, key=lambda span: span.start)


def wanted(seconds: int, copy: int) -> list[int]:
    """The numbers of all frames wanted of a copy, ascending, each once."""
    return sorted({number for span in spans(seconds, copy) for number in (span.first, span.last)})


# ── the contestants: each writes NUMBER.jpg for every wanted frame ──────────────────────────────────────────


def with_ffmpeg(video: Path, out: Path, numbers: list[int]) -> None:
    """One `ffmpeg -ss` per frame, asked half a frame early: it gives the first frame at or after a time."""
    for number in numbers:
        at = max(float((number - Fraction(1, 2)) / RATE), 0)
        scale = f"scale=-2:{SHORT_SIDE}:flags=area+accurate_rnd+full_chroma_int"
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-threads",
            "1",
            "-ss",
            f"{at:.6f}",
            "-i",
            str(video),
            "-frames:v",
            "1",
        ]
        command += ["-vf", scale, "-q:v", "2", "-y", str(out / f"{number}.jpg")]
        subprocess.run(command, check=True)


def with_opencv(video: Path, out: Path, numbers: list[int]) -> None:
    """`CAP_PROP_POS_FRAMES` for every frame."""
    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    for number in numbers:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        _, picture = capture.read()
        _save(picture, out / f"{number}.jpg")


def with_decord(video: Path, out: Path, numbers: list[int]) -> None:
    """`get_batch` of all frames, in order."""
    import decord

    reader = decord.VideoReader(str(video), num_threads=1)
    for number, picture in zip(numbers, reader.get_batch(numbers).asnumpy(), strict=True):
        _save(picture[:, :, ::-1], out / f"{number}.jpg")


def with_torchcodec(video: Path, out: Path, numbers: list[int]) -> None:
    """`get_frames_at` of all frames, in order, with exact seeking."""
    from torchcodec.decoders import VideoDecoder

    frames = VideoDecoder(str(video), num_ffmpeg_threads=1, dimension_order="NHWC").get_frames_at(numbers)
    for number, picture in zip(numbers, frames.data.numpy(), strict=True):
        _save(picture[:, :, ::-1], out / f"{number}.jpg")


def _save(picture: np.ndarray, path: Path) -> None:
    width = round(picture.shape[1] * SHORT_SIDE / picture.shape[0])
    small = cv2.resize(np.ascontiguousarray(picture), (width, SHORT_SIDE), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, 95])


CONTESTANTS: dict[str, Callable[[Path, Path, list[int]], None]] = {
    "ffmpeg": with_ffmpeg,
    "opencv": with_opencv,
    "decord": with_decord,
    "torchcodec": with_torchcodec,
}


def ours(video: Path, out: Path, seconds: int) -> Cost:
    """The command as users run it, one worker."""
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


# ── the judges ──────────────────────────────────────────────────────────────────────────────────────────────


Pictures = dict[tuple[int, int], np.ndarray]  # by copy and number of the frame


def pictures_of_ours(out: Path, seconds: int) -> Pictures:
    """Our pairs' pictures by the number of the frame that they should be."""
    found: Pictures = {}
    for name in pairs.names(Folder(out)):
        for pair in pairs.read(Folder(out), name):
            copy, number = map(int, pair.facts.segment.id.split("-"))
            span = spans(seconds, copy)[number]
            found[copy, span.first], found[copy, span.last] = _decoded(pair.before_jpeg), _decoded(pair.after_jpeg)
    return found


def _decoded(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def right(pictures: Pictures) -> int:
    """How many pictures carry the number that they should."""
    return sum(
        read_frame_index(picture, original_height=HEIGHT) == number % 2**CELLS
        for (_, number), picture in pictures.items()
    )


def least(video: Path, numbers: list[int]) -> int:
    """How many frames must be decoded: told from the file's own packets, by their NAL units, without our plan."""
    places, keys, referenced = {}, [], []
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if packet.size:
                if packet.is_keyframe:
                    keys.append(len(referenced))
                places[packet.pts] = len(referenced)
                referenced.append(_is_reference(bytes(packet)))
    in_order = sorted(places)
    pts_of = {place: pts for pts, place in places.items()}
    needed: set[int] = set()
    for number in numbers:
        pts = in_order[number]
        key = max(key for key in keys if pts_of[key] <= pts)
        needed |= {other for other in range(key, places[pts]) if referenced[other]} | {places[pts]}
    return len(needed)


def _is_reference(packet: bytes) -> bool:
    """nal_ref_idc of the packet's first slice (H.264, 7.4.1), in length-prefixed form."""
    at = 0
    while at + 4 < len(packet):
        size, head = int.from_bytes(packet[at : at + 4], "big"), packet[at + 4]
        if head & 31 in {1, 5}:
            return bool(head >> 5 & 3)
        at += 4 + size
    raise ValueError("a packet without a slice")


def straight(video: Path, frames: int) -> float:
    """CPU seconds of a frame in a straight single-threaded decode."""
    with av.open(str(video)) as container:
        container.streams.video[0].thread_count = 1
        begun = time.process_time()
        count = 0
        for _ in container.decode(video=0):
            count += 1
            if count == frames:
                break
        return (time.process_time() - begun) / count


def conversion(video: Path, pictures: int) -> float:
    """CPU seconds to scale and compress the wanted frames, as few steps as it can be done in."""
    with av.open(str(video)) as container:
        frame = next(container.decode(video=0))
    begun = time.process_time()
    for _ in range(pictures):
        small = frame.reformat(width=910, height=SHORT_SIDE, format="bgr24").to_ndarray()
        cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111])
    return time.process_time() - begun


@dataclass(frozen=True, slots=True)
class Inside:
    """Where our CPU seconds go, measured inside one process."""

    frames_decoded: int
    packet_table: float
    decode: float  # and conversion


def inside(video: Path, seconds: int) -> Inside:
    """Open and decode all copies' frames once more, part by part."""
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
    return Inside(frames, tables, decoding)


def read_through(video: Path, seconds: int) -> float:
    """CPU seconds per minute of a video whose packets prove nothing: all of it decoded, twice."""
    begun = time.process_time()
    with Video(str(video), short_side=SHORT_SIDE) as opened:
        opened.read_through("a benchmark")
        for _ in opened.pictures(wanted(seconds, 0)):
            pass
    return (time.process_time() - begun) * 60 / seconds


# ── the contest ─────────────────────────────────────────────────────────────────────────────────────────────


def contest(video: Path, work: Path, seconds: int) -> Iterator[tuple[str, Cost, Pictures]]:
    """Every model's cost and pictures; one that is not installed is left out and said so."""
    out = work / "ours"
    cost = ours(video, out, seconds)
    yield "actionpairs", cost, pictures_of_ours(out, seconds)
    for name in CONTESTANTS:
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
    """One video's table, and its figures by name."""
    asked = [wanted(seconds, copy) for copy in range(COPIES)]
    frames = sum(map(len, asked))
    must, each = sum(least(video, numbers) for numbers in asked), straight(video, 1500)
    convert = conversion(video, frames)
    limit = must * each + convert
    print(f"\nGOP {gop}: {frames} frames wanted, {must} must be decoded at {each * 1e3:.2f} ms each,", end=" ")
    print(f"conversion {convert:.2f} s: limit {limit:.2f} CPU s")
    with tempfile.TemporaryDirectory(dir=video.parent) as folder:
        found = list(contest(video, Path(folder), seconds))
    us, mine = found[0][1], found[0][2]
    rows = []
    figures = {f"gop{gop}_over_limit": us.cpu_seconds / limit}
    for name, cost, pictures in found:
        ratio = cost.cpu_seconds / us.cpu_seconds
        apart = max(float(cv2.absdiff(mine[key], pictures[key]).mean()) for key in pictures)
        rows.append((name, cost.wall_seconds, cost.cpu_seconds, ratio, f"{right(pictures)}/{frames}", apart))
        if name != "actionpairs":
            figures[f"gop{gop}_cpu_vs_{name}"] = ratio
    print(table(["", "wall s", "CPU s", "÷ ours", "right", "gray levels from ours"], rows))
    parts = inside(video, seconds)
    rest = us.cpu_seconds - parts.packet_table - parts.decode
    print(f"ours: {parts.packet_table:.2f} s packet table, {parts.decode:.2f} s decode and conversion,", end=" ")
    print(f"{rest:.2f} s start, imports, JPEG, measures, Parquet; {us.cpu_seconds / limit:.2f} × the limit")
    print(f"decoded {parts.frames_decoded} frames, {parts.frames_decoded / must:.3f} × the least")
    figures[f"gop{gop}_read_through_cpu_s_per_minute"] = read_through(video, seconds)
    print(f"read through: {figures[f'gop{gop}_read_through_cpu_s_per_minute']:.1f} CPU s per minute of video")
    return figures | {"decoded_over_least": parts.frames_decoded / must}


def main() -> None:
    """Render what is not there yet, compare, print."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="length of the videos")
    parser.add_argument("--run", nargs=3, metavar=("CONTESTANT", "VIDEO", "OUT"), help="one model alone")
    chosen = parser.parse_args()
    if chosen.run:
        name, video, out = chosen.run
        for copy in range(COPIES):
            folder = Path(out, str(copy))
            folder.mkdir(parents=True)
            CONTESTANTS[name](Path(video), folder, wanted(chosen.seconds, copy))
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
        found = compare(video, gop=gop, seconds=chosen.seconds)
        figures |= found | {
            "decoded_over_least": max(found["decoded_over_least"], figures.get("decoded_over_least", 0))
        }
    if not chosen.work:
        shutil.rmtree(work)
    finish(figures, as_json=chosen.json)


if __name__ == "__main__":
    main()
