"""Whether extract and shard work on this machine: a clip is rendered, extracted, packed and read back."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from actionpairs import shards
from actionpairs.diagnosis.records import SelfTest
from actionpairs.errors import ActionpairsError, ShardError, VideoError
from actionpairs.progress import silenced
from actionpairs.recipe import load
from actionpairs.records import Sample
from actionpairs.stages.extract import extract
from actionpairs.stages.shard import shard
from actionpairs.storage import Folder
from actionpairs.synthetic.frame_index import decode_frame_index, stamp_frame_index

Pixels = npt.NDArray[np.uint8]

_RATE, _FRAMES, _WIDTH, _HEIGHT = 30, 45, 256, 160
_SEGMENTS = {"first": (2, 12), "second": (15, 29), "third": (30, 44)}  # id → its first and its last frame
_ENCODERS = ("libx264", "mpeg4")  # the second is in every build of FFmpeg
_CHANGES = {"shard.splits.tests": {"tabletest": 1}}
_FARTHEST = 12.0  # mean levels of 255 between a rendered picture and what two lossy codecs left of it


def run() -> SelfTest:
    """Render, extract, shard and compare, in a temporary folder. Errors become part of the answer."""
    start = time.monotonic()
    steps: list[str] = []
    error = ""
    try:
        with silenced(), tempfile.TemporaryDirectory(prefix="actionpairs-doctor-") as folder:
            steps.extend(_steps(Path(folder)))
    except ActionpairsError as failure:
        error = f"{failure.message} {failure.cure}"
    except Exception as failure:  # whatever a broken library raises is what doctor is asked for
        error = f"{type(failure).__name__}: {failure}"
    return SelfTest(not error, round(time.monotonic() - start, 1), tuple(steps), " ".join(error.split()))


def _steps(folder: Path) -> Iterator[str]:
    """The test, step by step; each says what it has done."""
    encoder = _encode(folder / "videos" / "clip.mp4")
    yield f"rendered {_FRAMES} frames, encoded by {encoder}"
    table = folder / "segments.csv"
    table.write_text("segment_id,video,start_seconds,stop_seconds,instruction,verb,noun,participant\n" + _rows())
    recipe = load("table", changes=_CHANGES)
    pairs = str(folder / "pairs")
    extracted = extract(recipe, videos=str(folder / "videos"), annotations=table, out=pairs, workers=1)
    if extracted.pairs != len(_SEGMENTS):
        raise VideoError(
            f"{extracted.pairs} of {len(_SEGMENTS)} segments were extracted: {dict(extracted.rejected)}.", cure=""
        )
    yield f"extracted {extracted.pairs} pairs in a process of its own"
    written = Folder(shard(recipe, pairs=pairs, out=str(folder / "shards")).out)
    samples = [
        sample for each in shards.load_index(written).shards for sample in shards.iter_samples(written, each.name)
    ]
    if {sample.metadata.segment.id for sample in samples} != set(_SEGMENTS):
        raise ShardError(f"{len(samples)} of {len(_SEGMENTS)} pairs are in the shards.", cure="")
    yield f"packed and read back {len(samples)} samples"
    for sample in samples:
        _compare(sample)
    yield f"compared {2 * len(samples)} pictures with those that were rendered"


def _rows() -> str:
    """The segments as a table: from within the first frame's time to within the last one's."""
    lines = (
        f"{name},clip.mp4,{(first + 0.5) / _RATE:.4f},{(last + 0.5) / _RATE:.4f},move it,move,it,somebody\n"
        for name, (first, last) in _SEGMENTS.items()
    )
    return "".join(lines)


def _picture(number: int) -> Pixels:
    """A frame of the clip (H W 3 RGB): an orange block that moves, and the frame's number."""
    picture = np.full((_HEIGHT, _WIDTH, 3), 90, np.uint8)
    picture[20:110, 4 * number : 4 * number + 80] = (210, 130, 40)
    stamp_frame_index(picture, number)
    return picture


def _encode(path: Path) -> str:
    """Write the clip, and give the encoder's name: the first that this build has."""
    encoder = next((name for name in _ENCODERS if name in av.codecs_available), "")
    if not encoder:
        raise VideoError("PyAV has no encoder for the clip.", cure="Install PyAV from its own wheel.")
    path.parent.mkdir()
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=_RATE)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(_FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_picture(number), "rgb24")))
        container.mux(stream.encode(None))
    return encoder


def _compare(sample: Sample) -> None:
    """Raise ShardError if a picture of a sample is not the one that was rendered."""
    name = sample.metadata.segment.id
    for jpeg, number in zip((sample.original_image, sample.edited_image), _SEGMENTS[name], strict=True):
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if decoded is None or decoded.shape != (_HEIGHT, _WIDTH, 3):
            raise ShardError(f"{name}: a picture came back in another shape.", cure="")
        picture = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB).astype(np.uint8)
        index = decode_frame_index(picture)
        if index != number:
            raise ShardError(f"{name}: frame {index} was extracted where frame {number} is right.", cure="")
        distance = float(np.abs(picture.astype(np.float32) - _picture(number)).mean())
        if distance > _FARTHEST:
            raise ShardError(f"{name}: frame {number} came back {distance:.0f} of 255 levels away.", cure="")
