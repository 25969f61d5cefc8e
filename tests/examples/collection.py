"""Every example of the help texts, README and docs: the command lines that a reader would copy."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from actionpairs.cli import main
from tests.first_day import pages

ROOT = Path(__file__).parents[2]
# docs/cli.md is made of the help texts; tests/stages/test_first_day.py runs the tutorial as it is printed.
ELSEWHERE = {"docs/cli.md", "docs/tutorial.md"}
_PROGRAM = re.compile(r"(?:^|\s)actionpairs ")


@dataclass(frozen=True, slots=True)
class Example:
    """One command line, and where it is printed: a page, or the help of a command.

    mention: it stands inside a sentence, so it may leave out what the sentence is not about.
    """

    place: str
    text: str
    mention: bool = False

    @property
    def words(self) -> list[str]:
        """What comes after `actionpairs`."""
        return shlex.split(_PROGRAM.split(self.text, maxsplit=1)[1], comments=True)


def all_examples() -> list[Example]:
    """Those of the help texts, then those of the pages."""
    return [*_of_help("actionpairs", main), *(each for page in page_paths() for each in _of_page(page))]


def page_paths() -> list[Path]:
    """README and every page of docs."""
    every = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in every if name_of(path) not in ELSEWHERE]


def name_of(path: Path) -> str:
    """The path of a page in the repository."""
    return path.relative_to(ROOT).as_posix()


def _of_help(path: str, command: click.Command) -> Iterator[Example]:
    place = f"{path} --help"
    _, title, text = inspect.cleandoc(command.help or "").partition("Example")
    if title:
        lines = text.split("\n\n")[0].splitlines()[1:]
        joined = "\n".join(line.removeprefix("  ") for line in lines)
        joined = re.sub(r"\n\s+", " ", joined)  # a longer indent goes on with the line above
        yield from (Example(place, line) for line in pages.commands(joined))
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _of_help(f"{path} {name}", inner)


def _of_page(page: Path) -> Iterator[Example]:
    text, place = page.read_text(encoding="utf-8"), name_of(page)
    shell = [block.text for block in pages.blocks(text) if block.language in ("sh", "bash")]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"(?:^ {4}.*\n)+", prose, flags=re.MULTILINE)
    for block in [*shell, *indented]:
        for line in pages.commands(block):
            if _PROGRAM.search(line) and not line.startswith(("|", "pip ")):
                yield Example(place, line)
    prose = re.sub(r"^ {4}.*\n", "", prose, flags=re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", prose):
        if code.startswith("actionpairs ") and not code.split()[1].startswith("…"):
            yield Example(place, " ".join(code.split()), mention=True)
