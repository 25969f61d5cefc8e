"""What reports must have in common before their numbers may stand side by side, and who differs in what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from actionpairs.errors import ScoreError
from actionpairs.evaluation.records import PictureShapes, Report

MODEL_INPUT = "model "  # how the manifest of `eval` names a row's weights or edits: "model NAME"
_WEIGHTS = ("features ", "judge")  # inputs that give a score its meaning, on any data set
# Pages are not scores; batches change scores by rounding alone; sizes are compared as they came out.
# The recognizer's labels count by their digest, split by split: each data set has actions of its own.
_WITHOUT_EFFECT = {"gallery", "rater_samples", "batch_size", "resolution", "square", "recognizer"}
_OWN = "each model's own"


@dataclass(frozen=True, slots=True)
class ScoredReport:
    """A report with what its folder says of how it was made.

    source: the folder as the user wrote it. digest: of its manifest. inputs: the manifest's, name → digest.
    settings: the recipe's `eval` section. own_models: the rows whose edits lie in the report's folder, so that
    their digests are those of weights; the other rows are folders of edits.
    """

    source: str
    report: Report
    digest: str
    version: str
    inputs: Mapping[str, str]
    settings: Mapping[str, object]
    own_models: frozenset[str]

    @property
    def benchmark(self) -> tuple[str, str]:
        """Data set and split."""
        return self.report.dataset, self.report.split


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that must be the same. `kind` chooses the cure."""

    kind: str
    name: str
    value: str


CURES = {
    "version": "Run `actionpairs eval` again for all of them, with one version of actionpairs.",
    "settings": "Run `actionpairs eval` again with one recipe, into a new --out: edits depend on it.",
    "weights": (
        "Run `actionpairs eval` again with the same --features and --recognizer, into a new --out; edits that are "
        "there need not be made again: --predictions NAME=REPORT/predictions/NAME."
    ),
    "samples": (
        "Run `actionpairs eval` again on one shards folder, with the same --split, --limit, --square and "
        "`eval.resolution`."
    ),
}


def check(reports: Sequence[ScoredReport]) -> None:
    """Raise ScoreError where reports were not scored alike; it names all that differs, and in which report.

    Over all reports: the version, how edits are sampled, and the weights of features. Within one split also its
    samples, the shapes of pictures and the recognizer, which is trained for a data set. Weights that a report was
    not given are no difference: its rows lack those scores.
    """
    _refuse_doubles(reports)
    scopes = [("", reports, _facts_of_all)]
    for benchmark in dict.fromkeys(each.benchmark for each in reports):
        same = [each for each in reports if each.benchmark == benchmark]
        scopes.append((" · ".join(benchmark) + ": ", same, _facts_of_split))
    kinds, faults = list[str](), list[str]()
    for where, members, facts_of in scopes:
        for fact, sources in _by_fact([(each.source, list(facts_of(each))) for each in members]).items():
            if len(sources) > 1:
                kinds.append(fact[0])
                faults.append(
                    f"{where}{fact[1]} is {'; '.join(f'{v} in {_joined(s)}' for v, s in sources.items())}"
                )
    if faults:
        raise ScoreError(
            f"These reports were not scored alike, so their numbers do not compare. {'. '.join(faults)}.",
            cure=" ".join(CURES[kind] for kind in CURES if kind in kinds),
        )


def _refuse_doubles(reports: Sequence[ScoredReport]) -> None:
    first: dict[str, str] = {}
    for each in reports:
        if each.digest in first:
            raise ScoreError(
                f"{each.source}: the same report as {first[each.digest]}.", cure="Give each report once."
            )
        first[each.digest] = each.source


def _by_fact(facts: Sequence[tuple[str, list[Fact]]]) -> dict[tuple[str, str], dict[str, list[str]]]:
    """(kind, name) → value → the reports that have it."""
    sources: dict[tuple[str, str], dict[str, list[str]]] = {}
    for source, of_one in facts:
        for fact in of_one:
            sources.setdefault((fact.kind, fact.name), {}).setdefault(fact.value, []).append(source)
    return sources


def _facts_of_all(one: ScoredReport) -> Iterator[Fact]:
    yield Fact("version", "the version of actionpairs", one.version)
    for name, value in sorted(one.settings.items()):
        if name not in _WITHOUT_EFFECT:
            yield Fact("settings", f"`eval.{name}`", _OWN if value is None else str(value))
    for name, digest in sorted(one.inputs.items()):
        if name.startswith(_WEIGHTS):
            yield Fact("weights", f"the digest of {name}", digest)


def _facts_of_split(one: ScoredReport) -> Iterator[Fact]:
    yield Fact("samples", "--limit", one.inputs.get("limit", "none"))
    for name, digest in sorted(one.inputs.items()):
        if not name.startswith((MODEL_INPUT, *_WEIGHTS)) and name != "limit":
            yield Fact("weights" if name.startswith("recognizer") else "samples", f"the digest of {name}", digest)
    samples = [(sample.key, sample.instruction, sample.action) for sample in one.report.samples]
    digest = hashlib.sha256(repr(samples).encode()).hexdigest()[:16]
    yield Fact("samples", "the list of samples", f"{len(samples)} (digest {digest})")
    yield Fact("samples", "the shape of pictures", _shapes_text(one.report.pictures))


def _shapes_text(pictures: PictureShapes | None) -> str:
    if pictures is None:
        return "squares, as in earlier versions"
    if pictures.square:
        return f"squares of {pictures.resolution} pixels"
    shapes = ", ".join(f"{each.width}×{each.height} ({each.count})" for each in pictures.shapes)
    return f"about {pictures.resolution}² pixels ({shapes})"


def _joined(sources: Sequence[str]) -> str:
    return ", ".join(sources)
