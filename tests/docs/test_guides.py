"""The guides: short, their commands exist, and those for one's own videos and for others' edits run."""

from __future__ import annotations

import re
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from tests.docs.pages import DOCS, GUIDES, blocks, commands, templates

MOST_LINES = 90
PAGES = [*GUIDES, DOCS / "faq.md", DOCS / "index.md", DOCS / "troubleshooting.md"]
OWN_VIDEOS, SCORE_EDITS = DOCS / "guides/own-videos.md", DOCS / "guides/score-edits.md"
QUICK = {
    "extract": ["--executor", "serial"],
    "verify": ["--workers", "1"],
    "export": ["--executor", "serial"],
    "train": ["--device", "cpu", "--set", "train.steps=2", "--set", "train.sample_every=2"],
    "eval": ["--device", "cpu", "--set", "eval.steps=1"],
    "edit": ["--device", "cpu", "--steps", "1"],
}


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_is_short_and_says_where_it_goes_wrong(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text.splitlines()) < MOST_LINES
    assert "## Where it goes wrong" in text
    assert list(commands(page)) or page.stem == "add-a-metric"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_exists_with_its_options(page: Path) -> None:
    for words in commands(page):
        group: click.Command = main
        while isinstance(group, click.Group):
            group = group.commands[words.pop(0)]
        with click.Context(group, info_name=group.name, **main.context_settings) as context:
            group.parse_args(context, words)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_what_goes_wrong_is_quoted_as_it_is_printed(page: Path) -> None:
    for quoted in re.findall(r'^\| "([^"]+)"', page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        part = re.escape(re.sub(r" \([^)]*\)", "", quoted)).replace("…", ".*")
        assert any(re.search(part, text) or pattern.search(quoted) for pattern, text in templates()), quoted


def run(page: Path, names: set[str], *, skipped: tuple[str, ...] = ()) -> list[str]:
    """Run the page's commands of these names, in order; what they print."""
    printed = []
    for words in commands(page):
        if words[0] in names and not set(skipped) & set(words):
            done = CliRunner().invoke(
                main, [*words, *(QUICK.get(words[0], []) if "--dry-run" not in words else [])]
            )
            assert done.exit_code == 0, done.output
            printed.append(done.output)
    return printed


def test_own_videos_become_a_data_set(own_videos: Path) -> None:
    printed = run(OWN_VIDEOS, {"extract", "recipe", "shard", "verify"})
    assert "start: start_seconds" in printed[0]
    assert (own_videos / "mine.yaml").is_file()
    assert (own_videos / "out/shards/table-train-000000.tar").is_file()
    run(SCORE_EDITS, {"export"})
    [code] = blocks(SCORE_EDITS, "python")
    exec(compile(code, str(SCORE_EDITS), "exec"), {})
    assert len(list((own_videos / "edits").glob("*.png"))) == 4


@pytest.mark.slow
def test_own_videos_train_score_and_edit(own_videos: Path) -> None:
    cv2.imwrite("my-picture.jpg", np.full((90, 160, 3), 120, np.uint8))
    run(OWN_VIDEOS, {"extract", "shard"})
    run(OWN_VIDEOS, {"train", "eval", "edit"}, skipped=("table",))
    assert (own_videos / "edited.png").is_file()
    assert (own_videos / "out/report/index.html").is_file()
    run(SCORE_EDITS, {"export"})
    [code] = blocks(SCORE_EDITS, "python")
    exec(compile(code, str(SCORE_EDITS), "exec"), {})
    alone, both = run(SCORE_EDITS, {"eval"})
    assert "theirs" in alone
    assert "theirs" in both
