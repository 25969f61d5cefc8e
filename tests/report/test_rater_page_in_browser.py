"""The raters' page in Chromium: worked by keyboard alone, from the name to the saved file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from actionpairs.evaluation import human_eval
from actionpairs.report import rater_page
from tests.browser import Tab, browsing, needs_chromium
from tests.report.test_files import example, pictures

pytestmark = [pytest.mark.slow, needs_chromium]
ITEMS = 2 * 4  # samples × rows


def main_text(tab: Tab) -> str:
    return str(tab.run("document.querySelector('main').innerText"))


def saved(folder: Path) -> Path:
    for _ in range(200):
        if files := [path for path in folder.glob("*.json") if path.stat().st_size]:
            return files[0]
        time.sleep(0.05)
    raise AssertionError("nothing was saved")


def test_a_rater_gets_from_the_name_to_the_saved_file_by_keyboard(tmp_path: Path) -> None:
    page = tmp_path / "rater_page.html"
    page.write_text(rater_page.render(example(), pictures()), encoding="utf-8")
    with browsing(tmp_path / "profile") as tab:
        tab.open(page)
        tab.press(*"Ann", "Enter")
        assert f"Edit 1 of {ITEMS}" in main_text(tab)
        tab.press("y", "n", "Backspace", "y", "n")
        assert f"Edit 2 of {ITEMS}" in main_text(tab)
        tab.open(page)  # progress is kept
        assert f"Edit 2 of {ITEMS}" in main_text(tab)
        tab.press(*"nnn" * (ITEMS - 1))
        assert "Thank you" in main_text(tab)
        tab.press("Enter")
        file = saved(tmp_path / "profile/downloads")
        assert tab.logged == []
    rated = human_eval.with_answers(example(), [str(file)])
    assert rated.raters == 1
    assert sum(rating.items for rating in rated.human_ratings) == 3 * ITEMS
    assert sum(rating.value * rating.items for rating in rated.human_ratings) == pytest.approx(2 * 100)
    assert file.name == "answers-Ann.json"


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_fits_the_window_and_shows_both_pictures(tmp_path: Path, width: int) -> None:
    page = tmp_path / "rater_page.html"
    page.write_text(rater_page.render(example(), pictures()), encoding="utf-8")
    with browsing(tmp_path / "profile", width=max(width, 500)) as tab:
        tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        tab.open(page)
        tab.press("A", "Enter")
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        assert (
            tab.run("Promise.all([...document.images].map((i) => i.decode())).then(() => document.images.length)")
            == 2
        )
