"""Videos are H.264 with B-frames, as real ones are, and every frame carries its index."""

import av
import cv2
import numpy as np
import pytest
from av.video.frame import PictureType

from actionpairs.synthetic import RenderedSet, decode_frame_index, load_truth
from actionpairs.synthetic.frame_index import stamp_frame_index
from tests.synthetic.conftest import SIZE, decode


def test_videos_have_b_frames_and_regular_key_frames(fixed_set: RenderedSet) -> None:
    with av.open(str(fixed_set.videos / "P01_01.MP4")) as container:
        frames = list(container.decode(video=0))
    kinds = [PictureType(frame.pict_type) for frame in frames]
    assert PictureType.B in kinds
    assert max(np.diff([index for index, frame in enumerate(frames) if frame.key_frame])) <= 30


def test_videos_are_tagged_as_bt709(fixed_set: RenderedSet) -> None:
    with av.open(str(fixed_set.videos / "P01_01.MP4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)
        assert context.format.name == "yuv420p"


def test_every_frame_carries_its_index(head_set: RenderedSet) -> None:
    truth = load_truth(head_set.truth)
    for video in truth.videos:
        indices = [decode_frame_index(picture) for picture in decode(head_set.videos / f"{video.id}.MP4")]
        assert indices == list(range(video.frame_count))


@pytest.mark.parametrize("height", [360, 240, 128, 64])
def test_index_is_readable_after_resizing(height: int) -> None:
    picture = np.full((360, 640, 3), 120, np.uint8)
    stamp_frame_index(picture, 0b101100111010)
    small = cv2.resize(picture, (height * 16 // 9, height), interpolation=cv2.INTER_AREA)
    assert decode_frame_index(np.asarray(small, np.uint8), original_height=360) == 0b101100111010


def test_an_index_beyond_twelve_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="12 cells"):
        stamp_frame_index(np.zeros((90, 160, 3), np.uint8), 4096)


def test_pictures_have_the_requested_size(fixed_set: RenderedSet) -> None:
    first = next(decode(fixed_set.videos / "P01_01.MP4"))
    assert first.shape == (SIZE[1], SIZE[0], 3)
