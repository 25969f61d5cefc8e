"""What is written is true: the references are current, links lead somewhere, the README's commands parse."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import click
import pytest

from actionpairs.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
reference = runpy.run_path(str(ROOT / "docs" / "reference.py"))


@pytest.mark.parametrize("name", ["cli", "recipes"])
def test_the_references_are_current(name: str) -> None:
    written = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert written == reference[name](), "run: python docs/reference.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


def commands() -> list[str]:
    """Every `actionpairs …` line of the pages' shell blocks."""
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    ]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("actionpairs ")]


@pytest.mark.parametrize("line", commands())
def test_commands_that_are_shown_parse(line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)[1:]
    command = main.commands[name]
    with click.Context(command, info_name=name, **main.context_settings) as context:
        command.parse_args(context, arguments)


def test_commands_are_shown() -> None:
    assert len(commands()) >= 5
