"""What the page answers to programs, through gradio's own client: kinds of pictures, wrong values, the queue."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from actionpairs.stages import edit as stage
from tests.app.conftest import Served, start
from tests.evaluation.conftest import moved

pytestmark = pytest.mark.slow
SETTINGS = (1, 7, 1, 64, 2.5, 1.2)  # seeds, first seed, steps, size, text guidance, image guidance


@pytest.fixture(scope="module")
def client(served: Served) -> Any:
    return pytest.importorskip("gradio_client").Client(served.url, verbose=False)


def upload(path: Path) -> Any:
    from gradio_client import handle_file

    return handle_file(str(path))


def picture_file(path: Path, kind: str) -> Path:
    """A photo as people's tools write it."""
    image = Image.fromarray(np.concatenate(moved("move left"), axis=1))
    if kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(path := path / "turned.jpg", exif=exif)
    elif kind == "transparent":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        image.save(path := path / "transparent.png")
    elif kind == "16 bits":
        gray = np.asarray(image.convert("L")).astype(np.uint16) * 257
        path = path / "deep.png"
        cv2.imwrite(str(path), gray)
    elif kind == "CMYK":
        image.convert("CMYK").save(path := path / "print.jpg")
    else:
        image.save(path := path / "new.avif")
    return path


@pytest.mark.parametrize("kind", ["turned", "transparent", "16 bits", "CMYK", "AVIF"])
def test_every_kind_of_picture_is_edited_as_by_the_command(client: Any, tmp_path: Path, kind: str) -> None:
    path, out = picture_file(tmp_path, kind), tmp_path / "out.png"
    _, gallery, pair, _ = client.predict(upload(path), "move left", *SETTINGS, api_name="/edit")
    stage.edit("tabletop", str(path), "move left", out=str(out), seeds=[7], steps=1, device="cpu")
    expected = cv2.imread(str(out))
    assert np.array_equal(cv2.imread(gallery["value"][0]["image"]), expected)
    assert np.array_equal(cv2.imread(pair[1]), expected)
    assert cv2.imread(pair[0]).shape == expected.shape
    assert (expected.shape[0] > expected.shape[1]) == (kind == "turned")


def test_a_sample_and_its_last_frame_come_from_the_split(client: Any) -> None:
    status, gallery, _, _ = client.predict(2, "move right", *SETTINGS, api_name="/edit_sample")
    assert "1 of 1 edits" in status
    assert [picture["caption"] for picture in gallery["value"]] == ["seed 7", "the real last frame"]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, 0, "The number of seeds is 0. Choose one from 1 to 16."),
        (1, -1, "The first seed is -1. Choose one from 0 to"),
        (2, 2.5, "The number of steps is 2.5. Write a whole number."),
        (3, None, "The size is missing. Write a number."),
        (4, 1e9, "The text guidance is 1e+09. Choose one from -100 to 100."),
        (5, "much", "The image guidance is much. Write a number."),
    ],
)
def test_a_wrong_value_is_a_line_of_the_page(
    client: Any, tmp_path: Path, place: int, value: Any, message: str
) -> None:
    values = [*SETTINGS]
    values[place] = value
    status, *_ = client.predict(upload(picture_file(tmp_path, "AVIF")), "x", *values, api_name="/edit")
    assert "role='alert'" in status
    assert message in status


def test_no_picture_and_no_instruction_are_lines_of_the_page(client: Any, tmp_path: Path) -> None:
    status, *_ = client.predict(None, "x", *SETTINGS, api_name="/edit")
    assert "There is no picture. Drop one" in status
    status, *_ = client.predict(upload(picture_file(tmp_path, "AVIF")), " ", *SETTINGS, api_name="/edit")
    assert "There is no instruction." in status


def test_a_warning_comes_with_the_edit(client: Any, tmp_path: Path) -> None:
    values = [*SETTINGS[:4], 7.5, 1.2]
    status, *_ = client.predict(upload(picture_file(tmp_path, "AVIF")), "x", *values, api_name="/edit")
    assert "Warning: text guidance of 7.5 is far from the model&#x27;s own, 2.5." in status


def test_a_file_of_this_machine_that_was_not_uploaded_is_refused(served: Served, tmp_path: Path) -> None:
    """gradio's client would upload the path, so this asks without it."""
    path = picture_file(tmp_path, "AVIF")
    stolen = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [stolen, "x", *SETTINGS]}).encode()
    address = f"{served.url}gradio_api/call/edit"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    open_page = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    with open_page(request, timeout=60) as reply:
        event = json.load(reply)["event_id"]
    with open_page(f"{address}/{event}", timeout=60) as reply:
        assert reply.read().startswith(b"event: error")


def test_one_run_waits_for_the_other(client: Any, served: Served, tmp_path: Path) -> None:
    from gradio_client import Client
    from gradio_client.utils import Status

    picture, other = upload(picture_file(tmp_path, "AVIF")), Client(served.url, verbose=False)
    first = client.submit(picture, "x", *SETTINGS[:2], 40, *SETTINGS[3:], api_name="/edit")
    while first.status().code in {Status.STARTING, Status.JOINING_QUEUE, Status.SENDING_DATA, Status.IN_QUEUE}:
        time.sleep(0.05)
    second = other.submit(picture, "x", *SETTINGS, api_name="/edit")
    assert "1 of 1 edits" in second.result(timeout=120)[0]
    assert "1 of 1 edits" in first.outputs()[-1][0]


def test_ctrl_c_ends_it_without_a_trace(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    page = start(tmp_path)
    page.process.send_signal(signal.SIGINT)
    assert page.process.wait(60) == 0
    assert list(page.temporary.glob("actionpairs-app-*")) == []
    assert "Traceback" not in (tmp_path / "stderr").read_text()
