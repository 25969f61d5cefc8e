"""compare: reports of `eval` in; one leaderboard out, or a refusal that names what was not scored alike."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

from actionpairs import manifest
from actionpairs.errors import ScoreError
from actionpairs.evaluation import leaderboard
from actionpairs.evaluation.comparability import ScoredReport
from actionpairs.evaluation.leaderboard import Leaderboard
from actionpairs.evaluation.predictions import FOLDER
from actionpairs.evaluation.records import Report
from actionpairs.keys import Config
from actionpairs.manifest import FileDigest, Manifest, StageSpec
from actionpairs.report import compare_page, files
from actionpairs.storage import Folder


class CompareConfig(Config):
    """A comparison has no options: what does not compare is refused."""


def compare(reports: Sequence[str], *, out: str) -> Leaderboard:
    """Put reports side by side: a page, a table for a paper, and CSV files.

    reports: folders that `eval` wrote, of one split or of several. Reports of one split are compared on the same
    samples. The same call again writes the same bytes. Raises ScoreError where reports were not scored alike, were
    changed, or a score is not the same in two; StorageError where a folder is not a finished report.
    """
    loaded = [_load(source) for source in reports]
    board = leaderboard.build(loaded)
    inputs = {f"report {number:03d}": one.digest for number, one in enumerate(loaded)}
    folder, spec = Folder(out), StageSpec("compare", "compare", CompareConfig(), inputs)
    with manifest.working(folder, spec) as finished:
        if not finished:
            compare_page.write(folder, board, loaded)
            digests = {name: FileDigest.of_file(folder, name) for name in compare_page.FILES}
            counts = {"reports": len(loaded), "rows": len(board.rows), "splits": len(board.splits)}
            manifest.finish(folder, spec, counts=counts, files=digests)
    return board


def _load(source: str) -> ScoredReport:
    """A finished report that nobody has changed. Raises ScoreError or StorageError."""
    folder = Folder(source)
    finished = manifest.load(folder, stage="eval")
    report = files.load(folder)
    for name in (files.JSON_FILE, files.SCORES_FILE):
        if not folder.exists(name) or FileDigest.of_file(folder, name) != finished.files.get(name):
            raise _changed(source, f"{name} is not the file that `eval` wrote")
    if fault := _fault(report):
        raise _changed(source, fault)
    return ScoredReport(
        source=source,
        report=report,
        digest=finished.digest,
        version=f"{finished.package_version} (schema {finished.schema_version})",
        inputs=finished.inputs,
        settings=_settings(folder, source, finished),
        own_models=frozenset(row.name for row in report.rows if _has_edits(finished, row.name)),
    )


def _has_edits(finished: Manifest, name: str) -> bool:
    return any(file.startswith(f"{FOLDER}/{name}/") for file in finished.files)


def _settings(folder: Folder, source: str, finished: Manifest) -> dict[str, Any]:
    """The recipe's `eval` section, as the manifest's digest of it says."""
    try:
        settings = json.loads(folder.read_bytes(manifest.RECIPE_FILE))["config"]
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    except (ValueError, TypeError, KeyError, RecursionError):
        settings, text = None, ""
    if not isinstance(settings, dict) or hashlib.sha256(text.encode()).hexdigest()[:16] != finished.recipe_digest:
        raise _changed(source, f"{manifest.RECIPE_FILE} is not the file that `eval` wrote")
    return settings


def _fault(report: Report) -> str:
    """What makes a report one that `eval` cannot have written; empty if nothing does."""
    samples = [sample.key for sample in report.samples]
    names = [row.name for row in report.rows]
    kinds = [row.kind for row in report.rows]
    if len(set(names)) < len(names) or kinds.count("copy") > 1 or kinds.count("truth") > 1:
        return "two of its rows are the same"
    if len(set(samples)) < len(samples):
        return "two of its samples are the same"
    for row in report.rows:
        keys, scores = [edit.key for edit in row.edits], [score.name for score in row.scores]
        if len(set(keys)) < len(keys) or not set(keys) <= set(samples) or len(set(scores)) < len(scores):
            return f"the row {row.name!r} has a score or a sample twice, or a sample of another split"
        numbers = [number for score in row.scores for number in (score.value, score.low, score.high)]
        numbers += [number for edit in row.edits for number in edit.values.values()]
        if not all(number is None or math.isfinite(number) for number in numbers):
            return f"the row {row.name!r} has a number that is not finite"
    return ""


def _changed(source: str, what: str) -> ScoreError:
    return ScoreError(
        f"{source}: {what}.",
        cure="Copy the report again as `eval` wrote it, or run `actionpairs eval` again into a new --out.",
    )
