"""Chromium opens the page of the shipped model and does what a person would."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from actionpairs.stages import edit as stage
from tests.app.conftest import Served
from tests.browser import Tab, browsing, needs_chromium
from tests.evaluation.conftest import NASTY, moved

pytestmark = [pytest.mark.slow, needs_chromium]

BYTES = """Promise.all([...document.querySelectorAll(SELECTOR)].map(async (image) => {
  const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
  return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}))"""


@pytest.fixture
def tab(served: Served, tmp_path: Path) -> Iterator[Tab]:
    with browsing(tmp_path / "profile", height=1300) as tab:
        tab.ask("Page.navigate", url=served.url)
        tab.wait("!!document.querySelector('#picture input[type=file]')")
        tab.wait("document.querySelector('#status .status')?.innerText.includes('Ready')")
        yield tab


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "wide.png"
    Image.fromarray(np.concatenate(moved("move left"), axis=1)).save(path)
    return path


def upload(tab: Tab, path: Path) -> str:
    """Choose a file; returns what the page says of it."""
    root = tab.ask("DOM.getDocument")["root"]["nodeId"]
    node = tab.ask("DOM.querySelector", nodeId=root, selector="#picture input[type=file]")["nodeId"]
    tab.ask("DOM.setFileInputFiles", files=[str(path)], nodeId=node)
    tab.wait("!!document.querySelector('#note .status')")
    return str(tab.run("document.querySelector('#note .status').innerText.trim()"))


def write(tab: Tab, selector: str, text: str) -> None:
    """Replace what stands in a field."""
    tab.run(f"(() => {{ const field = document.querySelector('{selector}'); field.focus(); field.select(); }})()")
    tab.ask("Input.insertText", text=text)
    tab.run(f"document.querySelector('{selector}').blur()")


def set_up(tab: Tab, *, seeds: int, first_seed: int = 0, steps: int) -> None:
    if not tab.run("!!document.querySelector('#steps input')?.offsetParent"):
        tab.click("#more button")
        tab.wait("!!document.querySelector('#steps input')?.offsetParent")
    for name, value in (("seeds", seeds), ("first-seed", first_seed), ("steps", steps)):
        write(tab, f"#{name} input", str(value))


def wait_for(tab: Tab, text: str) -> None:
    tab.wait(f"document.querySelector('#status').innerText.includes({text!r})")


def pictures(tab: Tab, selector: str) -> list[np.ndarray]:
    """The pictures of some elements, as their files have them."""
    files = tab.run(BYTES.replace("SELECTOR", repr(selector)))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in files]


def edit_of(path: Path, instruction: str, *, seed: int, steps: int) -> np.ndarray:
    """What `actionpairs edit` writes."""
    out = path.with_name(f"edit-{seed}.png")
    stage.edit("tabletop", str(path), instruction, out=str(out), seeds=[seed], steps=steps, device="cpu")
    return cv2.cvtColor(cv2.imread(str(out)), cv2.COLOR_BGR2RGB)


def test_a_picture_becomes_the_edits_that_the_command_makes(tab: Tab, picture: Path, tmp_path: Path) -> None:
    assert upload(tab, picture) == "128 × 64 pixels; at the model's own size, an edit is 92 × 44."
    write(tab, "#instruction textarea", "move left")
    set_up(tab, seeds=2, first_seed=5, steps=2)
    tab.click("#edit")
    wait_for(tab, "2 of 2 edits")
    tab.wait("document.querySelectorAll('#edits img').length === 2")
    expected = [edit_of(picture, "move left", seed=seed, steps=2) for seed in (5, 6)]
    assert [np.array_equal(*pair) for pair in zip(pictures(tab, "#edits img"), expected, strict=True)] == [
        True
    ] * 2

    tab.click("#edits .gallery-item:nth-child(2) button")
    tab.wait("document.querySelector('#download').innerText.includes('seed 6')")
    fitted = stage.fit(np.asarray(Image.open(picture)), 64, multiple=4)
    compared = pictures(tab, "#compare img")
    assert any(np.array_equal(each, fitted) for each in compared)
    assert any(np.array_equal(each, expected[1]) for each in compared)

    tab.click("#download")
    folder, end = tmp_path / "profile" / "downloads", time.monotonic() + 30
    while not (files := list(folder.glob("*seed-6.png"))) and time.monotonic() < end:
        time.sleep(0.1)
    assert np.array_equal(np.asarray(Image.open(files[0])), expected[1])

    names = tab.run("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert len(names) > 10
    assert {name.split("/")[2].split(":")[0] for name in names if not name.startswith("data:")} == {"127.0.0.1"}
    assert tab.logged == []


def test_a_file_that_is_no_picture_is_said_in_the_page(tab: Tab, tmp_path: Path, served: Served) -> None:
    log, phone = served.temporary.parent / "stderr", tmp_path / "photo.heic"
    before = log.read_text()
    phone.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    note = upload(tab, phone)
    assert "photo.heic: not a picture that can be read" in note
    assert "HEIC must be exported" in note
    write(tab, "#instruction textarea", "move left")
    tab.click("#edit")
    wait_for(tab, "photo.heic: not a picture")
    assert log.read_text() == before


def test_cancel_stops_between_two_steps_and_the_next_run_starts_at_once(tab: Tab, picture: Path) -> None:
    upload(tab, picture)
    write(tab, "#instruction textarea", "move left")
    set_up(tab, seeds=4, steps=1000)
    tab.click("#edit")
    wait_for(tab, "seed 0")
    tab.click("#cancel")
    wait_for(tab, "Canceled.")
    set_up(tab, seeds=1, steps=1)
    tab.click("#edit")
    wait_for(tab, "1 of 1 edits")


def test_a_sample_of_the_split_is_edited_by_another_instruction(tab: Tab) -> None:
    tab.run("document.querySelector('[role=tab][aria-controls=split-tab]').click()")
    tab.wait("document.querySelector('#sample-instruction textarea')?.value.includes('script')")
    assert tab.run("document.querySelector('#sample-instruction textarea').value") == NASTY
    tab.click("#next")
    tab.wait("document.querySelector('#sample-instruction textarea').value === 'move right'")
    assert "s001" in tab.run("document.querySelector('#about').innerText")
    write(tab, "#sample-instruction textarea", "move near")
    set_up(tab, seeds=1, steps=1)
    tab.click("#edit-sample")
    wait_for(tab, "1 of 1 edits")
    tab.wait("document.querySelectorAll('#edits img').length === 2")
    assert "the real last frame" in tab.run("document.querySelector('#edits').innerText")
    assert tab.logged == []


def test_a_narrow_page_does_not_scroll_sideways(tab: Tab) -> None:
    tab.ask("Emulation.setDeviceMetricsOverride", width=390, height=1000, deviceScaleFactor=1, mobile=True)
    tab.wait("document.querySelector('#edit')?.getBoundingClientRect().width < 390")
    assert tab.run("document.documentElement.scrollWidth") == 390
