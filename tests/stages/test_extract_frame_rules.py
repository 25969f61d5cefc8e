"""`extract.frames` on painted videos: the pairs are those that a full decode and the rule's definition give."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from actionpairs import pairs
from actionpairs.extraction.summary import ExtractSummary
from actionpairs.measures.sharpness import measure_sharpness
from actionpairs.records import FramePair
from actionpairs.stages.extract import extract
from actionpairs.stages.shard import shard
from actionpairs.storage import Folder
from actionpairs.synthetic.frame_index import Pixels, decode_frame_index, stamp_frame_index
from actionpairs.video.decode import Video
from actionpairs.video.scaling import Picture
from tests.conftest import HEADER, RawDataset
from tests.stages.conftest import content

WIDTH, HEIGHT, FRAMES = 256, 144, 96
SLACK = Fraction(1, 1_000_000)
SEGMENTS = {"a": (0.31, 1.2), "b": (0.9, 2.77), "c": (1.5, 1.75), "d": (0.0, 3.1)}
SHARPEST = {"choose": "sharpest", "within_seconds": 0.2}
STILL = {"choose": "still", "within_seconds": 0.5}


def paint(number: int) -> Pixels:
    """A picture whose blur and whose speed change from frame to frame, with its number in it; BGR."""
    scene = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 200, 3), np.uint8)
    left = round(90 + 80 * math.sin(number / 7) + 10 * math.sin(number))
    view = np.ascontiguousarray(scene[:, left : left + WIDTH])
    picture: Pixels = cv2.GaussianBlur(view, (0, 0), 1.2 + math.sin(number * 1.7) + 0.004 * number)  # type: ignore[assignment]
    stamp_frame_index(picture, number)
    return picture


def regular(number: int) -> int:
    return number * 1001


def varying(number: int) -> int:
    """With gaps: every ninth frame is followed by one of five frames' length, and others jitter."""
    return number * 1001 + number // 9 * 4004 + (number % 3) * 90


def write_video(path: Path, ticks: Callable[[int], int], codec: str = "libx264") -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        base = Fraction(1, 30000) if codec == "libx264" else Fraction(1001, 30000)
        stream.codec_context.time_base = stream.time_base = base
        stream.codec_context.options = {"g": "24", "bf": "3", "qmin": "2", "qmax": "8"}
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(paint(number), "bgr24")
            frame.pts, frame.time_base = ticks(number), Fraction(1, 30000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@dataclass(frozen=True)
class Clip:
    """A video, or released frames, by the flag that names its folder; and all its frames: seconds and pictures."""

    flag: str
    folder: Path
    name: str
    seconds: tuple[Fraction, ...]
    pictures: tuple[Pixels, ...]


def decoded(flag: str, folder: Path, name: str) -> Clip:
    """A clip whose frames are read from the first to the last: none is planned."""
    with Video(str(folder / name), short_side=HEIGHT) as video:
        video.read_through("a test")
        timeline = video.timeline
        every = [picture for _, picture in video.pictures(range(len(timeline.frame_times)))]
    seconds = tuple((time - timeline.origin) * timeline.time_base for time in timeline.frame_times)
    return Clip(flag, folder, name, seconds, tuple(each.pixels for each in every if isinstance(each, Picture)))


def released(folder: Path) -> Clip:
    frames = folder / "P01_01"
    frames.mkdir()
    for number in range(1, FRAMES + 1):
        cv2.imwrite(str(frames / f"frame_{number:010d}.jpg"), paint(number), [cv2.IMWRITE_JPEG_QUALITY, 98])
    read = [cv2.imread(str(path)) for path in sorted(frames.iterdir())]
    pictures = tuple(each.astype(np.uint8, copy=False) for each in read if each is not None)
    return Clip("frames", folder, "P01_01", tuple(Fraction(n, 30) for n in range(1, FRAMES + 1)), pictures)


@pytest.fixture(scope="module", params=["h264 with B-frames", "varying rate", "program stream", "released"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    folder = tmp_path_factory.mktemp("clip")
    if request.param == "released":
        return released(folder)
    if request.param == "program stream":  # always read through
        write_video(folder / "video.mpg", regular, "mpeg2video")
        return decoded("videos", folder, "video.mpg")
    write_video(folder / "video.mp4", varying if request.param == "varying rate" else regular)
    return decoded("videos", folder, "video.mp4")


def run(clip: Clip, out: Path, frames: dict[str, Any], *, workers: int = 1) -> ExtractSummary:
    table, recipe = out.with_suffix(".csv"), out.with_suffix(".yaml")
    rows = (f"{name},{clip.name},{a},{b},take cup,take,cup,P01\n" for name, (a, b) in SEGMENTS.items())
    table.write_text(HEADER + "".join(rows))
    keys = {"frames": frames, "pictures": {"short_side": HEIGHT, "quality": 100}, "released_frames": {"rate": 30}}
    recipe.write_text(f"extends: table\nextract: {json.dumps(keys)}\n")
    where = {clip.flag: str(clip.folder)}
    return extract(
        recipe,
        annotations=[str(table)],
        out=str(out),
        workers=workers,
        executor="serial" if workers == 1 else "local",
        videos=where.get("videos"),
        frames=where.get("frames"),
    )


def extracted(out: Path) -> Iterator[FramePair]:
    for name in pairs.file_names(Folder(out)):
        yield from pairs.load_pairs(Folder(out), name)


def exact(seconds: float) -> Fraction:
    return Fraction(str(round(seconds, 6)))


def on_screen(clip: Clip, at: Fraction) -> int:
    return max((place for place, time in enumerate(clip.seconds) if time <= at + SLACK), default=0)


def last_before(clip: Clip, at: Fraction) -> int:
    return max((place for place, time in enumerate(clip.seconds) if time < at - SLACK), default=0)


def stillness(clip: Clip, place: int) -> float:
    """Minus the mean gray levels by which a frame differs from the frames 0.1 s earlier and later."""
    step = Fraction(1, 10)
    others = {
        min(on_screen(clip, clip.seconds[place] - step), place - 1),
        max(on_screen(clip, clip.seconds[place] + step), place + 1),
    } & set(range(len(clip.seconds)))
    small = {each: small_gray(clip.pictures[each]).astype(int) for each in {place, *others}}
    return -max(float(np.abs(small[place] - small[each]).mean()) for each in others)


def small_gray(picture: Pixels) -> Pixels:
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return cv2.resize(gray, (128, 96), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def chosen(clip: Clip, frames: dict[str, Any], before: int, after: int, start: float, stop: float) -> list[int]:
    """The two frames of a pair by the definition of `choose`: the best of those within the time."""
    if "choose" not in frames:
        return [before, after]
    middle, choices = (before + after) // 2, []
    ends: list[Fraction | float] = [*clip.seconds[1:], math.inf]
    for asked, seconds, half in ((before, start, range(middle + 1)), (after, stop, range(middle + 1, FRAMES))):
        low, high = (exact(seconds + sign * frames["within_seconds"]) for sign in (-1, 1))
        near = {each for each in half if clip.seconds[each] <= high + SLACK and ends[each] > low + SLACK}
        scores = {
            each: measure_sharpness(clip.pictures[each])
            if frames["choose"] == "sharpest"
            else stillness(clip, each)
            for each in near | {asked}
        }
        choices.append(min(scores, key=lambda each: (-scores[each], abs(each - asked), each)))
    return choices


def assert_pair(clip: Clip, pair: FramePair, places: list[int]) -> None:
    facts, segment = pair.facts, pair.facts.segment
    seconds = [float(clip.seconds[place]) for place in places]
    assert [facts.before_seconds, facts.after_seconds] == pytest.approx(seconds, abs=1e-6)
    early = [segment.start_seconds - seconds[0], segment.stop_seconds - seconds[1]]
    assert [facts.before_early_seconds, facts.after_early_seconds] == pytest.approx(early, abs=2e-6)
    for jpeg, place in zip((pair.before_jpeg, pair.after_jpeg), places, strict=True):
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        number = decode_frame_index(picture.astype(np.uint8, copy=False))
        assert number == decode_frame_index(clip.pictures[place])


@pytest.mark.parametrize("frames", [{}, SHARPEST, STILL], ids=["plain", "sharpest", "still"])
def test_first_and_last_are_the_definition_s(clip: Clip, tmp_path: Path, frames: dict[str, Any]) -> None:
    assert run(clip, tmp_path / "out", frames).pairs == len(SEGMENTS)
    moved = 0
    for pair in extracted(tmp_path / "out"):
        start, stop = SEGMENTS[pair.facts.segment.id]
        asked = [on_screen(clip, exact(start)), last_before(clip, exact(stop))]
        places = chosen(clip, frames, asked[0], asked[1], start, stop)
        assert (pair.facts.segment.start_seconds, pair.facts.segment.stop_seconds) == (start, stop)
        assert_pair(clip, pair, places)
        moved += places != asked
    assert (moved > 0) == bool(frames)


@pytest.mark.parametrize("choice", [{}, SHARPEST, STILL], ids=["plain", "sharpest", "still"])
@pytest.mark.parametrize("ahead", [{"seconds": 0.5, "pairs": 3}, {"frames": 9, "every_seconds": 0.4}], ids=str)
def test_pairs_ahead_are_the_definition_s(
    clip: Clip, tmp_path: Path, ahead: dict[str, Any], choice: dict[str, Any]
) -> None:
    frames = {"rule": "ahead", **ahead, **choice}
    summary = run(clip, tmp_path / "out", frames)
    expected = {name: places for segment in SEGMENTS for name, places in pairs_ahead(clip, segment, frames)}
    assert summary.rejected == {"too_short": 1}  # "c"
    assert {pair.facts.segment.id for pair in extracted(tmp_path / "out")} == set(expected)
    for pair in extracted(tmp_path / "out"):
        assert_pair(clip, pair, expected[pair.facts.segment.id])


def pairs_ahead(clip: Clip, name: str, frames: dict[str, Any]) -> Iterator[tuple[str, list[int]]]:
    start, stop = SEGMENTS[name]
    first, last = on_screen(clip, exact(start)), last_before(clip, exact(stop))
    taken = set()
    for number in range(20):
        if "seconds" in frames:
            room = min(stop, float(clip.seconds[-1] + Fraction(1, 29))) - start - frames["seconds"]
            if number >= frames["pairs"] or room < 0:
                return
            begun = round(start + number * room / (frames["pairs"] - 1), 6)
            ended = begun + frames["seconds"]
            before, after = (min(max(on_screen(clip, exact(at)), first), last) for at in (begun, ended))
        else:
            before = max(on_screen(clip, exact(start + number * frames["every_seconds"])), first)
            after = before + frames["frames"]
            if after > last:
                return
            begun, ended = max(float(clip.seconds[before]), start), float(clip.seconds[after])
        if before < after and (before, after) not in taken:
            taken.add((before, after))
            yield f"{name}-{number}", chosen(clip, frames, before, after, begun, ended)


def test_the_default_rule_changes_no_byte(dataset: RawDataset, tmp_path: Path) -> None:
    for name, keys in (("plain", "{}"), ("stated", "{frames: {rule: first and last}}")):
        recipe = tmp_path / "mine.yaml"
        recipe.write_text(f"extends: table\nextract: {keys}")
        extract(
            recipe,
            videos=str(dataset.videos),
            annotations=[str(dataset.table)],
            out=str(tmp_path / name),
            executor="serial",
        )
    plain, stated = ({p: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()} for name in NAMES)
    assert list(plain.values()) == list(stated.values())
    assert b'"frames"' not in plain[tmp_path / "plain/recipe.json"]


NAMES = ("plain", "stated")


def test_workers_change_no_byte_of_any_rule(clip: Clip, tmp_path: Path) -> None:
    frames = {"rule": "ahead", "seconds": 0.5, "pairs": 2, **STILL}
    run(clip, tmp_path / "out", frames)
    one = {path.name: path.read_bytes() for path in (tmp_path / "out/pairs").iterdir()}
    (tmp_path / "out").rename(tmp_path / "one")
    run(clip, tmp_path / "out", frames, workers=2)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out/pairs").iterdir()} == one


def test_pairs_of_one_segment_are_samples_of_their_own(clip: Clip, tmp_path: Path) -> None:
    run(clip, tmp_path / "out", {"rule": "ahead", "seconds": 0.5, "pairs": 3})
    recipe = tmp_path / "small.yaml"
    recipe.write_text("extends: table\nshard: {filters: {min_change: null}, splits: {tests: {tabletest: 2}}}")
    shard(recipe, pairs=str(tmp_path / "out"), out=str(tmp_path / "shards"))
    members = b"".join(data for name, data in content(tmp_path / "shards").items() if name.endswith(".tar"))
    for pair in extracted(tmp_path / "out"):
        assert f"{pair.facts.segment.id}.original_image.jpg\0".encode() in members


def test_a_released_frame_that_is_missing_gives_way_only_in_a_window(tmp_path: Path) -> None:
    clip = released(tmp_path)
    start = on_screen(clip, exact(SEGMENTS["a"][0]))
    (tmp_path / f"P01_01/frame_{start + 1:010d}.jpg").unlink()
    assert run(clip, tmp_path / "plain", {}).rejected == {"decode_error": 1}
    assert run(clip, tmp_path / "sharpest", SHARPEST).rejected == {}
