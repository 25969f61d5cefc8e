"""Every frame that extract gives of any kind of video is the one of FFmpeg's full decode.

ACTIONPAIRS_ZOO=NAME,NAME takes only some specimens; -s shows what came by plan and what by reading through.
"""

from __future__ import annotations

import csv
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from actionpairs import pairs
from actionpairs.records import FramePair, Reason, Rejection
from actionpairs.stages.extract import extract
from actionpairs.storage import Folder
from actionpairs.video.decode import Video
from actionpairs.video.scaling import Picture
from tests.stages.conftest import HEADER
from tests.video import full_decode, zoo
from tests.video.full_decode import FullDecode
from tests.video.zoo import Specimen

ONLY = tuple(filter(None, os.environ.get("ACTIONPAIRS_ZOO", "").split(",")))
NAMES = [specimen.name for specimen in zoo.SPECIMENS if not ONLY or specimen.name in ONLY]
SEGMENTS = 12  # of each specimen, besides those that ask for every frame
# Whatever a video is like, these tell of a fault here.
NEVER = {Reason.WORKER_DIED, Reason.TIMED_OUT, Reason.VIDEO_FAILED}
FAR = 6.0  # mean absolute difference, in gray levels, of pictures that are not the same; neighbors differ by 20


@dataclass
class Seen:
    """What is asked of a specimen, what FFmpeg gives, and what came."""

    specimen: Specimen
    wanted: FullDecode
    spans: list[tuple[float, float]]
    pairs: dict[int, FramePair] = field(default_factory=dict)  # by the place of the span
    rejections: dict[int, Rejection] = field(default_factory=dict)

    def faults(self) -> Iterator[str]:
        """What is not as it must be."""
        for place, (start, stop) in enumerate(self.spans):
            ends = self.wanted.ends(start, stop)
            asked = f"[{start:.4f}, {stop:.4f})"
            numbers = [self.wanted.frames[end].number for end in ends]
            if place in self.pairs:
                pair = self.pairs[place]
                for name, jpeg, end in zip(
                    ("before", "after"), (pair.before_jpeg, pair.after_jpeg), ends, strict=True
                ):
                    far, number = full_decode.difference(jpeg, self.wanted.frames[end])
                    expected = self.wanted.frames[end].number
                    if far > FAR or (self.specimen.shown and number != expected):
                        yield f"{asked} {name}: wanted {expected} (frame {end}), seen {number}, {far:.1f} off"
            elif place not in self.rejections:
                yield f"{asked}: neither pair nor rejection"
            elif self.rejections[place].reason in NEVER or not self._may_refuse(ends):
                why = self.rejections[place]
                yield f"{asked}: wanted numbers {numbers}; {why.reason}: {why.detail}"

    def _may_refuse(self, ends: tuple[int, int]) -> bool:
        shapes = {self.wanted.frames[end].picture.shape for end in ends}
        return self.specimen.damaged or len(shapes) > 1

    @property
    def ways(self) -> Counter[str]:
        """How many pairs came which way."""
        return Counter(pair.facts.decoded for pair in self.pairs.values())


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")


@pytest.fixture(scope="session")
def seen(folder: Path) -> dict[str, Seen]:
    """Every specimen, rendered, decoded and extracted once."""
    (folder / "videos").mkdir()
    found = {
        specimen.name: _asked(specimen, folder / "videos" / specimen.name)
        for specimen in zoo.render_all(folder / "videos", only=ONLY)
    }
    table = folder / "segments.csv"
    with table.open("w", newline="") as file:
        file.write(HEADER)
        rows = csv.writer(file)
        for name, each in found.items():
            for place, (start, stop) in enumerate(each.spans):
                rows.writerow([f"{name}#{place}", name, start, stop, "take cup", "take", "cup", name])
    out = folder / "out"
    extract("table", videos=str(folder / "videos"), annotations=[str(table)], out=str(out), workers=2)
    for file_name in pairs.names(Folder(str(out))):
        for pair in pairs.read(Folder(str(out)), file_name):
            name, place = pair.facts.segment.id.split("#")
            found[name].pairs[int(place)] = pair
    for rejection in pairs.read_rejections(Folder(str(out))):
        name, place = rejection.segment_id.split("#")
        found[name].rejections[int(place)] = rejection
    return found


def _asked(specimen: Specimen, path: Path) -> Seen:
    wanted = full_decode.full_decode(path)
    if specimen.seam is not None:
        wanted = _one_after_the_other(wanted, specimen.seam)
    spans = full_decode.segments(wanted, count=SEGMENTS, draw=random.Random(specimen.name))
    if specimen.seam is not None:  # there, edges are a matter of a rounding
        spans = []
    spans += full_decode.rest(wanted, spans, shortest=Fraction(1, 1000))
    return Seen(specimen, wanted, spans)


def _one_after_the_other(decode: FullDecode, seam: Fraction) -> FullDecode:
    """Two recordings as ffmpeg and players show them, whose times both begin at 0."""
    step = Fraction(1001, zoo.TICKS)
    frames = sorted(decode.frames, key=lambda frame: frame.number)
    times = [place * step + (seam - step) * (place >= zoo.JOINT) for place in range(len(frames))]
    shown = [full_decode.Shown(time, frame.picture) for time, frame in zip(times, frames, strict=True)]
    return FullDecode(tuple(shown), decode.errors)


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_is_the_one_of_the_full_decode(seen: dict[str, Seen], name: str) -> None:
    if name not in seen:
        pytest.skip("no encoder for it here")
    faults = list(seen[name].faults())
    if faults:
        total = len(seen[name].spans)
        pytest.fail(
            f"{name}: {len(faults)} faults in {total} segments\n  " + "\n  ".join(faults[:5]), pytrace=False
        )


@pytest.mark.parametrize(
    "name", [name for name in NAMES if next(s for s in zoo.SPECIMENS if s.name == name).shown]
)
def test_a_full_decode_shows_what_was_painted(seen: dict[str, Seen], name: str) -> None:
    """Of the zoo and its measure, not of actionpairs."""
    if name not in seen:
        pytest.skip("no encoder for it here")
    assert [frame.number for frame in seen[name].wanted.frames] == list(seen[name].specimen.shown or ())


@pytest.mark.parametrize(
    "name", [name for name in NAMES if next(s for s in zoo.SPECIMENS if s.name == name).honest]
)
def test_a_frame_alone_is_the_one_of_the_full_decode(seen: dict[str, Seen], folder: Path, name: str) -> None:
    """Many frames at once hide an entry that is none: most of what it lacks has been decoded by then."""
    if name not in seen:
        pytest.skip("no encoder for it here")
    path = str(folder / "videos" / name)
    with Video(path, short_side=64) as whole:
        whole.read_through("a test")
        positions = random.Random(name).sample(range(len(whole.timeline.shown)), 6)
        wanted = dict(whole.pictures(positions))
    for position in positions:
        with Video(path, short_side=64) as video:
            [(_, picture)] = video.pictures([position])
        assert isinstance(picture, Picture)
        assert np.array_equal(picture.pixels, wanted[position].pixels)


def test_every_frame_is_asked_for(seen: dict[str, Seen]) -> None:
    for name, each in seen.items():
        asked = {end for span in each.spans for end in each.wanted.ends(*span)}
        times = [*each.wanted.times, Fraction(10**9)]
        # Of frames at the same time only the last one is ever on screen.
        shown = {place for place, time in enumerate(times[:-1]) if times[place + 1] - time > Fraction(1, 1000)}
        assert shown <= asked, name


def test_honest_containers_need_no_reading_through(
    seen: dict[str, Seen], capsys: pytest.CaptureFixture[str]
) -> None:
    ways: Counter[str] = sum((each.ways for each in seen.values()), Counter())
    refused = Counter(str(why.reason) for each in seen.values() for why in each.rejections.values())
    through = sorted(name for name, each in seen.items() if each.ways["read through"])
    with capsys.disabled():
        print(f"\nzoo: {len(seen)} specimens, pairs {dict(ways)}, refused {dict(refused)}")
        print(f"  read through: {', '.join(through) or 'none'}")
    for name, each in seen.items():
        if each.specimen.honest:
            assert each.ways["planned"] == len(each.spans), f"{name}: {dict(each.ways)}"
