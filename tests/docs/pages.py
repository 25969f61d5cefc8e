"""The pages of docs/, and what they show: commands, printed text, code."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = sorted((DOCS / "guides").glob("*.md"))
TROUBLESHOOTING = DOCS / "troubleshooting.md"
LEAST_LETTERS = 8


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every `actionpairs …` line in the page's shell blocks, without the program's name."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "actionpairs" in words and words[0] != "pip":
                yield words[words.index("actionpairs") + 1 :]


@dataclass(frozen=True)
class Failure:
    """A command of the page about errors, and what it printed."""

    arguments: tuple[str, ...]
    message: str
    cure: str

    @property
    def printed(self) -> str:
        """As the command line prints it."""
        return f"error: {self.message}\n cure: {self.cure}\n"


def failures() -> list[Failure]:
    """The blocks of troubleshooting.md that show an error."""
    every = []
    for block in blocks(TROUBLESHOOTING, "console"):
        command, _, printed = block.partition("\n")
        message, _, cure = printed.partition("\n cure: ")
        words = shlex.split(command.removeprefix("$ "))
        every.append(Failure(tuple(words[1:]), message.removeprefix("error: "), cure.rstrip("\n")))
    return every


@cache
def templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Every text of the package as a pattern, with anything where it has values, and as it stands in the code."""
    every = []
    for path in (ROOT / "actionpairs").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
            letters = sum(len(text) for text in texts if isinstance(text, str))
            if letters >= LEAST_LETTERS and all(text is None or isinstance(text, str) for text in texts):
                pattern = "".join(".*" if text is None else re.escape(str(text)) for text in texts)
                every.append((re.compile(pattern, flags=re.DOTALL), "".join(str(text or "") for text in texts)))
    return tuple(every)
