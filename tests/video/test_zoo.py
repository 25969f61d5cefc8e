"""For every kind of video, the frames of `extract` equal those of FFmpeg's full decode.

ACTIONPAIRS_ZOO=NAME,NAME selects specimens; -s prints how many pairs were planned and how many read through.
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
from tests.conftest import HEADER
from tests.video import full_decode, zoo
from tests.video.encoding import TICKS
from tests.video.full_decode import FullDecode
from tests.video.specimen import SPECIMENS, Specimen
from tests.video.specimens_streams import JOINT

ONLY = tuple(filter(None, os.environ.get("ACTIONPAIRS_ZOO", "").split(",")))
NAMES = [specimen.name for specimen in SPECIMENS if not ONLY or specimen.name in ONLY]
SEGMENTS = 12  # per specimen, besides those that cover every frame
# No video may cause these.
NEVER = {Reason.WORKER_DIED, Reason.TIMED_OUT, Reason.VIDEO_FAILED}
FAR = 6.0  # mean absolute difference, in gray levels, from which pictures differ; neighbors differ by 20


@dataclass
class Extraction:
    """A specimen, FFmpeg's full decode, the requested spans, and the result of `extract`."""

    specimen: Specimen
    wanted: FullDecode
    spans: list[tuple[float, float]]
    pairs: dict[int, FramePair] = field(default_factory=dict)  # by the place of the span
    rejections: dict[int, Rejection] = field(default_factory=dict)

    def faults(self) -> Iterator[str]:
        """All differences from the full decode."""
        for place, (start, stop) in enumerate(self.spans):
            ends = self.wanted.end_frames(start, stop)
            asked = f"[{start:.4f}, {stop:.4f})"
            numbers = [self.wanted.frames[end].number for end in ends]
            if place in self.pairs:
                pair = self.pairs[place]
                for name, jpeg, end in zip(
                    ("before", "after"), (pair.before_jpeg, pair.after_jpeg), ends, strict=True
                ):
                    far, number = full_decode.difference(jpeg, self.wanted.frames[end])
                    expected = self.wanted.frames[end].number
                    if far > FAR or (self.specimen.expected and number != expected):
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
    def decode_modes(self) -> Counter[str]:
        """How many pairs were planned and read through."""
        return Counter(pair.facts.decoded for pair in self.pairs.values())


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")


@pytest.fixture(scope="session")
def extractions(folder: Path) -> dict[str, Extraction]:
    """Every specimen, rendered, decoded and extracted once."""
    (folder / "videos").mkdir()
    by_name = {
        specimen.name: _plan_segments(specimen, folder / "videos" / specimen.name)
        for specimen in zoo.render_all(folder / "videos", only=ONLY)
    }
    table = folder / "segments.csv"
    with table.open("w", newline="") as file:
        file.write(HEADER)
        rows = csv.writer(file)
        for name, each in by_name.items():
            for place, (start, stop) in enumerate(each.spans):
                rows.writerow([f"{name}#{place}", name, start, stop, "take cup", "take", "cup", name])
    out = folder / "out"
    extract("table", videos=str(folder / "videos"), annotations=[str(table)], out=str(out), workers=2)
    for file_name in pairs.file_names(Folder(str(out))):
        for pair in pairs.load_pairs(Folder(str(out)), file_name):
            name, place = pair.facts.segment.id.split("#")
            by_name[name].pairs[int(place)] = pair
    for rejection in pairs.load_rejections(Folder(str(out))):
        name, place = rejection.segment_id.split("#")
        by_name[name].rejections[int(place)] = rejection
    return by_name


def _plan_segments(specimen: Specimen, path: Path) -> Extraction:
    wanted = full_decode.full_decode(path)
    if specimen.seam is not None:
        wanted = _one_after_the_other(wanted, specimen.seam)
    spans = full_decode.segments(wanted, count=SEGMENTS, draw=random.Random(specimen.name))
    if specimen.seam is not None:  # frame edges depend on rounding there
        spans = []
    spans += full_decode.remaining_segments(wanted, spans, shortest=Fraction(1, 1000))
    return Extraction(specimen, wanted, spans)


def _one_after_the_other(decode: FullDecode, seam: Fraction) -> FullDecode:
    """Two joined recordings as ffmpeg and players show them; both start at time 0."""
    step = Fraction(1001, TICKS)
    frames = sorted(decode.frames, key=lambda frame: frame.number)
    times = [place * step + (seam - step) * (place >= JOINT) for place in range(len(frames))]
    joined = [full_decode.DecodedFrame(time, frame.picture) for time, frame in zip(times, frames, strict=True)]
    return FullDecode(tuple(joined), decode.errors)


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_equals_the_full_decode(extractions: dict[str, Extraction], name: str) -> None:
    if name not in extractions:
        pytest.skip("no encoder for it here")
    faults = list(extractions[name].faults())
    if faults:
        total = len(extractions[name].spans)
        pytest.fail(
            f"{name}: {len(faults)} faults in {total} segments\n  " + "\n  ".join(faults[:5]), pytrace=False
        )


@pytest.mark.parametrize("name", [name for name in NAMES if next(s for s in SPECIMENS if s.name == name).expected])
def test_a_full_decode_gives_the_encoded_frames(extractions: dict[str, Extraction], name: str) -> None:
    """This checks the specimens and the reference, not actionpairs."""
    if name not in extractions:
        pytest.skip("no encoder for it here")
    assert [frame.number for frame in extractions[name].wanted.frames] == list(
        extractions[name].specimen.expected or ()
    )


@pytest.mark.parametrize("name", [name for name in NAMES if next(s for s in SPECIMENS if s.name == name).honest])
def test_a_single_frame_equals_the_full_decode(
    extractions: dict[str, Extraction], folder: Path, name: str
) -> None:
    """Decoding many frames at once can hide a wrong entry, since its references are decoded already."""
    if name not in extractions:
        pytest.skip("no encoder for it here")
    path = str(folder / "videos" / name)
    with Video(path, short_side=64) as whole:
        whole.read_through("a test")
        positions = random.Random(name).sample(range(len(whole.timeline.frame_times)), 6)
        wanted = dict(whole.pictures(positions))
    for position in positions:
        with Video(path, short_side=64) as video:
            [(_, picture)] = video.pictures([position])
        assert isinstance(picture, Picture)
        assert np.array_equal(picture.pixels, wanted[position].pixels)


def test_the_spans_cover_every_frame(extractions: dict[str, Extraction]) -> None:
    for name, each in extractions.items():
        asked = {end for span in each.spans for end in each.wanted.end_frames(*span)}
        times = [*each.wanted.times, Fraction(10**9)]
        # Of frames at the same time only the last one is ever on screen.
        frames_shown = {
            place for place, time in enumerate(times[:-1]) if times[place + 1] - time > Fraction(1, 1000)
        }
        assert frames_shown <= asked, name


def test_correct_containers_are_never_read_through(
    extractions: dict[str, Extraction], capsys: pytest.CaptureFixture[str]
) -> None:
    ways: Counter[str] = sum((each.decode_modes for each in extractions.values()), Counter())
    refused = Counter(str(why.reason) for each in extractions.values() for why in each.rejections.values())
    through = sorted(name for name, each in extractions.items() if each.decode_modes["read through"])
    with capsys.disabled():
        print(f"\nzoo: {len(extractions)} specimens, pairs {dict(ways)}, refused {dict(refused)}")
        print(f"  read through: {', '.join(through) or 'none'}")
    for name, each in extractions.items():
        if each.specimen.honest:
            assert each.decode_modes["planned"] == len(each.spans), f"{name}: {dict(each.decode_modes)}"
