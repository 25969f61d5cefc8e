"""A page's commands, outputs and files are taken as a reader takes them, and a wrong output is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.first_day import pages
from tests.first_day.day import Day, PageError

PAGE = """# A page

```sh
echo one  # a comment
printf 'two %s\\n' \\
    2.5
```

```text
one
two 2.5
```

```yaml
# mine.yaml
extends: table
```

```console
$ not for us
```

```sh
cat mine.yaml
```

Prose.

```text
not an output: prose stands between
```
"""


def day(folder: Path) -> Day:
    return Day(folder, Path(sys.executable).parent)


def test_a_page_is_commands_with_outputs_and_files() -> None:
    first, file, second = pages.steps(PAGE)
    assert isinstance(first, pages.Step)
    assert first.output is not None
    assert first.output.text == "one\ntwo 2.5\n"
    assert file == pages.File("mine.yaml", "# mine.yaml\nextends: table\n")
    assert second == pages.Step(("cat mine.yaml",), None)


def test_a_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    done = day(tmp_path).live(PAGE)
    assert [each.printed for each in done] == ["one\n", "two 2.5\n", "# mine.yaml\nextends: table\n"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("echo one", "echo two", "'one'"),
        ("echo one", "exit 3", "exit code 3"),
        ("two 2.5\n```", "```", "also prints"),
    ],
)
def test_another_output_and_a_failure_are_told(old: str, new: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(PageError, match=problem):
        day(tmp_path).live(PAGE.replace(old, new))


def test_numbers_count_where_they_must_be_the_same() -> None:
    assert pages.difference("loss  0.29", "loss 0.31", numbers=False) is None
    assert pages.difference("pairs  168", "pairs 167", numbers=True) is not None
    assert pages.difference("loss  0.29", "lost 0.29", numbers=False) is not None


def test_an_ellipsis_stands_for_any_lines() -> None:
    assert pages.difference("a\n…\nd", "a\nb\nc\nd", numbers=True) is None
    assert pages.difference("a\nd", "a\nb\nd", numbers=True) is not None
    assert pages.difference("a\n…", "a\nb", numbers=True) is None


def test_what_was_printed_is_pasted_into_the_page(tmp_path: Path) -> None:
    wrong = PAGE.replace("two 2.5\n```", "three\n```")
    run = Day(tmp_path, Path(sys.executable).parent, compares=False)
    run.live(wrong)
    assert pages.rewritten(wrong, run.outputs) == PAGE
