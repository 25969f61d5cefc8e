"""The site: it builds without a warning, needs no network, and links lead to pages as they do on GitHub."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT

pytest.importorskip("mkdocs")
pages = runpy.run_path(str(DOCS / "repository_pages.py"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr  # --quiet would hide warnings from --strict too
    return out


@pytest.mark.slow
def test_nothing_comes_from_another_server(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        parts = re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="([^"]+)"|<link[^>]*\shref="([^"]+)"', text)
        assert not [url for pair in parts for url in pair if url.startswith(("http", "//"))], path


@pytest.mark.slow
def test_every_page_and_the_api_are_in_it(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        assert (site / page.relative_to(DOCS).with_suffix(".html")).is_file()
    api = (site / "api.html").read_text(encoding="utf-8")
    import actionpairs

    for name in actionpairs.__all__:
        assert f'id="actionpairs.{name}"' in api
    for name in (
        "records.FramePair",
        "metrics.metric.SetMetric",
        "editors.editor.Editor",
        "formats.base.Annotations",
    ):
        assert f'id="actionpairs.{name}"' in api


@pytest.mark.slow
def test_the_search_finds_a_key_of_a_recipe(site: Path) -> None:
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    assert "shard.filters.min_change" in next(
        entry["text"] for entry in index["docs"] if entry["location"] == "recipes.html#shardfilters"
    )


@pytest.mark.parametrize(
    ("origin", "target", "page"),
    [
        ("docs/editors.md", "method.md", "method.md"),
        ("docs/editors.md", "../README.md", "repository/README.md"),
        ("docs/guides/lerobot.md", "../datasets.md", "../datasets.md"),
        ("docs/guides/lerobot.md", "../../pipelines/table.yaml", "../repository/pipelines/table.yaml.md"),
        ("docs/study.md", "../pipelines/study/cpu", "repository/pipelines/study/cpu/index.md"),
        ("README.md", "docs/pairs.jpg", "../pairs.jpg"),
        ("pipelines", "table.yaml", "table.yaml.md"),
        ("docs/editors.md", "https://github.com/x/README.md", "https://github.com/x/README.md"),
    ],
)
def test_a_link_leads_to_the_page_of_its_file(origin: str, target: str, page: str) -> None:
    uri = pages["page_uri"](Path(origin))
    assert pages["with_links"](f"[x]({target}#a)", Path(origin), uri) == f"[x]({page}#a)"


def test_a_list_below_a_paragraph_is_one() -> None:
    github = "Two things:\n- one,\n  on two lines\n- two\n\nThe end."
    assert pages["with_lists"](github) == "Two things:\n\n- one,\n    on two lines\n- two\n\nThe end."


def test_code_is_left_as_it_is() -> None:
    code = "```sh\na [x](README.md)\n- b\n```"
    change = pages["outside_code"](str.upper, f"text\n\n{code}\nmore\n")
    assert change == f"TEXT\n\n{code}\nMORE\n"


def test_a_notebook_is_shown_as_its_cells() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title"]},
        {"cell_type": "code", "source": ["1 + 1"], "outputs": [{"data": {"text/plain": ["2"]}}]},
    ]
    assert list(pages["_cells"]({"cells": cells})) == ["# Title", "```python\n1 + 1\n```", "```text\n2\n```"]
