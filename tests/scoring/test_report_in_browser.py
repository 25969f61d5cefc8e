"""Chromium opens a report's page: every picture is shown, nothing is logged, sorting and filtering work."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from actionpairs.scoring import page
from tests.browser import needs_chromium, open_page
from tests.scoring.test_report import example, exhibits

PROBE = """<script>
addEventListener("load", () => {
  const images = [...document.images];
  const keys = () => [...document.querySelectorAll(".case:not([hidden])")].map((c) => c.children[1].textContent);
  const choose = (id, value) => {
    const select = document.getElementById(id);
    select.value = value;
    select.dispatchEvent(new Event("change"));
    return keys().join(",");
  };
  document.body.textContent = JSON.stringify({
    images: images.length, broken: images.filter((image) => !image.naturalWidth).length,
    wide: document.documentElement.scrollWidth > innerWidth,
    best: choose("sort", "1 -1"), worst: choose("sort", "1 1"), filtered: choose("action", "open door"),
  });
});
</script>"""

pytestmark = [pytest.mark.slow, needs_chromium]


def open_report(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    path = folder / "index.html"
    path.write_text(page.of(example(), exhibits()).replace("</body>", PROBE + "</body>"), encoding="utf-8")
    return open_page(path, "--dump-dom", *options)


def test_the_page_shows_every_picture_and_logs_nothing(tmp_path: Path) -> None:
    done = open_report(tmp_path, "--window-size=500,900")
    assert "CONSOLE" not in done.stderr
    assert '"images":8,"broken":0,"wide":false' in done.stdout


def test_the_gallery_sorts_and_filters(tmp_path: Path) -> None:
    done = open_report(tmp_path)
    assert '"best":"s1,s0","worst":"s0,s1","filtered":"s0"' in done.stdout
