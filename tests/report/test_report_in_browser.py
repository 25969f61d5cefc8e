"""Chromium opens a report's page: every picture is shown, nothing is logged, sorting and filtering work."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpairs.evaluation.records import EditScores, Report, ReportRow, ReportSample
from actionpairs.report import report_page
from actionpairs.report.gallery import GallerySample
from tests.browser import browsing, needs_chromium, open_page
from tests.report.test_files import example, mixed_pictures, pictures, row

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
    path.write_text(
        report_page.render(example(), pictures()).replace("</body>", PROBE + "</body>"), encoding="utf-8"
    )
    return open_page(path, "--dump-dom", *options)


def test_the_page_shows_every_picture_and_logs_nothing(tmp_path: Path) -> None:
    done = open_report(tmp_path, "--window-size=500,900")
    assert "CONSOLE" not in done.stderr
    assert '"images":8,"broken":0,"wide":false' in done.stdout


def test_the_gallery_sorts_and_filters(tmp_path: Path) -> None:
    done = open_report(tmp_path)
    assert '"best":"s1,s0","worst":"s0,s1","filtered":"s0"' in done.stdout


def test_a_click_on_an_edit_compares_it_with_the_input_and_arrows_keep_the_model(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(report_page.render(example(), mixed_pictures()), encoding="utf-8")
    names = "['viewer-left-name', 'viewer-right-name'].map((id) => document.getElementById(id).textContent)"
    chosen = "[...document.getElementById('viewer-second').options].map((option) => option.text)"
    with browsing(tmp_path / "profile") as tab:
        tab.open(path)
        tab.click(".case:nth-child(2) figure:nth-child(3) button")
        tab.wait("document.getElementById('viewer').open")
        assert tab.run(names) == ["input", "base"]
        assert tab.run(chosen) == ["input", "ours", "base", "the real last frame"]
        assert tab.run("document.getElementById('viewer-text').textContent") == "s1"
        tab.click("#viewer-next")
        assert tab.run("document.getElementById('viewer-text').textContent") == "s2"
        assert tab.run(names) == ["input", "base"]
        assert tab.logged == []


def test_the_gallery_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(report_page.render(example(), mixed_pictures()), encoding="utf-8")
    with browsing(tmp_path / "profile") as tab:
        tab.open(path)
        tab.run("document.querySelector('[type=search]').focus()")
        tab.press(*"s1")
        assert tab.run("document.getElementById('count').textContent") == "1 of 3 shown"


SHAPES_PROBE = """Promise.all([...document.images].map((i) => i.decode())).then(() =>
  [...document.querySelectorAll('.strip')].map((strip) => [...strip.querySelectorAll('figure')].map((figure) => {
    const image = figure.querySelector('img'), box = image.getBoundingClientRect();
    const drawing = figure.querySelector('.motion')?.getBoundingClientRect(), path = figure.querySelector('path');
    return {
      top: box.top, width: box.width, height: box.height, natural: image.naturalWidth / image.naturalHeight,
      off: drawing ? Math.max(...['left', 'top', 'width', 'height'].map((k) => Math.abs(drawing[k] - box[k]))) : 0,
      scale: drawing ? path.getScreenCTM().a / path.getScreenCTM().d : 1,
      wide: drawing ? path.getScreenCTM().a * path.ownerSVGElement.viewBox.baseVal.width : box.width,
    };
  })))"""


@pytest.mark.parametrize("width", [1440, 500])
def test_pictures_of_several_shapes_keep_their_aspect_and_stand_in_rows(tmp_path: Path, width: int) -> None:
    path = tmp_path / "index.html"
    path.write_text(report_page.render(example(), mixed_pictures()), encoding="utf-8")
    with browsing(tmp_path / "profile", width=width, height=2600) as tab:
        tab.open(path)
        tab.click("#motion")
        tab.wait("document.querySelectorAll('.motion path').length > 0")
        strips = tab.run(SHAPES_PROBE)
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        assert tab.logged == []
    assert [len(strip) for strip in strips] == [4, 4, 4]
    for strip in strips:
        for figure in strip:
            assert figure["width"] / figure["height"] == pytest.approx(figure["natural"], rel=0.01)
            assert (figure["off"], figure["scale"]) == pytest.approx((0, 1), abs=0.51)
            assert figure["wide"] == pytest.approx(figure["width"], rel=0.01)
        assert len({round(figure["height"]) for figure in strip}) == 1
        assert len({round(figure["top"]) for figure in strip}) == (1 if width == 1440 else 2)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_single_models_edit_stands_beside_the_real_last_frame(tmp_path: Path, width: int) -> None:
    ours, _, *baselines = example().rows
    report = replace(example(), rows=(ours, *baselines), differences=(), parts=())
    path = tmp_path / "index.html"
    path.write_text(report_page.render(report, mixed_pictures()), encoding="utf-8")
    with browsing(tmp_path / "profile", width=width, height=2600) as tab:
        tab.open(path)
        strips = tab.run(SHAPES_PROBE)
        enlarged = tab.run("Math.max(...[...document.images].map((image) => image.width / image.naturalWidth))")
        hint = tab.run("getComputedStyle(document.querySelector('.scroll')).backgroundAttachment")
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    for before, edit, truth in strips:
        assert edit["top"] == pytest.approx(truth["top"])
        assert (before["top"] < edit["top"]) == (width == 390)
        assert before["width"] == pytest.approx(edit["width"], abs=1)
    assert enlarged <= 2.51
    assert "local" in hint


def choose(box: str, value: str) -> str:
    """What chooses an option, as a person does."""
    select = f"document.getElementById('{box}')"
    return f"{select}.value = '{value}'; {select}.dispatchEvent(new Event('change'));"


def large(samples: int = 500, models: int = 4, side: int = 128) -> tuple[Report, list[GallerySample]]:
    """A report of a full test split: every picture is another, and all of it moves, as with a head camera."""
    draw = np.random.default_rng(0)
    samples_of = [ReportSample(f"s{n:03d}", f"do verb {n % 12}", f"verb-{n % 12} thing") for n in range(samples)]

    def draw_sample(sample: ReportSample) -> GallerySample:
        coarse = draw.integers(0, 256, (12, 12, 3), np.uint8)
        picture = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        edits = {f"model {m}": np.roll(picture, 3 * m, axis=1) for m in range(models)}
        return GallerySample(sample.key, picture, edits, np.roll(picture, 5, axis=0))

    def of_all(one: ReportRow) -> ReportRow:
        edits = (
            EditScores(sample.key, {"SSIM": float(draw.random())}, {"Acc top-1": sample.action})
            for sample in samples_of
        )
        return replace(one, edits=tuple(edits))

    rows = [row(f"model {m}", "model", Acc_top_1=50.0, SSIM=0.5) for m in range(models)]
    rows += [row("copy", "copy", SSIM=0.9), row("truth", "truth", Acc_top_1=90.0)]
    changes = {"samples": tuple(samples_of), "rows": tuple(map(of_all, rows)), "parts": (), "differences": ()}
    return replace(example(), **changes), [draw_sample(sample) for sample in samples_of]


def test_five_hundred_samples_of_four_models_open_within_three_seconds(tmp_path: Path) -> None:
    path, (report, shots) = tmp_path / "index.html", large()
    path.write_text(report_page.render(report, shots), encoding="utf-8")
    assert path.stat().st_size < 10_000_000
    with browsing(tmp_path / "profile") as tab:
        assert tab.open(path) < 3
        assert tab.run("document.images.length") == 500 * 6
        tab.click("#motion")
        tab.wait("!!document.querySelector('.cases.moving .motion path')")
        tab.run(choose("sort", "0 -1"))
        best = max(report.rows[0].edits, key=lambda edit: edit.values["SSIM"])
        assert tab.run("document.querySelector('.case > .quiet').textContent") == best.key
        tab.run(choose("action", "verb-3 thing"))
        assert tab.run("document.getElementById('count').textContent") == "42 of 500 shown"
        assert tab.logged == []
