"""The rendered video of benchmarks/extract.py: 1080p59.94 H.264 with the frame number in its pixels."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from actionpairs.synthetic.frame_index import CELLS, stamp_frame_index

RATE = Fraction(60000, 1001)
WIDTH, HEIGHT = 1920, 1080


def render(path: Path, *, gop: int, seconds: int) -> None:
    """A hand-held view of a detailed scene with moving objects and sensor noise."""
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
    """Detail at every scale with amplitude ~ 1/f, as in photographs."""
    picture = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 9):
        rough = draw.normal(0, 1, (2**octave, 2**octave, 3)).astype(np.float32)
        picture += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC) * 2.0**-octave
    return np.clip(128 + 110 * picture, 0, 255).astype(np.uint8)
