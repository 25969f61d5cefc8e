"""The page about errors quotes what is really printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from tests.docs.pages import Failure, failures, templates

RUNS_WITHOUT_MODELS = ("extract", "shard", "recipe")
FAILURES = failures()


def name(failure: Failure) -> str:
    return " ".join(failure.arguments[:4])


def matches(quoted: str, printed: str) -> bool:
    """Whether a quoted text is the printed one, where `…` in the quote stands for anything."""
    pattern = ".*".join(re.escape(part) for part in quoted.split("…"))
    return re.fullmatch(pattern, printed, flags=re.DOTALL) is not None


def test_the_page_shows_twenty_errors() -> None:
    assert len(FAILURES) >= 20
    assert all(failure.message and failure.cure for failure in FAILURES)


@pytest.mark.parametrize(
    "failure", [each for each in FAILURES if each.arguments[0] in RUNS_WITHOUT_MODELS], ids=name
)
def test_the_command_prints_the_quoted_error(failure: Failure, wrong_files: Path) -> None:
    run = CliRunner()
    if "out/finished" in failure.arguments:
        words = "extract table --videos my-videos --annotations my-table.csv --executor serial --out out/finished"
        assert run.invoke(main, words.split()).exit_code == 0
    here = ("--executor", "serial") if "my-videos" in failure.arguments and "--videos" in failure.arguments else ()
    done = run.invoke(main, [*failure.arguments, *here])
    assert done.exit_code == 1
    assert matches(failure.printed, done.output[done.output.index("error: ") :])


@pytest.mark.parametrize("failure", FAILURES, ids=name)
def test_every_quoted_text_is_one_of_the_code(failure: Failure) -> None:
    for text in (failure.message, failure.cure):
        assert any(pattern.search(text) for pattern, _ in templates()), text


def test_a_text_that_nobody_prints_is_told_apart() -> None:
    assert not any(pattern.search("Your shards are haunted; call a priest.") for pattern, _ in templates())
