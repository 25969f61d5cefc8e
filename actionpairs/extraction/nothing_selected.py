"""The error for annotation files of which a recipe selects nothing: what there is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from actionpairs.errors import AnnotationError
from actionpairs.records import Rejection, Segment

_MOST_NAMED = 5
_KINDS = ("verb", "noun", "action", "group")


def nothing_selected(
    segments: Sequence[Segment], rejections: Sequence[Rejection], notes: Sequence[str]
) -> AnnotationError:
    """The error, with the most common reasons, and the names that there are to select from.

    segments: those that can be read, which the recipe leaves out. rejections: of every row. notes: names in the
    recipe that no segment has.
    """
    reasons = Counter(rejection.reason for rejection in rejections).most_common(_MOST_NAMED)
    texts = [
        *notes,
        *(f"{count:,} {reason} (such as {_example(rejections, reason)})" for reason, count in reasons),
        *(f"the {kind}s are {names}" for kind in _KINDS if (names := _most_common(segments, kind))),
    ]
    return AnnotationError(
        f"none of the {len(rejections):,} rows is selected: {'; '.join(texts)}.",
        cure="Correct `extract.annotations` or `extract.select` in the recipe, or give other files.",
    )


def _example(rejections: Iterable[Rejection], reason: str) -> str:
    return next(repr(rejection.detail[:120]) for rejection in rejections if rejection.reason == reason)


def _most_common(segments: Iterable[Segment], kind: str) -> str:
    """The names of a kind, the most common ones first."""
    counts = Counter(name for segment in segments if (name := getattr(segment, kind)))
    more = f" and {len(counts) - _MOST_NAMED:,} more" if len(counts) > _MOST_NAMED else ""
    return ", ".join(repr(name[:60]) for name, _ in counts.most_common(_MOST_NAMED)) + more
