"""Files with corrupt tables, times, flags or bytes give the full decode's frames, or rejections.

More files: ACTIONPAIRS_CORRUPT=30000 pytest -m slow tests/video/test_any_corruption.py. Others:
ACTIONPAIRS_CORRUPT_SEED=1. Only the fifth: ACTIONPAIRS_CORRUPT_ONLY=5.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import pytest

from actionpairs import measures, pairs
from actionpairs.executors import Died, local
from actionpairs.extraction.video_pairs import VideoTask, extract_video
from actionpairs.recipe import load
from actionpairs.records import FramePair, Measures, Reason, Rejection, Segment
from actionpairs.storage import Folder
from tests.video import full_decode
from tests.video.corruption import corrupt
from tests.video.encoding import VideoSpec, encode
from tests.video.full_decode import FullDecode, NoPicturesError, Span
from tests.video.specimen import Specimen

SEED = os.environ.get("ACTIONPAIRS_CORRUPT_SEED", "0")
FEW, MANY = 48, int(os.environ.get("ACTIONPAIRS_CORRUPT", "3000"))
ONLY = os.environ.get("ACTIONPAIRS_CORRUPT_ONLY")
SEGMENTS = 6
SIZE, FRAMES = (96, 64), 36
FAR = 3.0  # mean absolute difference, in gray levels, from which pictures differ
LONGEST_SECONDS = 1e6  # longest plausible video

_H264, _MPEG4 = ("libx264", {"g": "9"}), ("mpeg4", {"g": "9"})
_HEVC = ("libx265", {"x265-params": "log-level=none:keyint=9:min-keyint=9:scenecut=0:bframes=2"})
_OPEN = ("libx264", {"x264-params": "open-gop=1:keyint=9:bframes=2"})
_VP9, _MPEG2 = ("libvpx-vp9", {"g": "9"}), ("mpeg2video", {"g": "9"})
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
SOURCES: tuple[tuple[str, tuple[str, dict[str, str]], dict[str, str]], ...] = (
    ("h264.mp4", _H264, {}),
    ("h264.mov", _H264, {}),
    ("h264.mkv", _H264, {}),
    ("h264.ts", _H264, {}),
    ("h264.flv", _H264, {}),
    ("h264.avi", _H264, {}),
    ("open.mp4", _OPEN, {}),
    ("fragments.mp4", _H264, _FRAGMENTS),
    ("hevc.mp4", _HEVC, {}),
    ("hevc.mkv", _HEVC, {}),
    ("hevc.ts", _HEVC, {}),
    ("mpeg4.mp4", _MPEG4, {}),
    ("mpeg4.avi", _MPEG4, {}),
    ("mpeg4.mkv", _MPEG4, {}),
    ("vp9.webm", _VP9, {}),
    ("vp9.mp4", _VP9, {}),
    ("mpeg2.ts", _MPEG2, {}),
    ("mpeg2.mpg", _MPEG2, {}),
    ("prores.mov", ("prores_ks", {}), {}),
)


@dataclass(frozen=True)
class CorruptFile:
    """A file to corrupt and compare."""

    number: int
    folder: str
    source: str

    @property
    def path(self) -> Path:
        return Path(self.folder) / f"{self.number}{Path(self.source).suffix}"

    @property
    def out(self) -> Folder:
        return Folder(str(Path(self.folder) / f"out{self.number % 8}"))


@dataclass
class Comparison:
    """The result for one file; a test fails if there are faults."""

    how: str = ""
    faults: list[str] = field(default_factory=list)
    pairs: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    not_compared: str = ""  # why its frames could not be compared


def compare(task: CorruptFile) -> Comparison:
    """Corrupt a file, extract its pairs, and compare them with its full decode; the process may crash."""
    av.logging.set_level(av.logging.PANIC)
    measures.measure = _not_measured
    sources = sorted(path for path in (Path(task.folder) / "whole").iterdir())
    draw = random.Random(f"{SEED} {task.number}")
    made = Path(task.folder) / f"{task.number}.part{task.path.suffix}"
    comparison = Comparison(corrupt(Path(task.source), made, draw, other=draw.choice(sources)))
    made.rename(task.path)
    try:
        decode = full_decode.full_decode(task.path)
    except NoPicturesError:
        decode = None
    spans = full_decode.segments(decode, count=SEGMENTS, draw=draw) if decode else [(0.0, 0.5), (0.4, 1.0)]
    if decode:
        comparison.not_compared = decode.unclear
    for place, outcome in _extract_pairs(task, spans):
        if isinstance(outcome, Rejection):
            comparison.refused[str(outcome.reason)] += 1
            if outcome.reason == Reason.VIDEO_FAILED:
                comparison.faults.append(f"{spans[place]}: raised {outcome.detail}")
            continue
        comparison.pairs += 1
        comparison.ways[outcome.facts.decoded] += 1
        if not comparison.not_compared:
            comparison.faults += _differences(spans[place], outcome, decode, task.path)
    if sum(comparison.refused.values()) + comparison.pairs != len(spans):
        comparison.faults.append("segments are lost")
    if not comparison.faults:
        task.path.unlink()
    return comparison


def _extract_pairs(task: CorruptFile, spans: list[Span]) -> Iterator[tuple[int, FramePair | Rejection]]:
    file = task.path.name
    segments = tuple(
        Segment(str(place), file, start, stop, "take cup", "take", "cup", "take cup", "g")
        for place, (start, stop) in enumerate(spans)
    )
    video = VideoTask(
        videos_url=task.folder,
        file=file,
        segments=segments,
        out_url=task.out.path(),
        name=f"pairs/{task.number}.parquet",
        config=load("table").extract,
        frames_released=False,
    )
    if not segments:
        return
    try:
        result = extract_video(video)
    except Exception as error:
        yield 0, Rejection("0", file, "extract", Reason.VIDEO_FAILED, repr(error))
        return
    for pair in pairs.load_pairs(task.out, video.name):
        yield int(pair.facts.segment.id), pair
    for rejection in result.notes.rejections:
        yield int(rejection.segment_id), rejection
    task.out.remove(video.name)


def _differences(span: Span, pair: FramePair, decode: FullDecode | None, path: Path) -> Iterator[str]:
    if decode is None:
        yield f"{span}: a pair, but a full decode gives no frame"
        return
    jpegs = pair.before_jpeg, pair.after_jpeg
    for name, jpeg, end in zip(("before", "after"), jpegs, decode.end_frames(*span), strict=True):
        far, _ = full_decode.difference(jpeg, decode.frames[end])
        if far > FAR and end not in full_decode.undrawn(path):
            offs = [full_decode.difference(jpeg, frame)[0] for frame in decode.frames]
            nearest = min(range(len(offs)), key=offs.__getitem__)
            way = pair.facts.decoded
            yield f"{span} {name}: {far:.1f} off frame {end}; frame {nearest} is {offs[nearest]:.1f} off; {way}"


def _not_measured(*_: object) -> Measures:
    """Zeros instead of measures: they are slow and not needed to compare frames."""
    nothing = {"camera_inliers": 0, "hash_before": "0" * 16, "hash_after": "0" * 16}
    return Measures(**{name: nothing.get(name, 0.0) for name in Measures.__dataclass_fields__})  # type: ignore[arg-type]


def _only_decoded(path: str) -> int:
    """A full decode in its own process: a file on which FFmpeg itself crashes is not a fault."""
    try:
        return len(full_decode.full_decode(Path(path)).frames)
    except NoPicturesError:
        return 0


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("corrupt")
    (folder / "whole").mkdir()
    paths = []
    for name, (codec, options), muxing in SOURCES:
        if Specimen(name, lambda path: None, (codec,)).missing:
            continue
        path = folder / "whole" / name
        encode(path, VideoSpec(codec, range(FRAMES), size=SIZE, options=options), muxing=muxing)
        paths.append(str(path))
    return paths


def check(whole: list[str], count: int) -> None:
    """Corrupt `count` files and compare; fails with a list of all faults."""
    folder = str(Path(whole[0]).parent.parent)
    numbers = [int(ONLY)] if ONLY else range(count)
    tasks = [CorruptFile(number, folder, whole[number % len(whole)]) for number in numbers]
    faults: list[str] = []
    ways: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    not_compared = 0
    for outcome in local.run(compare, tasks, workers=int(os.environ.get("ACTIONPAIRS_CORRUPT_WORKERS", "2"))):
        task = outcome.task
        name = f"{task.number} ({Path(task.source).name})"
        if isinstance(outcome, Died):
            if _is_ours(task):
                how = "hung" if outcome.signal == signal.SIGALRM else outcome.why
                faults.append(f"{name}: {how}: {task.path}")
            continue
        comparison = outcome.result
        ways.update(comparison.ways)
        refused.update(comparison.refused)
        not_compared += bool(comparison.not_compared)
        faults += [f"{name}, {comparison.how}: {fault}" for fault in comparison.faults[:1]]
    print(
        f"\nseed {SEED}, {len(tasks)} files: pairs {dict(ways)}, refused {dict(refused)}, {not_compared} not held"
    )
    if faults:
        listed = "\n  ".join(faults[:40])
        pytest.fail(f"{len(faults)} of {len(tasks)} files, in {folder}:\n  {listed}", pytrace=False)
    if len(tasks) > 1:
        assert ways.total() > refused.total()


def _is_ours(task: CorruptFile) -> bool:
    """Whether a crash is not FFmpeg's own."""
    if not task.path.exists():
        return False  # the muxer crashed
    (outcome,) = local.run(_only_decoded, [str(task.path)], workers=1)
    return not isinstance(outcome, Died)


def test_a_corrupt_video_gives_its_full_decodes_frames_or_none(whole: list[str]) -> None:
    check(whole, FEW)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_thousands_of_corrupt_videos_give_their_full_decodes_frames_or_none(whole: list[str]) -> None:
    check(whole, MANY)
