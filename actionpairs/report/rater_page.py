"""The page on which people judge a report's edits: blind, shuffled, and in one file that needs no network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from actionpairs import templates
from actionpairs.evaluation import human_eval
from actionpairs.evaluation.records import Report, ReportRow
from actionpairs.report.gallery import Exhibit, Thumbnails, thumbnails

PAGE_FILE = "study.html"


def of(report: Report, exhibits: Sequence[Exhibit]) -> str:
    """Every row's edit of these samples, the copy's and the truth's too: they show how far raters can be trusted.

    Nothing on the page says whose edit it is.
    """
    study = human_eval.study_of(report)
    instruction_of = {sample.key: sample.instruction for sample in report.samples}
    pictures, items = dict[str, str](), []
    for shown in thumbnails(exhibits):
        for row in report.rows:
            before, after = shown.original, _after(shown, row)
            pictures |= {_name(before): before, _name(after): after}
            item = human_eval.item_of(study, shown.key, row.name)
            items.append((item, instruction_of[shown.key], _name(before), _name(after)))
    return templates.render(
        "study.html",
        study=study,
        questions=human_eval.QUESTIONS,
        items=[dict(zip(("item", "instruction", "before", "after"), item, strict=True)) for item in sorted(items)],
        pictures=dict(sorted(pictures.items())),
    )


def _after(shown: Thumbnails, row: ReportRow) -> str:
    return {"copy": shown.original, "truth": shown.truth}.get(row.kind) or shown.edits[row.name]


def _name(picture: str) -> str:
    """A name by content, which stands for a picture that several edits share, and tells nothing of its row."""
    return hashlib.sha256(picture.encode()).hexdigest()[:12]
