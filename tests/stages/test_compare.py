"""compare reads what eval writes, refuses what was changed, and writes the same numbers into every file."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from actionpairs.errors import ScoreError, StorageError
from actionpairs.evaluation import leaderboard
from actionpairs.evaluation.leaderboard import Leaderboard
from actionpairs.evaluation.records import COPY, TRUTH, Report
from actionpairs.report import compare_page, files, leaderboard_tables
from actionpairs.stages.compare import compare
from actionpairs.stages.eval import evaluate
from actionpairs.storage import Folder
from tests.browser import browsing, needs_chromium
from tests.evaluation.boards import drawn, scored
from tests.evaluation.conftest import NASTY, SPLIT, make_editor, make_recognizer, make_shards

DRIFT = ("shift drift", "zoom drift", "color drift")
Evaluate = Callable[..., str]


@pytest.fixture(scope="module")
def run_eval(tmp_path_factory: pytest.TempPathFactory) -> Evaluate:
    """Evaluate some of two models on one of two shards folders; gives the report's folder."""
    root = tmp_path_factory.mktemp("world")
    make_shards(root / "lc")
    make_shards(root / "hc", count=5)
    for seed, name in enumerate(("first", "second")):
        make_editor(seed=seed).save(root / name / "model")
    make_recognizer().save(root / "recognizer")
    made: dict[object, str] = {}

    def run(*models: str, shards: str = "lc", steps: int = 2, recognizer: bool = False) -> str:
        key = models, shards, steps, recognizer
        if key not in made:
            recipe = root / f"{steps}.yaml"
            recipe.write_text(f"eval: {{resolution: 64, steps: {steps}, batch_size: 3, gallery: 4}}\n")
            out = str(root / f"report-{len(made)}")
            evaluate(
                str(recipe),
                models=[str(root / name / "model") for name in models],
                shards=str(root / shards),
                split=SPLIT,
                out=out,
                device="cpu",
                recognizer=str(root / "recognizer") if recognizer else None,
            )
            made[key] = out
        return made[key]

    return run


def scores(report: Report, row: str) -> dict[str, float]:
    [one] = [each for each in report.rows if each.name == row]
    return {score.name: score.value for score in one.scores}


@pytest.mark.slow
def test_two_reports_of_one_split_are_as_one_of_both_models(run_eval: Evaluate, tmp_path: Path) -> None:
    """Both models are called `model` where each stands alone, and first-model and second-model where they meet."""
    board = compare([run_eval("first"), run_eval("second")], out=str(tmp_path / "out"))
    together = files.load(Folder(run_eval("first", "second")))
    digests = {
        note.split(", digest ")[0]: note.split(", digest ")[1] for note in together.notes if ", digest " in note
    }
    assert all(row.name == f"model ({row.digest[:8]})" for row in board.rows[:2])
    for row in board.rows[:2]:
        [name] = [name for name, digest in digests.items() if digest == f"{row.digest}."]
        assert scores(board.splits[0], row.name) == scores(together, name)
    assert [row.name for row in board.rows[2:]] == [COPY, TRUTH]


def test_equal_weights_are_one_row_whatever_each_report_calls_them(run_eval: Evaluate, tmp_path: Path) -> None:
    both = [run_eval("first", "second"), run_eval("first"), run_eval("second")]
    board = compare(both, out=str(tmp_path / "out"))
    assert {row.name for row in board.rows if row.kind == "model"} == {"first-model", "second-model"}
    assert len(board.splits) == 1


def test_weights_that_one_report_was_not_given_leave_gaps(run_eval: Evaluate, tmp_path: Path) -> None:
    out = tmp_path / "out"
    board = compare([run_eval("first"), run_eval("second", recognizer=True)], out=str(out))
    having = {row.name for row in board.splits[0].rows if "Acc top-1" in {score.name for score in row.scores}}
    assert len(having) == 3
    page = (out / "index.html").read_text()
    assert '<td class="number quiet">–</td>' in page
    assert "No action accuracy: no recognizer was given" in page


def test_drift_is_in_every_table_without_any_weights(run_eval: Evaluate, tmp_path: Path) -> None:
    report = files.load(Folder(run_eval("first")))
    for row in report.rows:
        assert set(DRIFT) <= {score.name for score in row.scores}, row.name
    assert [scores(report, COPY)[name] for name in DRIFT] == [0, 0, 0]
    assert all(0 <= scores(report, TRUTH)[name] < 1 for name in DRIFT)
    board = compare([run_eval("first")], out=str(tmp_path / "out"))
    [table] = leaderboard_tables.split_tables(board)
    assert set(DRIFT) <= {column.name for column in table.columns}


def test_splits_of_two_data_sets_stand_side_by_side(run_eval: Evaluate, tmp_path: Path) -> None:
    """Two data sets that have one name and one split are the same benchmark, so their samples must be the same."""
    with pytest.raises(ScoreError, match=r"squares · squares-test: the digest of shards is"):
        compare([run_eval("first"), run_eval("second", shards="hc")], out=str(tmp_path / "out"))


def test_other_sampling_is_refused_by_name(run_eval: Evaluate, tmp_path: Path) -> None:
    one, other = run_eval("first"), run_eval("second", steps=3)
    with pytest.raises(ScoreError) as caught:
        compare([one, other], out=str(tmp_path / "out"))
    assert f"`eval.steps` is 2 in {one}; 3 in {other}." in caught.value.message
    assert not (tmp_path / "out").exists()


def test_the_same_call_again_writes_the_same_bytes_and_another_is_refused(
    run_eval: Evaluate, tmp_path: Path
) -> None:
    reports = [run_eval("first"), run_eval("second")]
    compare(reports, out=str(tmp_path / "a"))
    moved = [shutil.copytree(path, tmp_path / f"moved-{number}") for number, path in enumerate(reports)]
    compare([str(path) for path in moved], out=str(tmp_path / "b"))
    for name in (*compare_page.FILES, "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    compare(reports, out=str(tmp_path / "a"))
    with pytest.raises(StorageError, match="other inputs"):
        compare(reports[:1], out=str(tmp_path / "a"))


def forge(folder: Path, name: str, change: Callable[[dict], object]) -> None:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "`eval` has not finished"),
        (lambda folder: (folder / "report.json").unlink(), "report.json is gone"),
        (lambda folder: (folder / "report.json").write_text("{}"), "not a report"),
        (lambda folder: (folder / "report.json").write_bytes(b"\xff"), "not a report"),
        (lambda folder: (folder / "scores.parquet").unlink(), "scores.parquet is not the file"),
        (lambda folder: (folder / "scores.parquet").write_bytes(b"x"), "scores.parquet is not the file"),
        (
            lambda folder: forge(folder, "report.json", lambda c: c["rows"][0]["scores"][0].update(value=99.0)),
            "report",
        ),
        (lambda folder: forge(folder, "recipe.json", lambda c: c["config"].update(steps=9)), "recipe.json is not"),
        (lambda folder: (folder / "recipe.json").write_text("[" * 100_000), "recipe.json is not"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "not a manifest"),
    ],
)
def test_a_report_that_was_changed_is_refused(
    run_eval: Evaluate, tmp_path: Path, damage: Callable[[Path], object], words: str
) -> None:
    folder = shutil.copytree(run_eval("first"), tmp_path / "report")
    damage(folder)
    with pytest.raises((ScoreError, StorageError), match=words):
        compare([str(folder), run_eval("second")], out=str(tmp_path / "out"))


def test_a_folder_of_another_stage_is_named(run_eval: Evaluate, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="made by `shard`, not by `eval`"):
        compare([str(Path(run_eval("first")).parent / "lc")], out=str(tmp_path / "out"))


def test_the_command_prints_a_table_for_each_split_and_then_the_page(run_eval: Evaluate, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["compare", run_eval("first"), run_eval("second"), "--out", str(out)])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].strip() == "squares · squares-test: 8 samples"
    assert lines[-1] == f"{out}/index.html"
    for name in ("motion alignment ↑", *(f"{name}" for name in DRIFT)):
        assert sum(line.startswith(name) for line in lines) == 1
    assert "Holm" in result.output
    assert "\x1b" not in result.output


def test_a_refusal_is_a_message_and_a_cure(run_eval: Evaluate, tmp_path: Path) -> None:
    reports = run_eval("first"), run_eval("second", steps=3)
    result = CliRunner().invoke(main, ["compare", *reports, "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "error: These reports were not scored alike" in result.output
    assert " cure: Run `actionpairs eval` again with one recipe" in result.output


# --- the files, on made numbers


def board_of_two_splits() -> tuple[Leaderboard, list]:
    nasty = drawn(NASTY, 0.6, seed=5, fid=12.0)
    short = drawn("=cmd|' /C calc'!A0", 0.3, count=30, seed=6, fid=30.0)
    reports = [
        scored("a", drawn("ours", 0.7, fid=8.0), nasty, short),
        scored(
            "b",
            drawn("ours", 0.5, seed=7, fid=9.0),
            drawn("a_b & 5%", 0.2, seed=8, fid=40.0),
            split="HCtest",
            dataset="HC",
        ),
    ]
    return leaderboard.build(reports), reports


def lines_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_every_file_has_the_numbers_of_the_board(tmp_path: Path) -> None:
    board, reports = board_of_two_splits()
    compare_page.write(Folder(tmp_path), board, reports)
    table = lines_of((tmp_path / "leaderboard.csv").read_text())
    assert len(table) == sum(len(row.scores) for split in board.splits for row in split.rows)
    for line in table:
        [split] = [each for each in board.splits if each.split == line["split"]]
        [row] = [each for each in split.rows if each.name == line["row"].removeprefix("'")]
        [score] = [each for each in row.scores if each.name == line["score"]]
        assert float(line["value"]) == score.value
    tests = lines_of((tmp_path / "tests.csv").read_text())
    assert [line["p_holm"] for line in tests] == [str(test.corrected_p or "") for test in board.tests]
    page, tex = (tmp_path / "index.html").read_text(), (tmp_path / "leaderboard.tex").read_text()
    for part in leaderboard_tables.split_tables(board):
        for cell in (cell for cells in part.cells for cell in cells if cell):
            assert f'<span class="value">{cell.text}</span>' in page
            assert cell.cell.text.replace("−", "$-$") in tex


class Cells(HTMLParser):
    """How many columns each line of the first table has, spans counted."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []
        self.is_done = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "tr" and not self.is_done:
            self.lines.append(0)
        elif tag in {"td", "th"} and not self.is_done:
            self.lines[-1] += int(dict(attrs).get("colspan") or 1)

    def handle_endtag(self, tag: str) -> None:
        self.is_done |= tag == "table"


def test_every_line_of_the_table_has_every_column_of_every_split() -> None:
    board, reports = board_of_two_splits()
    parser = Cells()
    parser.feed(compare_page.render(board, reports))
    parts = leaderboard_tables.split_tables(board)
    assert set(parser.lines) == {1 + sum(len(part.columns) for part in parts)}
    assert len(parser.lines) == 3 + len(board.rows)


def test_no_name_becomes_markup_or_a_formula(tmp_path: Path) -> None:
    board, reports = board_of_two_splits()
    compare_page.write(Folder(tmp_path), board, reports)
    assert "<script>alert" not in (tmp_path / "index.html").read_text()
    assert r"a\_b \& 5\%" in (tmp_path / "leaderboard.tex").read_text()
    for name in ("leaderboard.csv", "tests.csv"):
        fields = [field for line in lines_of((tmp_path / name).read_text()) for field in line.values()]
        assert not [field for field in fields if field.startswith("=")]
        assert any(field.startswith("'=cmd") for field in fields)


def test_latex_has_a_group_of_columns_for_each_split() -> None:
    text = compare_page.to_latex(board_of_two_splits()[0])
    assert r"\multicolumn{4}{c}{LC · LCtest: 40 samples} & \multicolumn{4}{c}{HC · HCtest: 40 samples} \\" in text
    assert r"\cmidrule(lr){2-5}\cmidrule(lr){6-9}" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")][1:]
    assert {line.replace(r"\&", "").count("&") for line in body} == {8}
    assert text.count(r"\midrule") == 2


def test_marks_say_who_is_as_good_as_the_best_and_where_a_copy_wins() -> None:
    board, _ = board_of_two_splits()
    [first, _] = leaderboard_tables.split_tables(board)
    place = {column.name: number for number, column in enumerate(first.columns)}
    cell_of = {row.name: cells for row, cells in zip(board.rows, first.cells, strict=True)}
    assert cell_of["ours"][place["SSIM"]].cell.is_best
    assert cell_of[COPY][place["SSIM"]].marks == "▲"
    assert not cell_of[COPY][place["SSIM"]].cell.is_best
    assert cell_of[COPY][place["Acc top-1"]].marks == ""
    assert cell_of[NASTY][place["Acc top-1"]].marks == "≈"
    assert cell_of["=cmd|' /C calc'!A0"][place["SSIM"]].marks == "(30 of 40)"
    assert cell_of["a_b & 5%"] == (None,) * 4


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [1440, 1024, 500])  # Chromium opens no window that is narrower
def test_the_page_is_readable_from_a_file_at_every_width(tmp_path: Path, width: int) -> None:
    board, reports = board_of_two_splits()
    compare_page.write(Folder(tmp_path), board, reports)
    with browsing(tmp_path / "profile", width=width) as tab:
        tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        tab.open(tmp_path / "index.html")
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        assert tab.run("document.querySelectorAll('table.scores tbody tr').length") == len(board.rows)
        assert tab.logged == []
