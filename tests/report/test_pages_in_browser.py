"""Chromium opens the pages of pairs and of the demo: viewer, filters, widths, and a name for every control."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Tab, browsing, needs_chromium
from tests.report.demo_inputs import render_demo
from tests.report.test_pairs_page import make_pairs, make_shards

pytestmark = [pytest.mark.slow, needs_chromium]

VISIBLE = "[...document.querySelectorAll('#tiles > :not([hidden])')]"
IS_OPEN = "document.getElementById('viewer').open"
TITLE = "document.getElementById('viewer-text').textContent.split(' · ').at(-1)"  # the id, which stands last
DIVIDER = "Number(document.getElementById('viewer-slider').value)"
FOCUSED = "document.activeElement"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of pairs, of shards and of the demo."""
    root = tmp_path_factory.mktemp("pages")
    make_pairs(root / "pairs", 200)
    make_shards(root / "shards", root / "pairs")
    demo = root / "demo" / "index.html"
    page = render_demo(root / "demo")
    demo.write_text(page, encoding="utf-8")
    return {"pairs": root / "pairs/index.html", "shards": root / "shards/index.html", "demo": demo}


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    with browsing(tmp_path / "profile") as tab:
        yield tab
        assert tab.logged == []


def ids(tab: Tab) -> list[str]:
    return list(tab.run(f"{VISIBLE}.map((tile) => [...tile.querySelectorAll('[data-text]')].at(-1).textContent)"))


def choose(tab: Tab, control: str, value: str) -> None:
    """Choose an option of the pairs' filters, as a person does."""
    select = f"document.querySelector('form[data-list=tiles]').elements['{control}']"
    tab.run(f"{select}.value = {value!r}; {select}.dispatchEvent(new Event('change'))")


def press(tab: Tab, key: str) -> None:
    """Press a key that writes nothing."""
    codes = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowUp": 38, "ArrowDown": 40, "Escape": 27}
    for kind in ("keyDown", "keyUp"):
        tab.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])


def resize(tab: Tab, width: int, *, dark: bool = False) -> None:
    tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    tab.ask("Emulation.setEmulatedMedia", features=[feature])


def test_a_click_opens_a_pair_and_escape_closes_it(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["shards"])
    second = ids(tab)[1]
    tab.click("#tiles > :nth-child(2) button")
    tab.wait(IS_OPEN)
    assert tab.run(TITLE) == second
    tile = "document.querySelector('#tiles > :nth-child(2)')"
    assert tab.run(f"document.querySelector('.box img').src === {tile}.querySelector('img').src")
    press(tab, "Escape")
    tab.wait(f"!{IS_OPEN}")
    assert tab.run(f"{tile}.contains({FOCUSED})")


def test_enter_opens_and_arrows_go_on_among_the_shown_pairs(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["shards"])
    choose(tab, "reason", "blurred")
    visible = ids(tab)
    assert 1 < len(visible) < 60
    tab.run(f"{VISIBLE}[0].querySelector('button').focus()")
    tab.press("Enter")
    tab.wait(IS_OPEN)
    seen = [tab.run(TITLE)]
    for _ in visible:
        press(tab, "ArrowRight")
        seen.append(tab.run(TITLE))
    assert seen == [*visible, visible[0]]
    press(tab, "ArrowLeft")
    assert tab.run(TITLE) == visible[-1]
    press(tab, "Escape")
    assert tab.run(f"{VISIBLE}.at(-1).contains({FOCUSED})")


def test_a_key_blinks_and_the_divider_moves_by_key_and_mouse(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["pairs"])
    tab.click("#tiles button")
    tab.wait(IS_OPEN)
    values = [tab.run(DIVIDER)]
    for key in ("b", "b", "b"):
        tab.press(key)
        values.append(tab.run(DIVIDER))
    press(tab, "ArrowUp")
    assert [*values, tab.run(DIVIDER)] == [50, 100, 0, 100, 100]
    press(tab, "ArrowDown")
    assert tab.run(DIVIDER) == 95
    assert tab.run("document.querySelectorAll('.box img')[1].style.clipPath") == "inset(0px 0px 0px 95%)"
    tab.click(".box")
    assert tab.run(DIVIDER) == pytest.approx(50, abs=1)


def test_arrow_keys_go_on_after_a_click_on_the_slider(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["pairs"])
    tab.click("#tiles button")
    tab.wait(IS_OPEN)
    before = tab.run(TITLE)
    tab.click("#viewer-slider")
    press(tab, "ArrowRight")
    assert tab.run(TITLE) != before


def test_tab_stays_inside_the_viewer(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["pairs"])
    tab.click("#tiles button")
    tab.wait(IS_OPEN)
    for _ in range(12):
        tab.press("Tab")
        assert tab.run(f"document.getElementById('viewer').contains({FOCUSED}) || {FOCUSED} === document.body")


def test_filters_and_search_choose_pairs(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["shards"])
    everything = ids(tab)
    choose(tab, "split", "test")
    assert tab.run(f"{VISIBLE}.every((tile) => tile.dataset.split === 'test')")
    assert 0 < len(ids(tab)) < len(everything)
    choose(tab, "split", "")
    tab.run("document.querySelector('form[data-list=tiles] [type=search]').focus()")
    tab.press(*everything[5])
    assert ids(tab) == [everything[5]]
    assert tab.run("document.querySelector('form[data-list=tiles] output').textContent") == (
        f"1 of {len(everything)} shown"
    )
    tab.click("form[data-list=tiles] button[type=reset]")
    tab.wait(f"{VISIBLE}.length === {len(everything)}")


def test_a_kind_of_pairs_comes_in_its_own_order(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["pairs"])
    everything = ids(tab)
    choose(tab, "sheet", "1")
    notes = f"{VISIBLE}.map((tile) => tile.textContent.match(/Displacement of things: ([\\d.e−-]+) %/)[1])"
    values = [float(text.replace("−", "-")) for text in tab.run(notes)]
    assert len(values) == 8
    assert values == sorted(values)
    choose(tab, "sheet", "")
    assert ids(tab) == everything


def test_rejections_are_filtered_by_reason_and_searched_by_video(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["pairs"])
    rows = "[...document.querySelectorAll('#rows > :not([hidden])')].map((row) => row.children[1].textContent)"
    assert tab.run(rows) == ["far.mp4", "gone.mp4"]
    select = "document.querySelector('form[data-list=rows]').elements.reason"
    tab.run(f"{select}.value = 'video missing'; {select}.dispatchEvent(new Event('change'))")
    assert tab.run(rows) == ["gone.mp4"]
    tab.run("document.querySelector('form[data-list=rows] [type=search]').focus()")
    tab.press(*"far")
    assert tab.run(rows) == []


WIDE = """[document.documentElement.scrollWidth - document.documentElement.clientWidth,
  ...[...document.querySelectorAll('.scroll')].map((box) => box.scrollWidth - box.clientWidth)]"""


@pytest.mark.parametrize("width", [1440, 1024, 390])
@pytest.mark.parametrize("page", ["pairs", "shards", "demo"])
def test_no_page_is_wider_than_its_window(page: str, width: int, pages: dict[str, Path], tab: Tab) -> None:
    resize(tab, width)
    tab.open(pages[page])
    wide = tab.run(WIDE)
    assert wide[0] <= 0
    if page == "demo" or width > 390:  # a list of rejections may scroll in its box on a telephone
        assert max(wide) <= 0
    tab.run("document.querySelector('button.open').click()")
    box = tab.run("document.getElementById('viewer').getBoundingClientRect().toJSON()")
    assert box["left"] >= 0
    assert box["right"] <= width
    controls = "[...document.querySelectorAll('.viewer button, .viewer input')]"
    assert tab.run(f"{controls}.every((e) => e.getBoundingClientRect().bottom <= innerHeight)")


def test_no_cell_of_the_demos_scores_lies_over_another(pages: dict[str, Path], tab: Tab) -> None:
    resize(tab, 1440)
    tab.open(pages["demo"])
    cells = "[...document.querySelectorAll('table.scores td, table.scores th')]"
    assert tab.run(f"{cells}.every((cell) => cell.scrollWidth <= cell.clientWidth + 1)")
    assert tab.run("document.querySelectorAll('table.scores tbody tr').length") == 14


def test_pictures_come_before_charts(pages: dict[str, Path], tab: Tab) -> None:
    for page in ("pairs", "shards"):
        tab.open(pages[page])
        order = "document.querySelector('img').compareDocumentPosition(document.querySelector('.chart, .bars'))"
        assert tab.run(f"{order} & Node.DOCUMENT_POSITION_FOLLOWING")


def test_every_control_and_picture_has_a_name_for_screen_readers(pages: dict[str, Path], tab: Tab) -> None:
    tab.ask("Accessibility.enable")
    for page in pages.values():
        tab.open(page)
        tab.run("document.querySelector('button.open').click()")
        for closed in (False, True):
            if closed:
                press(tab, "Escape")
            nodes = tab.ask("Accessibility.getFullAXTree")["nodes"]
            roles = {"button", "combobox", "searchbox", "slider", "image", "img", "dialog", "link"}
            named = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]
            assert len(named) > 5
            assert [node for node in named if not node.get("name", {}).get("value")] == []


def test_the_pages_follow_the_systems_dark_theme(pages: dict[str, Path], tab: Tab) -> None:
    colors = "(() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; })()"
    for page in pages.values():
        brightness = []
        for dark in (False, True):
            resize(tab, 1024, dark=dark)
            tab.open(page)
            ground, ink = (sum(map(int, color.strip("rgb()").split(", "))) / 765 for color in tab.run(colors))
            brightness.append((ground > 0.9, ink < 0.3) if not dark else (ground < 0.2, ink > 0.8))
        assert brightness == [(True, True), (True, True)]


def test_the_demo_links_every_page_that_it_made(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["demo"])
    links = set(tab.run("[...document.querySelectorAll('a')].map((link) => link.getAttribute('href'))"))
    assert {f"LC/{folder}/index.html" for folder in ("pairs", "shards", "report")} <= links
    assert {"model/README.md", "recognizer/README.md"} <= links
