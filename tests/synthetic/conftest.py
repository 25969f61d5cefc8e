"""Small rendered sets that these tests share."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from actionpairs.synthetic import RenderedSet, render_set

SIZE = (320, 180)


def render_small(out: Path, camera: str, **options: object) -> RenderedSet:
    """Render two short videos of three actions each, 320 by 180 pixels at 20 frames a second."""
    arguments = {"videos": 2, "actions_per_video": 3, "seed": 5, "size": SIZE, "frame_rate": 20}
    return render_set(out, camera=camera, **(arguments | {"frame_index_in_pixels": True} | options))


def decode(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Decode a video's frames in order.  H W 3 RGB"""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


@pytest.fixture(scope="session")
def fixed_set(tmp_path_factory: pytest.TempPathFactory) -> RenderedSet:
    """A small set seen from a tripod, with bad rows in its annotations."""
    return render_small(tmp_path_factory.mktemp("fixed"), "fixed", blemishes=True)


@pytest.fixture(scope="session")
def head_set(tmp_path_factory: pytest.TempPathFactory) -> RenderedSet:
    """A small set seen from a moving head."""
    return render_small(tmp_path_factory.mktemp("head"), "head")
