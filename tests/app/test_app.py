"""The command, what it needs, and what a page keeps between two clicks."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from actionpairs.app import serving
from actionpairs.app.editing import EditRequest, Runs
from actionpairs.app.results import ResultPicture, Results, status
from actionpairs.cli import main
from actionpairs.editors.editor import Sampling
from actionpairs.errors import ScoreError

REQUEST = EditRequest("open the drawer", 3, 5, 64, Sampling("", 20, 1.2, 2.5))


def test_without_gradio_the_pip_line_is_the_cure() -> None:
    script = (
        "import sys; sys.modules['gradio'] = None; from actionpairs.cli import main; main(['app', 'tabletop'])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "The page of `actionpairs app` needs packages" in result.stderr
    assert "[app]" in result.stderr
    assert "Traceback" not in result.stderr


def test_shards_and_split_go_together() -> None:
    result = CliRunner().invoke(main, ["app", "tabletop", "--split", "LCtest500"])
    assert result.exit_code == 2
    assert "--shards and --split go together" in result.output


def test_what_gradio_prints_of_a_public_address_does_not_get_into_the_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blocks:
        def launch(self, **options: object) -> None:
            print("* Running on public URL: https://x.gradio.live")

    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    page = SimpleNamespace(blocks=Blocks(), launch_options=dict)
    serving._launch(page, host="127.0.0.1", port=7860, share=True)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "* Running on public URL: https://x.gradio.live\n")


def test_the_seeds_begin_at_the_first() -> None:
    assert list(REQUEST.seeds) == [5, 6, 7]


def test_a_request_without_an_instruction_is_refused() -> None:
    with pytest.raises(ScoreError, match="There is no instruction"):
        replace(REQUEST, instruction=" \n")


def test_the_real_last_frame_stays_behind_the_edits() -> None:
    results = Results("in.png", real=ResultPicture("last.png", "the real last frame"))
    for seed in (0, 1):
        results = results.with_edit(ResultPicture(f"{seed}.png", f"seed {seed}"))
    assert results.gallery == [("0.png", "seed 0"), ("1.png", "seed 1"), ("last.png", "the real last frame")]
    assert results.pair == ("in.png", "0.png")
    assert results.select(2).pair == ("in.png", "last.png")


def test_a_status_shows_text_as_text() -> None:
    line = status("<b>x</b>", warnings=["a & b"], is_error=True)
    assert "<b>" not in line
    assert "a &amp; b" in line
    assert "role='alert'" in line


def test_each_tab_stops_its_own_run() -> None:
    runs = Runs()
    mine, other = runs.start("mine"), runs.start("other")
    assert runs.stop("mine")
    assert (mine.is_set(), other.is_set()) == (True, False)
    assert not runs.stop("mine")


def test_the_end_of_an_old_run_leaves_the_new_one_stoppable() -> None:
    runs = Runs()
    old = runs.start("mine")
    new = runs.start("mine")
    runs.end("mine", old)
    assert runs.stop("mine")
    assert new.is_set()
