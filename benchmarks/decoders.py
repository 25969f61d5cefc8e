"""Other ways to extract frames, for benchmarks/extract.py, and the least CPU time that the work needs.

Each decoder writes NUMBER.jpg with a short side of SHORT_SIDE for every wanted frame.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from bench_video import RATE

SHORT_SIDE = 512


def with_ffmpeg(video: Path, out: Path, numbers: list[int]) -> None:
    """One `ffmpeg -ss` per frame, half a frame early: it gives the first frame at or after a time."""
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


DECODERS: dict[str, Callable[[Path, Path, list[int]], None]] = {
    "ffmpeg": with_ffmpeg,
    "opencv": with_opencv,
    "decord": with_decord,
    "torchcodec": with_torchcodec,
}


def count_needed(video: Path, numbers: list[int]) -> int:
    """How many frames must be decoded, from the file's own packets and NAL units, without our plan."""
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


def straight_decode_seconds(video: Path, frames: int) -> float:
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


def conversion_seconds(video: Path, pictures: int) -> float:
    """CPU seconds to scale and compress the wanted frames in as few steps as possible."""
    with av.open(str(video)) as container:
        frame = next(container.decode(video=0))
    begun = time.process_time()
    for _ in range(pictures):
        small = frame.reformat(width=910, height=SHORT_SIDE, format="bgr24").to_ndarray()
        cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111])
    return time.process_time() - begun
