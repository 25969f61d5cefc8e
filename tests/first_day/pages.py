"""A page of the documentation as something that runs: its commands, their printed output, its files.

Only the standard library is used, so that `replay.py` runs without the project.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = frozenset({"sh", "bash"})
_FILE_NAME = re.compile(r"# (?P<name>[\w.-]+\.(?:yaml|csv))\n")
_NUMBER = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
ELISION = "…"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and where the text stands in the page."""

    language: str
    text: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Step:
    """Commands that a reader types at once. output: the block that the page prints below them, if it does."""

    commands: tuple[str, ...]
    output: Block | None


@dataclass(frozen=True, slots=True)
class File:
    """A file that the page tells the reader to write: a block that begins with the comment `# NAME.yaml`."""

    name: str
    text: str


def blocks(page: str) -> list[Block]:
    """Every fenced block."""
    return [Block(m["language"], m["body"], m.start("body"), m.end("body")) for m in _FENCE.finditer(page)]


def steps(page: str) -> Iterator[Step | File]:
    """What a reader does, from top to bottom.

    A block of commands that nothing but blank space separates from a `text` block printed that.
    """
    every = blocks(page)
    for block, following in zip(every, [*every[1:], None], strict=False):
        name = _FILE_NAME.match(block.text)
        if block.language in _SHELL:
            output = following if following and following.language == "text" else None
            if output and page[block.stop : output.start].strip() != "```\n\n```text":
                output = None
            yield Step(tuple(commands(block.text)), output)
        elif name:
            yield File(name["name"], block.text)


def commands(text: str) -> list[str]:
    """The lines of a shell block without comments; a line that ends in a backslash goes on in the next one."""
    lines = (line.strip() for line in text.replace("\\\n", " ").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def difference(printed: str, actual: str, *, numbers: bool) -> str | None:
    """Say where a printed output is not the actual one; None if it is.

    Widths of columns do not count. numbers: whether they must be the same. A printed line `…` stands for any.
    """
    expected, rest = _lines(printed, numbers), _lines(actual, numbers)
    any_lines = False
    for line in expected:
        if line == ELISION:
            any_lines = True
            continue
        place = rest.index(line) if line in rest else None
        if place is None or (place > 0 and not any_lines):
            return f"the page prints {line!r}, the command {rest[0] if rest else 'nothing more'!r}"
        rest, any_lines = rest[place + 1 :], False
    return None if any_lines or not rest else f"the command also prints {rest[0]!r}"


def _lines(text: str, numbers: bool) -> list[str]:
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    return [line if numbers else _NUMBER.sub("0", line) for line in lines if line]


def rewritten(page: str, outputs: Sequence[tuple[Block, str]]) -> str:
    """The page with other printed outputs. Blocks with elisions are left as they are."""
    for block, text in sorted(outputs, key=lambda item: -item[0].start):
        if ELISION not in block.text.split():
            body = "".join(f"{line.rstrip()}\n" for line in text.strip("\n").splitlines())
            page = page[: block.start] + body + page[block.stop :]
    return page
