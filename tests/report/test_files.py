"""A report is the same in JSON, Parquet, Markdown and HTML, in the same bytes; no text becomes markup."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from markdown_it import MarkdownIt

from actionpairs.data.examples import Shape
from actionpairs.errors import ScoreError
from actionpairs.evaluation.records import (
    Difference,
    EditScores,
    PictureShapes,
    Report,
    ReportPart,
    ReportRow,
    ReportSample,
    Score,
    ShapeCount,
)
from actionpairs.report import files, report_page, tables
from actionpairs.report.gallery import GallerySample, thumbnails
from actionpairs.storage import Folder
from tests.evaluation.conftest import NASTY

COLUMNS = {
    "Acc top-1": ("higher", "action", "%", "share"),
    "FID": ("lower", "picture", "", "Fréchet distance"),
    "SSIM": ("higher", "picture", "", "mean"),
}


def row(name: str, kind: str, **values: float) -> ReportRow:
    scores = tuple(
        Score(label, value, value - 1, value + 1, 3, *COLUMNS[label])
        for label, value in ((key.replace("_", " ").replace("top 1", "top-1"), v) for key, v in values.items())
    )
    edits = tuple(
        EditScores(f"s{i}", {"Acc top-1": 100.0 * (i == 0), "SSIM": 0.1 * i}, {"Acc top-1": "open door"})
        for i in range(3)
    )
    return ReportRow(name, kind, scores, edits)


def example() -> Report:
    return Report(
        dataset="LC",
        split="LCtest<500>",
        samples=tuple(ReportSample(f"s{i}", NASTY, "open door" if i == 0 else "close door") for i in range(3)),
        rows=(
            row("ours", "model", Acc_top_1=50.0, FID=30.0, SSIM=0.5),
            row("base", "model", Acc_top_1=20.0, FID=40.0, SSIM=0.25),
            row("copy of the input", "copy", Acc_top_1=5.0, FID=10.0, SSIM=0.9),
            row("the real last frame", "truth", Acc_top_1=90.0),
        ),
        differences=(
            Difference("ours", "base", "Acc top-1", 30.0, 10.0, 50.0, 3, 0.03),
            Difference("ours", "copy of the input", "SSIM", -0.4, None, None, 3, None),
        ),
        parts=(ReportPart("unseen verbs", 1, {"ours": (Score("SSIM", 0.5, None, None, 1, *COLUMNS["SSIM"]),)}),),
        notes=("No FID: <nothing> | given.",),
        recipe_digest="abc",
    )


def pictures(count: int = 2, side: int = 32) -> list[GallerySample]:
    draw = np.random.default_rng(0)
    noise = draw.integers(0, 256, (count, 4, side, side, 3), np.uint8)
    return [GallerySample(f"s{i}", p[0], {"ours": p[1], "base": p[2]}, p[3]) for i, p in enumerate(noise)]


def mixed_pictures(shapes: Sequence[Shape] = ((90, 160), (120, 160), (160, 90))) -> list[GallerySample]:
    """A blob that moves to the right, in pictures of these heights and widths."""
    made = []
    for number, shape in enumerate(shapes):
        ground = np.random.default_rng(number).integers(60, 180, (*shape, 3), np.uint8)
        before = cv2.GaussianBlur(ground, (0, 0), 3)
        after = before.copy()
        for picture, x in ((before, shape[1] // 3), (after, shape[1] // 3 + 12)):
            cv2.circle(picture, (x, shape[0] // 2), min(shape) // 5, (230, 60, 40), -1)
            cv2.rectangle(picture, (0, 0), (9, 9), (255, 255, 255), -1)
        made.append(GallerySample(f"s{number}", before, {"ours": after, "base": before}, after))
    return made


def test_a_report_comes_back_as_it_was_written(tmp_path: Path) -> None:
    files.write(Folder(tmp_path), example(), pictures())
    assert files.load(Folder(tmp_path)) == example()


def test_same_report_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        files.write(Folder(tmp_path / name), example(), pictures())
    for name in files.FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_parquet_has_a_line_for_every_row_and_sample_and_null_where_a_score_does_not_apply() -> None:
    report = example()
    first, *others = report.rows
    partly = EditScores("s0", {"SSIM": 0.5}, {"Acc top-1": "open door"})
    table = files.to_table(replace(report, rows=(replace(first, edits=(partly, *first.edits[1:])), *others)))
    assert table.column_names == ["key", "row", "Acc top-1", "SSIM", "Acc top-1 text"]
    assert table.num_rows == 4 * 3
    assert table.to_pylist()[0] == {
        "key": "s0",
        "row": "ours",
        "Acc top-1": None,
        "SSIM": 0.5,
        "Acc top-1 text": "open door",
    }


def test_hits_are_marked_on_the_page_and_other_texts_are_not() -> None:
    report = example()
    verdict = Score("verdict", 4.0, None, None, 3, "higher", "action")
    edits = tuple(replace(edit, texts={**edit.texts, "verdict": "<b>well done"}) for edit in report.rows[0].edits)
    ours = replace(report.rows[0], scores=(*report.rows[0].scores, verdict), edits=edits)
    page = report_page.render(replace(report, rows=(ours, *report.rows[1:])), pictures())
    assert page.count('<span class="good">✓ open door</span>') == 3  # two models and the truth, sample s0
    assert page.count('<span class="bad">✗ open door</span>') == 3
    assert page.count('<span class="">&lt;b&gt;well done</span>') == 2


def test_the_shapes_of_the_pictures_come_back_too(tmp_path: Path) -> None:
    shaped = replace(example(), pictures=PictureShapes(64, False, (ShapeCount(88, 48, 2), ShapeCount(72, 56, 1))))
    files.write(Folder(tmp_path), shaped, mixed_pictures())
    assert files.load(Folder(tmp_path)) == shaped


def test_json_is_strict_and_sorted() -> None:
    text = files.to_json(example())
    data = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert list(data) == sorted(data)


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"dataset": 1}')
    with pytest.raises(ScoreError, match="not a report"):
        files.load(Folder(tmp_path))


def test_the_best_is_marked_in_each_column_and_the_truth_stays_apart() -> None:
    columns = tables.columns(example())
    best = [[cell.is_best if cell else None for cell in line] for line in tables.cells(example(), columns)]
    assert [column.name for column in columns] == ["Acc top-1", "FID", "SSIM"]
    assert best == [[True, False, False], [False] * 3, [False, True, True], [False, None, None]]


def test_action_columns_come_first_whatever_rows_say() -> None:
    late = row("x", "model", SSIM=0.5, Acc_top_1=1.0)
    made = Report("d", "s", (), (late,), (), (), (), "abc")
    assert [column.name for column in tables.columns(made)] == ["Acc top-1", "SSIM"]


def test_per_action_shares_are_of_that_action_alone() -> None:
    assert [line[:3] for line in tables.by_action(example(), "Acc top-1")] == [
        ("close door", 2, "0"),
        ("open door", 1, "100"),
    ]


def test_markdown_marks_the_best_and_escapes_texts() -> None:
    text = files.to_markdown(example())
    assert "| ours | **50.0** (49.0 to 51.0) |" in text
    assert not re.search("<[A-Za-z/!?]", text)
    assert "- No FID: &lt;nothing> \\| given." in text


def test_a_note_reads_the_same_raw_and_rendered() -> None:
    notes = "4 (< 30): too few & narrow, 5 > 3", "<b>x</b> &lt; <!-- <?php </i", "> no quotation"
    text = files.to_markdown(replace(example(), notes=notes, differences=(), parts=()))
    assert "- 4 (< 30): too few & narrow, 5 > 3\n" in text
    items = re.findall(r"<li>(.*?)</li>", MarkdownIt("commonmark").render(text), flags=re.DOTALL)
    assert [html.unescape(item) for item in items] == list(notes)
    assert not [item for item in items if "<" in item]


def test_a_single_model_is_best_of_nothing() -> None:
    ours, _, *baselines = example().rows
    report = replace(example(), rows=(ours, *baselines), differences=(), parts=())
    lines = tables.cells(report, tables.columns(report))
    assert not any(cell.is_best for line in lines for cell in line if cell)
    page, text = report_page.render(report, []), files.to_markdown(report)
    assert "best is bold" not in page + text
    assert "best is bold" in report_page.render(example(), [])
    assert "**" not in text


def test_markdown_and_page_show_differences_and_parts() -> None:
    text, page = files.to_markdown(example()), report_page.render(example(), pictures())
    assert "| ours | base | Acc top-1 | +30.0 | 10.0 to 50.0 | 3 | 0.030 |" in text
    assert "| ours | copy of the input | SSIM | −0.400 | – | 3 |  |" in text
    assert "## Unseen verbs: 1 sample\n" in text
    assert "<h2>Differences on the same samples</h2>" in page


def test_the_page_shows_instructions_as_texts() -> None:
    page = report_page.render(example(), pictures())
    assert "<script>alert" not in page
    assert page.count("<h3>move &lt;script&gt;alert") == 2


def test_the_page_holds_every_picture_and_every_row() -> None:
    page = report_page.render(example(), pictures())
    assert len(re.findall(r'<img src="data:image/webp;base64,', page)) == 2 * 4
    assert page.count('<th scope="row">') == 4


def test_pictures_shrink_until_the_page_stays_small() -> None:
    many = pictures(25, side=256)  # noise, the worst case of WebP
    page = report_page.render(
        Report("d", "s", tuple(ReportSample(e.key, "x", "y") for e in many), (), (), (), (), "abc"), []
    )
    small = thumbnails(many)
    total = len(page) + sum(len(t.original) + len(t.truth) + sum(map(len, t.edits.values())) for t in small)
    assert total < 8_000_000
