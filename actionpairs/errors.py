"""The errors that a user can act on.

ActionpairsError               has a message (where, what) and a cure
├── RecipeError                a recipe is missing, or has an unknown key or an invalid value
├── AnnotationError            an annotation file as a whole cannot be read
├── VideoError                 one video cannot be used; extract turns it into rejections
│   └── NoVideoStreamError     the file can be read, but has no video stream
├── StorageError               a folder or file cannot be read or written, or belongs to another run
│   └── UnreachableError       a store does not answer; the same run can continue when it does
├── ShardError                 a shard does not match its index
├── ModelError                 a model or checkpoint cannot be loaded or does not fit
├── TrainingError              training cannot continue
│   └── StoppedError           a signal stopped it, and everything is saved
├── LanguageModelError         a language model cannot be asked, or leaves questions without an answer
├── ScoreError                 a score cannot be computed from these inputs
├── ClusterError               a cluster cannot be reached, or no node is large enough
└── MissingExtraError          the packages of an extra are not installed
"""

from __future__ import annotations

import re
import signal
from functools import partial

from actionpairs.installation import extra_command


class ActionpairsError(Exception):
    """A failure with its cure: `message` says where and what, without secrets; `cure` says what to do."""

    def __init__(self, message: str, *, cure: str) -> None:
        self.message = without_secrets(message)
        self.cure = cure
        super().__init__(self.message, cure)

    def __str__(self) -> str:
        return f"{self.message} {self.cure}"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the message and the cure: worker processes return exceptions pickled."""
        return _rebuild, (type(self), self.message, self.cure)


def one_line(error: Exception) -> str:
    """The message of another library's error, on one line of at most 200 characters."""
    return " ".join(str(error).split())[:200]


def without_secrets(text: str) -> str:
    """The text, with users, passwords and queries removed from its URLs, so that it can be printed."""
    return _SECRETS.sub(r"\1\2", text)


# A password may contain a slash. Digits and a slash after a colon are a port. Punctuation after a query is text.
_SECRETS = re.compile(
    r"""(\w+://)(?:[^\s@:/]*:(?!\d+/)[^\s@'"<>]*@|[^\s@:/]+@)?([^\s?#'"<>]*)(?:[?#](?:[^\s'"<>]*[^\s'"<>:.,;)])?)?"""
)


def _rebuild(kind: type[ActionpairsError], message: str, cure: str) -> ActionpairsError:
    return kind(message, cure=cure)


class RecipeError(ActionpairsError):
    """A recipe is missing, or has an unknown key or an invalid value."""


class AnnotationError(ActionpairsError):
    """An annotation file as a whole cannot be read."""


class VideoError(ActionpairsError):
    """One video cannot be used."""


class NoVideoStreamError(VideoError):
    """The file can be read, but has no video stream."""


class StorageError(ActionpairsError):
    """A folder or file cannot be read or written, or belongs to another run."""


class UnreachableError(StorageError):
    """A store does not answer; the same run can continue when it does."""


class ShardError(ActionpairsError):
    """A shard does not match its index."""


class ModelError(ActionpairsError):
    """A model or checkpoint cannot be loaded or does not fit."""


class TrainingError(ActionpairsError):
    """Training cannot continue."""


class StoppedError(TrainingError):
    """A signal stopped training, and everything is saved. exit_code: 128 and the signal's number, as in shells."""

    def __init__(self, message: str, *, cure: str, signal_number: int = signal.SIGTERM) -> None:
        super().__init__(message, cure=cure)
        self.signal_number = signal_number

    @property
    def exit_code(self) -> int:
        """What a shell reports for a process that this signal ended."""
        return 128 + self.signal_number

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the signal too."""
        return partial(type(self), cure=self.cure, signal_number=self.signal_number), (self.message,)


class LanguageModelError(ActionpairsError):
    """A language model cannot be asked, or leaves questions without an answer."""


class ScoreError(ActionpairsError):
    """A score cannot be computed from these inputs."""


class ClusterError(ActionpairsError):
    """A cluster cannot be reached, or no node is large enough."""


class MissingExtraError(ActionpairsError):
    """The packages of an extra are not installed."""

    @classmethod
    def of(cls, extra: str, *, needed_for: str) -> MissingExtraError:
        """The error for an extra: what needs it, and the pip command."""
        return cls(
            f"{needed_for} needs packages that are not installed here.",
            cure=f"Install them: {extra_command(extra)}",
        )
