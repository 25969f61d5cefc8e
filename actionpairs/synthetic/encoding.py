"""Encodes video files: H.264 with B-frames. The same pictures give the same bytes."""

import os
from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

_GROUP = 30  # frames from one key frame to the next
# No mbtree: its look-ahead reads uninitialized memory, so the bytes differed from run to run.
_OPTIONS = {"preset": "veryfast", "crf": "21", "bf": "2", "threads": "1", "x264-params": "mbtree=0"}
# From RGB of 0-255 to BT.709 luma of 16-235 and chroma of 16-240.
_BT709 = np.array(
    [
        [0.18259, 0.61423, 0.06201, 16.0],
        [-0.10064, -0.33857, 0.43922, 128.0],
        [0.43922, -0.39894, -0.04027, 128.0],
    ],
    np.float32,
)


def encode_video(
    path: Path, pictures: Iterable[npt.NDArray[np.uint8]], *, size: tuple[int, int], frame_rate: int
) -> None:
    """Encode pictures (H W 3 RGB) to a file. The file gets its name only once it is complete."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with av.open(str(part), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=frame_rate, options=_OPTIONS)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.gop_size = _GROUP
            stream.codec_context.thread_count = 1
            stream.codec_context.color_primaries = ColorPrimaries.BT709
            stream.codec_context.color_trc = ColorTrc.BT709
            stream.codec_context.colorspace = Colorspace.ITU709
            stream.codec_context.color_range = ColorRange.MPEG
            for picture in pictures:
                frame = av.VideoFrame.from_ndarray(_convert_to_yuv420(picture), format="yuv420p")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _convert_to_yuv420(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Convert a picture (H W 3 RGB) to the planes of yuv420p below one another (H * 3/2, W)."""
    height, width = picture.shape[:2]
    full = cv2.transform(picture, _BT709)
    small = cv2.resize(full, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    planes = [full[:, :, 0], small[:, :, 1], small[:, :, 2]]
    stacked: npt.NDArray[np.uint8] = np.concatenate([plane.ravel() for plane in planes]).astype(
        np.uint8, copy=False
    )
    return stacked.reshape(height * 3 // 2, width)
