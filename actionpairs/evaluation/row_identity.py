"""Which rows of several reports are one row of a leaderboard, and what it is called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from actionpairs.errors import ScoreError
from actionpairs.evaluation.comparability import MODEL_INPUT, ScoredReport
from actionpairs.evaluation.records import Kind, ReportRow

_DIGITS = 8  # of a digest, where a name alone does not tell two rows apart
Place = tuple[str, str]  # a report's source, and the name of a row in it


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """A row of the table. digest: of a model's weights, or of edits where others have their name; else empty.

    is_folder: its edits came as pictures, and only its name says that one model made them on every split.
    other_names: what reports call the same weights besides `name`.
    """

    name: str
    kind: Kind
    digest: str = ""
    is_folder: bool = False
    other_names: tuple[str, ...] = ()


def identify(reports: Sequence[ScoredReport]) -> dict[Place, LeaderboardRow]:
    """The leaderboard's row of every row of every report, with a name that no other row has.

    Equal weights are one model, whatever reports call it, for a name in a report depends on the models beside it.
    Other weights of the same name are another row. A folder of edits has another digest on every split: there the
    name counts, unless one split has two of it. Raises ScoreError where a manifest does not know a row.
    """
    keys = {(one.source, row.name): _key(one, row) for one in reports for row in one.report.rows}
    ambiguous = set(_names_of_several_folders(reports, keys))
    keys = {
        place: replace(key, digest="") if key.is_folder and key.name not in ambiguous else key
        for place, key in keys.items()
    }
    names_of: dict[LeaderboardRow, list[str]] = {}
    for (_, name), key in keys.items():
        names_of.setdefault(_nameless(key), []).append(name)
    named = dict(_named(names_of))
    return {place: named[_nameless(key)] for place, key in keys.items()}


def _key(one: ScoredReport, row: ReportRow) -> LeaderboardRow:
    if row.kind != "model":
        return LeaderboardRow(row.name, row.kind)
    digest = one.inputs.get(MODEL_INPUT + row.name)
    if digest is None:
        raise ScoreError(
            f"{one.source}: its manifest does not say what the row {row.name!r} was made with.",
            cure="Run `actionpairs eval` again, into a new --out.",
        )
    return LeaderboardRow(row.name, row.kind, digest, is_folder=row.name not in one.own_models)


def _nameless(key: LeaderboardRow) -> LeaderboardRow:
    """What makes two rows one: of models, all but the name."""
    return key if key.is_folder or key.kind != "model" else replace(key, name="")


def _names_of_several_folders(
    reports: Sequence[ScoredReport], keys: Mapping[Place, LeaderboardRow]
) -> Iterator[str]:
    """Names under which one split has other edits in two reports."""
    digests: dict[tuple[str, tuple[str, str]], set[str]] = defaultdict(set)
    benchmark_of = {one.source: one.benchmark for one in reports}
    for (source, name), key in keys.items():
        if key.is_folder:
            digests[name, benchmark_of[source]].add(key.digest)
    return (name for (name, _), of_name in digests.items() if len(of_name) > 1)


def _named(names_of: Mapping[LeaderboardRow, Sequence[str]]) -> Iterator[tuple[LeaderboardRow, LeaderboardRow]]:
    """Rows with the first name that a report gives them, and digits of the digest where another has it too."""
    taken = Counter(names[0] for names in names_of.values())
    labels = Counter[str]()
    for key, names in names_of.items():
        first, *others = dict.fromkeys(names)
        digits = key.digest[:_DIGITS] or "edits from folders"
        label = first if taken[first] == 1 else f"{first} ({digits})"
        labels[label] += 1
        if labels[label] > 1:
            raise ScoreError(
                f"Two rows would be called {label!r}.", cure="Give one of them another name in `eval`."
            )
        yield key, replace(key, name=label, other_names=tuple(others))
