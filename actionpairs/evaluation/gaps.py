"""Values that are missing although they should be there: named, counted, and refused unless the user allows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from actionpairs.errors import ScoreError

_MOST_REASONS, _LONGEST_REASON = 3, 80
_MOST_COLUMNS = 8  # in a message


@dataclass(frozen=True, slots=True)
class ColumnGaps:
    """The gaps of one column of one row: `count` of `total` samples have no value. reasons: reason → samples."""

    row: str
    column: str
    count: int
    total: int
    reasons: Mapping[str, int]

    @classmethod
    def of(cls, row: str, column: str, gaps: Sequence[str]) -> ColumnGaps:
        """gaps: one reason for each sample, empty where it has a value."""
        reasons = Counter(reason[:_LONGEST_REASON] for reason in gaps if reason)
        return cls(row, column, reasons.total(), len(gaps), dict(reasons.most_common()))

    def __str__(self) -> str:
        reasons = [f"{count:,} {reason}" for reason, count in self.reasons.items()][:_MOST_REASONS]
        more = "; …" if len(self.reasons) > _MOST_REASONS else ""
        listed = "; ".join(reasons) + more
        return f"{self.row}, {self.column}: {self.count:,} of {self.total:,} have no value ({listed})"


def refuse(*gaps: ColumnGaps) -> NoReturn:
    """Raise ScoreError: a mean over the samples that happen to have a value is another number."""
    listed = ". ".join(str(each) for each in gaps[:_MOST_COLUMNS])
    more = f". And {len(gaps) - _MOST_COLUMNS} more" if len(gaps) > _MOST_COLUMNS else ""
    raise ScoreError(
        f"A mean over gaps is refused. {listed}{more}.",
        cure="Run the same command again: only what has no answer is asked. If it stays so, --judge-allow-gaps "
        "takes means over the rest and says of how many.",
    )


def note(gaps: ColumnGaps) -> str:
    """What a report says of a mean over gaps."""
    return f"Gaps: {gaps}; its mean is over the other {gaps.total - gaps.count:,}."
