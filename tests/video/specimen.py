"""A kind of test video, and the ways to render one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from tests.video import mp4_boxes
from tests.video.encoding import FRAMES, Packets, Sound, VideoSpec, beside, encode, remux
from tests.video.mp4_boxes import Box

Render = Callable[[Path], None]
ALL = range(FRAMES)


@dataclass(frozen=True)
class Specimen:
    """A kind of video.

    name: of its file. needs: encoders. honest: its container is correct, so it is never read through. damaged:
    frames may be rejected. expected: the frame numbers in display order, if they are fixed. seam: for two joined
    recordings, the time from the last frame of the first to the first frame of the second, as ffmpeg plays them.
    """

    name: str
    render: Render = field(repr=False)
    needs: tuple[str, ...]
    honest: bool = False
    damaged: bool = False
    expected: tuple[int, ...] | None = None
    seam: Fraction | None = None

    @property
    def missing(self) -> list[str]:
        """The encoders that this PyAV lacks."""
        return [name for name in self.needs if not _can_encode(name)]


SPECIMENS: list[Specimen] = []


def _can_encode(name: str) -> bool:
    try:
        return name in av.codecs_available and av.Codec(name, "w") is not None
    except av.codec.codec.UnknownCodecError:
        return False


def add(name: str, render: Render, *needs: str, **more: Any) -> None:
    """Add a specimen to SPECIMENS."""
    if isinstance(more.get("expected"), range):
        more["expected"] = tuple(more["expected"])
    SPECIMENS.append(Specimen(name, render, needs, **more))


def encoded(**spec: Any) -> Render:
    """A renderer that encodes a video; see VideoSpec and encode for the arguments."""

    muxing = spec.pop("muxing", None)
    container = spec.pop("container", None)
    sound = spec.pop("sound", None)

    def render(path: Path) -> None:
        encode(path, VideoSpec(**spec), muxing=muxing, container=container, sound=sound)

    return render


def remuxed(change: Callable[[Packets], Iterable[Packet]], spec: VideoSpec | None = None, **muxed: Any) -> Render:
    """A renderer that encodes to Matroska and copies the packets through `change`."""
    source = muxed.pop("source", "mkv")

    def render(path: Path) -> None:
        plain = beside(path, f"plain.{source}")
        encode(plain, spec)
        remux(plain, path, change, **muxed)

    return render


def edited(change: Callable[[Box], None], spec: VideoSpec | None = None, *, sound: Sound | None = None) -> Render:
    """A renderer that encodes to MP4 and changes its boxes; those before `mdat` keep their sizes."""

    def render(path: Path) -> None:
        plain = beside(path, "plain.mp4")
        encode(plain, spec, sound=sound)
        boxes = mp4_boxes.parse(plain.read_bytes())
        change(boxes)
        path.write_bytes(mp4_boxes.serialize(boxes))

    return render


def sample_tables(file: Box) -> Box:
    """The sample tables of the video track."""
    return mp4_boxes.samples(mp4_boxes.track(file))
