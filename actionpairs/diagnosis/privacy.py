"""Takes out of a report what says who made it: home folder, user and host name, passwords in URLs."""

from __future__ import annotations

import getpass
import re
import shlex
import socket
from pathlib import Path

from actionpairs.errors import without_secrets

# A name that thousands have says nothing, and may stand in other words.
_COMMON = frozenset({"root", "user", "ubuntu", "admin", "runner", "localhost", "home", "app", "python"})


def _replacements() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    """What is private here, with its name in a text and in a shell command."""
    home = str(Path.home()) if _has_home() else ""
    private = [(re.escape(home) + r"(?![\w.-])", "~", "$HOME")] if len(home) > 1 else []
    for name, text, command in (
        (_user(), "<user>", "$(id -un)"),
        (socket.gethostname(), "<host>", "$(hostname)"),
        (socket.gethostname().partition(".")[0], "<host>", "$(hostname -s)"),
    ):
        if len(name) > 1 and name.lower() not in _COMMON:
            private.append((rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text, command))
    return tuple((re.compile(pattern), text, command) for pattern, text, command in private)


def _has_home() -> bool:
    try:
        return Path.home() != Path("/")
    except RuntimeError:
        return False


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user often has no name
        return ""


def masked(text: str) -> str:
    """A text without what is private."""
    text = without_secrets(text)
    for pattern, name, _ in _replacements():
        text = pattern.sub(name, text)
    return text


def shell_command(command: str) -> str:
    """A command that works where it is printed, with variables of the shell for what is private."""
    return " ".join(map(_word, shlex.split(command)))


def _word(word: str) -> str:
    private = [(pattern, command) for pattern, _, command in _replacements() if pattern.search(word)]
    if not private:
        return shlex.quote(word)
    quoted = re.sub(r'([\\"$`])', r"\\\1", word)
    for pattern, command in private:
        quoted = pattern.sub(re.escape(command).replace("\\", ""), quoted)
    return f'"{quoted}"'
