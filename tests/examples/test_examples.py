"""Every example of the help texts, README and docs fits, and all that can run here are run, in order."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from tests.examples import world
from tests.examples.collection import ROOT, Example, all_examples
from tests.examples.fitting import problems
from tests.examples.reasons import REASONS, reason
from tests.first_day import pages

EXAMPLES = all_examples()
RUN = [example for example in EXAMPLES if not reason(example)]
PLACES = list(dict.fromkeys(example.place for example in RUN))


def label(example: Example) -> str:
    return f"{example.place}: {example.text}"


@pytest.mark.parametrize("example", EXAMPLES, ids=label)
def test_an_example_has_real_options_and_a_recipe_with_the_section_and_the_split(example: Example) -> None:
    assert list(problems(example)) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("actionpairs extrct hc", "no command"),
        ("actionpairs shard hc --pairs out/pairs --output out/shards", "--output"),
        ("actionpairs eval demo-hc --model M --shards S --split HCtest16 --out O", "no `eval` section"),
        ("actionpairs eval hc --model M --shards S --split LCtest500 --out O", "no split LCtest500"),
        ("actionpairs train editacton --shards S --out O", "editaction"),
        ("actionpairs train table --shards S --out O --set train.stepz=1", "stepz"),
    ],
)
def test_an_example_that_does_not_fit_is_named(text: str, problem: str) -> None:
    assert problem in "; ".join(problems(Example("here", text)))


def test_every_command_has_an_example_and_every_reason_an_example() -> None:
    texts = [example.text for example in EXAMPLES]
    for name in main.commands:
        assert any(f"actionpairs {name}" in text for text in texts), name
    counted = {reason(example) for example in EXAMPLES}
    assert [text for _, text in REASONS if text not in counted] == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("place", PLACES)
def test_the_examples_of_a_page_run_in_order(
    place: str, built_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "world"
    shutil.copytree(built_world, folder, symlinks=True)
    monkeypatch.chdir(folder)
    write_files_of(place, folder)
    for example in RUN:
        if example.place == place:
            run(example, folder)


def write_files_of(place: str, folder: Path) -> None:
    """Write the files that the page tells the reader to write."""
    if place.endswith(".md"):
        for step in pages.steps((ROOT / place).read_text(encoding="utf-8")):
            if isinstance(step, pages.File):
                text = step.text.replace("/models/FLUX.2-klein-base-4B", world.KLEIN)
                (folder / step.name).write_text(text, encoding="utf-8")


def replaced(word: str) -> str:
    """A word of a command line, or what stands for it in the small world."""
    for pattern, text in world.REPLACED.items():
        word = re.sub(pattern, text, word)
    return word


def run(example: Example, folder: Path) -> None:
    """Run one command line as it is printed; what an earlier run left at its --out is removed first."""
    words = [replaced(word) for word in example.words]
    if "--out" in words:
        old = folder / words[words.index("--out") + 1]
        shutil.rmtree(old, ignore_errors=True)
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, f"{example.text}\n{result.output}\n{result.exception!r}"
    if "--out" in words and "--dry-run" not in words:
        assert (folder / words[words.index("--out") + 1]).exists(), example.text
