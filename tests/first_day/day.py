"""A reader's day in an empty folder: a page's commands are run as they are printed. Standard library only."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.first_day import pages

# Trained and scored numbers differ between processors and libraries; counts of rows, pairs and samples do not.
_TRAINED = ("train", "eval", "edit", "compare")


class PageError(AssertionError):
    """A command failed, or printed something else than the page says."""


@dataclass(frozen=True, slots=True)
class Done:
    """One command that was run: its text, what it printed on stdout, and how long it took."""

    command: str
    printed: str
    seconds: float


@dataclass(slots=True)
class Day:
    """A folder, and the environment's programs that the commands find first.

    shorter: options to add to a command by its name, so that a test need not train for minutes. compares: whether
    what a page prints must be what was printed.
    """

    folder: Path
    programs: Path
    shorter: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda text: None
    compares: bool = True
    timeout_seconds: float = 1800
    outputs: list[tuple[pages.Block, str]] = field(default_factory=list)

    def live(self, page: str) -> list[Done]:
        """Run a page from top to bottom; raises PageError at the first command that fails or prints others."""
        done: list[Done] = []
        for step in pages.steps(page):
            if isinstance(step, pages.File):
                (self.folder / step.name).write_text(step.text, encoding="utf-8")
                continue
            ran = [self.run(command) for command in step.commands]
            done += ran
            if step.output:
                self._compare(step, step.output, "".join(each.printed for each in ran))
        return done

    def run(self, command: str) -> Done:
        """Run one command line in the folder."""
        words = command.split()
        added = self.shorter.get(words[1], ()) if words[0] == "actionpairs" else ()
        start = time.monotonic()
        ran = subprocess.run(
            ["bash", "-c", " ".join([command, *added])],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=self.timeout_seconds,
        )
        seconds = time.monotonic() - start
        self.tell(f"{seconds:6.1f} s  {command}")
        if ran.returncode != 0:
            raise PageError(f"{command}\nexit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return Done(command, ran.stdout, seconds)

    def _environment(self) -> dict[str, str]:
        """Ours, without what would let the checkout in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        path = os.pathsep.join([str(self.programs), kept.get("PATH", "")])
        return {**kept, "PATH": path, "NO_COLOR": "1"}

    def _compare(self, step: pages.Step, output: pages.Block, actual: str) -> None:
        self.outputs.append((output, actual))
        numbers = not any(command.split()[1:2] and command.split()[1] in _TRAINED for command in step.commands)
        problem = pages.difference(output.text, actual, numbers=numbers) if self.compares else None
        if problem:
            raise PageError(f"{'; '.join(step.commands)}\n{problem}\n--- it printed\n{actual}")
