"""What `eval` prints: a line per score, a column per row, and no escape codes in a pipe."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from actionpairs.cli import main
from actionpairs.report import tables, terminal
from tests.report.test_files import example


def printed(*, width: int, is_terminal: bool) -> str:
    sink = io.StringIO()
    terminal.print_table(example(), Console(file=sink, width=width, force_terminal=is_terminal, highlight=False))
    return sink.getvalue()


def test_every_score_of_the_page_has_its_line_and_every_row_its_column() -> None:
    text = printed(width=300, is_terminal=False)
    for column in tables.columns(example()):
        assert column.heading in text
    head = text.splitlines()[1]
    assert all(row.name in head for row in example().rows)
    line = next(line for line in text.splitlines() if line.startswith("Acc top-1"))
    assert "50.0 (49.0 to 51.0)" in line


def test_a_pipe_gets_plain_text_and_a_terminal_gets_the_best_in_bold() -> None:
    assert "\x1b" not in printed(width=300, is_terminal=False)
    assert re.search(r"\x1b\[1m *50\.0\x1b", printed(width=300, is_terminal=True))


def test_a_narrow_terminal_leaves_out_the_intervals() -> None:
    text = printed(width=80, is_terminal=False)
    assert "50.0" in text
    assert "49.0 to 51.0" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_eval_prints_the_table_and_then_the_path_of_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("actionpairs.evaluate", lambda *_, **__: example())
    command = ["eval", "demo", "--model", "m", "--shards", "s", "--split", "x", "--out", str(tmp_path)]
    lines = CliRunner().invoke(main, command).output.splitlines()
    assert any(line.startswith("Acc top-1") for line in lines)
    assert lines[-1] == f"{tmp_path}/index.html"
    assert len("\n".join(lines)) < 3000
