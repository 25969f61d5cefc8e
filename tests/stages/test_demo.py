"""The demo runs from rendering to the page, and the page shows what it says."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest

from actionpairs.editors import families
from actionpairs.editors.editor import Editor
from actionpairs.errors import RecipeError
from actionpairs.report import demo_page
from actionpairs.stages import demo as stage
from actionpairs.stages.demo import demo
from tests.browser import needs_chromium, open_page

PROBE = """<script>
addEventListener("load", () => {
  const images = [...document.images];
  document.body.textContent = JSON.stringify({
    images: images.length, broken: images.filter((image) => !image.naturalWidth).length,
    wide: document.documentElement.scrollWidth > innerWidth,
  });
});
</script>"""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(demo(out=str(tmp_path_factory.mktemp("demo") / "out")))


@pytest.mark.slow
def test_every_stage_is_done(made: Path) -> None:
    stages = ["LC/pairs", "LC/shards", "LC/report", "HC/pairs", "HC/shards", "HC/report", "model", "recognizer"]
    assert [stage for stage in stages if not (made.parent / stage / "manifest.json").is_file()] == []


@pytest.mark.slow
def test_the_page_is_plain_about_the_model_and_shows_the_rows_that_matter(made: Path) -> None:
    page = made.read_text(encoding="utf-8")
    for text in ("This model is tiny", "copy of the input", "the real last frame", "nothing changed", "past end"):
        assert text in page
    assert not re.search(r'(src|href)="https?:', page)


@pytest.mark.slow
def test_the_editor_learns(made: Path) -> None:
    report = json.loads((made.parent / "LC/report/report.json").read_text())
    assert {row["kind"] for row in report["rows"]} == {"model", "copy", "truth"}
    losses = (made.parent / "model/losses.csv").read_text().splitlines()
    static = [float(line.split(",")[losses[0].split(",").index("static")]) for line in losses[1:]]
    assert sum(static[-20:]) < sum(static[:20])


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [1440, 500])
def test_every_picture_is_shown_and_nothing_is_logged(made: Path, tmp_path: Path, width: int) -> None:
    page = tmp_path / "index.html"
    page.write_text(made.read_text(encoding="utf-8").replace("</body>", PROBE + "</body>"), encoding="utf-8")
    done = open_page(page, "--dump-dom", f"--window-size={width},900")
    assert "CONSOLE" not in done.stderr
    probe = json.loads(re.search(r'\{"images".*?\}', done.stdout).group())  # type: ignore[union-attr]
    assert probe["images"] >= 60
    assert (probe["broken"], probe["wide"]) == (0, False)


@pytest.mark.slow
def test_the_same_call_again_is_quick_and_changes_nothing(made: Path) -> None:
    before, start = made.read_bytes(), time.monotonic()
    assert demo(out=str(made.parent)) == str(made)
    assert time.monotonic() - start < 30
    assert made.read_bytes() == before


@pytest.mark.slow
def test_a_stage_that_was_lost_is_made_again(made: Path) -> None:
    before = made.read_bytes()
    shutil.rmtree(made.parent / "HC/report")
    demo(out=str(made.parent))
    assert made.read_bytes() == before


SHORT = "extends: demo-kontext\ntrain: {steps: 30, checkpoint_every: 30, sample_every: 30}\n"


@pytest.mark.slow
def test_an_editor_from_nothing_keeps_the_scene_and_the_page_names_its_family(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the same data. A few steps are enough, for it starts as a copy of the input."""
    (tmp_path / "short.yaml").write_text(SHORT, encoding="utf-8")
    monkeypatch.setattr(stage, "_editor_recipe", lambda editor: str(tmp_path / "short.yaml"))
    shutil.copytree(made.parent, tmp_path / "out", ignore=shutil.ignore_patterns("model", "report"))
    page = Path(demo(out=str(tmp_path / "out"), editor="kontext"))
    text = page.read_text(encoding="utf-8")
    assert "the architecture of FLUX.1 Kontext" in text
    assert "built from nothing" in text
    assert "small base model" not in text
    report = json.loads((page.parent / "LC/report/report.json").read_text())
    [ssim] = [score["value"] for score in report["rows"][0]["scores"] if score["name"] == "SSIM"]
    assert ssim > 0.4


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.traits.name)
@pytest.mark.parametrize("tiny", [False, True])
def test_the_page_learns_of_the_editor_from_its_folder(family: type[Editor], tiny: bool, tmp_path: Path) -> None:
    config = {"model": {"tiny": True} if tiny else {"source": "base"}, "regularization": {"weight": 0.1}}
    (tmp_path / "recipe.json").write_text(json.dumps({"config": config}))
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": family.traits.pipelines[0]}))
    editor = demo_page._editor(tmp_path)
    assert (editor.family, editor.from_nothing, editor.base_weight) == (family.traits.name, tiny, 0.1)


@pytest.mark.parametrize(("editor", "problem"), [("nobody", "no such recipe"), ("recognizer", "trains no editor")])
def test_an_editor_without_a_recipe_is_refused_before_anything_is_rendered(
    editor: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=problem):
        demo(out=str(tmp_path / "out"), editor=editor)
    assert not (tmp_path / "out").exists()
