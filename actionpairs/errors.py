"""The errors that a user can act on.

ActionpairsError               has a message (where, what) and a cure
├── RecipeError                a recipe is missing, misspelt or says what cannot be
├── AnnotationError            an annotation file as a whole cannot be read
├── VideoError                 one video cannot be used; extract turns it into rejections
│   └── NoVideoStreamError     the file can be read, but shows no moving picture
├── StorageError               a folder or file cannot be read, written, or belongs to something else
│   └── UnreachableError       a store does not answer; the same run can go on when it does
├── ShardError                 a shard is not what its index says
├── ModelError                 a model or checkpoint cannot be loaded or does not fit
├── TrainingError              training cannot go on
├── ScoreError                 a score cannot be computed from what was given
├── ClusterError               a cluster cannot be reached, or has no room
└── MissingExtraError          an optional part is not installed
"""

from __future__ import annotations

import re


class ActionpairsError(Exception):
    """A failure with its cure: `message` says where and what, without secrets, `cure` says what to do."""

    def __init__(self, message: str, *, cure: str) -> None:
        self.message = without_secrets(message)
        self.cure = cure
        super().__init__(self.message, cure)

    def __str__(self) -> str:
        return f"{self.message} {self.cure}"

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process, where exceptions travel pickled."""
        return _rebuild, (type(self), self.message, self.cure)


def one_line(error: Exception) -> str:
    """What another library says, fit to stand within a message: on one line of at most 200 characters."""
    return " ".join(str(error).split())[:200]


def without_secrets(text: str) -> str:
    """A URL, or a text with URLs in it, as it may be shown: they lose users, passwords, and queries."""
    return _SECRETS.sub(r"\1\2", text)


# A password may hold a slash, and what looks like one may be a port; a mark after a query is the text's own.
_SECRETS = re.compile(
    r"""(\w+://)(?:[^\s@:/]*:(?!\d+/)[^\s@'"<>]*@|[^\s@:/]+@)?([^\s?#'"<>]*)(?:[?#](?:[^\s'"<>]*[^\s'"<>:.,;)])?)?"""
)


def _rebuild(kind: type[ActionpairsError], message: str, cure: str) -> ActionpairsError:
    return kind(message, cure=cure)


class RecipeError(ActionpairsError):
    """A recipe is missing, misspelt or says what cannot be."""


class AnnotationError(ActionpairsError):
    """An annotation file as a whole cannot be read."""


class VideoError(ActionpairsError):
    """One video cannot be used."""


class NoVideoStreamError(VideoError):
    """The file can be read, but shows no moving picture."""


class StorageError(ActionpairsError):
    """A folder or file cannot be read, written, or belongs to something else."""


class UnreachableError(StorageError):
    """A store does not answer; the same run can go on when it does."""


class ShardError(ActionpairsError):
    """A shard is not what its index says."""


class ModelError(ActionpairsError):
    """A model or checkpoint cannot be loaded or does not fit."""


class TrainingError(ActionpairsError):
    """Training cannot go on."""


class ScoreError(ActionpairsError):
    """A score cannot be computed from what was given."""


class ClusterError(ActionpairsError):
    """A cluster cannot be reached, or has no room."""


class MissingExtraError(ActionpairsError):
    """An optional part is not installed."""

    @classmethod
    def of(cls, extra: str, *, needed_for: str) -> MissingExtraError:
        """Name the extra, what needs it, and the pip line."""
        return cls(
            f"{needed_for} needs packages that are not installed here.",
            cure=f'Install them: pip install "actionpairs[{extra}]"',
        )
