"""The page on which people rate a report's edits: blind, shuffled, and in one file that needs no network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from actionpairs import templates
from actionpairs.evaluation import human_eval
from actionpairs.evaluation.records import Report, ReportRow
from actionpairs.report.gallery import GallerySample, Thumbnails, thumbnails

PAGE_FILE = "rater_page.html"


def render(report: Report, samples: Sequence[GallerySample]) -> str:
    """Every row's edit of these samples; those of the copy and the truth show how far raters can be trusted.

    Nothing on the page tells which row made an edit.
    """
    report_id = human_eval.report_id(report)
    instruction_of = {sample.key: sample.instruction for sample in report.samples}
    pictures, items = dict[str, str](), []
    for small in thumbnails(samples):
        for row in report.rows:
            before, after = small.original, _after(small, row)
            pictures |= {_name(before): before, _name(after): after}
            item = human_eval.item_id(report_id, small.key, row.name)
            items.append((item, instruction_of[small.key], _name(before), _name(after)))
    return templates.render(
        "rater_page.html",
        report_id=report_id,
        questions=human_eval.QUESTIONS,
        items=[dict(zip(("item", "instruction", "before", "after"), item, strict=True)) for item in sorted(items)],
        pictures=dict(sorted(pictures.items())),
    )


def _after(pictures: Thumbnails, row: ReportRow) -> str:
    return {"copy": pictures.original, "truth": pictures.truth}.get(row.kind) or pictures.edits[row.name]


def _name(picture: str) -> str:
    """A name by content: several edits may share a picture, and the name tells nothing of its row."""
    return hashlib.sha256(picture.encode()).hexdigest()[:12]
