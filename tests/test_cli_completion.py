"""What the Tab key offers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete, CompletionItem

from actionpairs.cli import completion, main
from actionpairs.recipe_files import builtin_names
from actionpairs.shards import layout


def offered(*words: str) -> list[CompletionItem]:
    """The items for the last word, after the words before it."""
    complete = BashComplete(main, {}, "actionpairs", "_ACTIONPAIRS_COMPLETE")
    return complete.get_completions(list(words[:-1]), words[-1])


def values(*words: str) -> list[str]:
    return [item.value for item in offered(*words)]


def test_commands_and_their_options_complete() -> None:
    assert values("do") == ["doctor"]
    assert values("recipe", "ch") == ["check"]
    assert {"--quiet", "--out", "--json"} <= set(values("shard", "--"))
    assert values("shard", "hc", "--executor", "r") == ["ray"]


def test_recipes_complete_by_name_and_as_files_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table-of-mine.yaml").touch()
    package = [name for name in builtin_names() if name.startswith("table")]
    assert values("extract", "table") == [*package, "table-of-mine.yaml"]
    assert values("recipe", "new", "mine", "--from", "table") == package
    assert all(item.help for item in offered("extract", "") if item.value in builtin_names())


def test_the_studys_recipes_do_not_crowd_out_the_others() -> None:
    assert not [value for value in values("train", "") if "/" in value]
    assert [value for value in values("train", "study/") if value.startswith("study/")]


@pytest.mark.parametrize(
    "words",
    [("extract", "hc", "--videos", ""), ("verify", "out/s"), ("extract", "./m"), ("shard", "hc", "--out", "o")],
)
def test_paths_are_left_to_the_shell(words: tuple[str, ...]) -> None:
    assert [(item.type, item.value) for item in offered(*words)] == [("file", words[-1])]


@pytest.fixture
def shards(tmp_path: Path) -> str:
    index = {"samples_per_split": {"LC-train": 4000, "LCtest500": 500}}
    (tmp_path / layout.INDEX_FILE).write_text(json.dumps(index))
    return str(tmp_path)


def test_splits_complete_from_the_shards_folder_before_them(shards: str) -> None:
    assert values("eval", "hc", "--shards", shards, "--split", "LC") == ["LC-train", "LCtest500"]
    assert values("export", shards, "--split", "LCt") == ["LCtest500"]
    assert [item.help for item in offered("export", shards, "--split", "LCt")] == ["500 samples"]


@pytest.mark.parametrize("content", ["[]", "{", '{"samples_per_split": 3}', '{"samples_per_split": {"x": null}}'])
def test_a_folder_without_a_good_index_offers_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / completion.INDEX_FILE).write_text(content)
    assert values("export", str(tmp_path), "--split", "") == []
    assert values("export", str(tmp_path / "nowhere"), "--split", "") == []


def test_the_index_has_the_name_that_shards_give_it() -> None:
    assert completion.INDEX_FILE == layout.INDEX_FILE


def test_completing_loads_nothing_heavy() -> None:
    heavy = ["pydantic", "pyarrow", "pandas", "av", "cv2", "torch"]
    script = (
        "import sys; from actionpairs.cli import main; from click.shell_completion import BashComplete;"
        "BashComplete(main, {}, 'actionpairs', '_X').get_completions(['extract'], 'h');"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_with_the_script_that_the_docs_name(tmp_path: Path) -> None:
    program = tmp_path / "actionpairs"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m actionpairs "$@"\n')
    program.chmod(0o755)
    script = f"""
PATH={tmp_path}:$PATH
eval "$(_ACTIONPAIRS_COMPLETE=bash_source actionpairs)"
COMP_WORDS=(actionpairs recipe check edit) COMP_CWORD=3
_actionpairs_completion actionpairs edit check
printf '%s\\n' "${{COMPREPLY[@]}}"
complete -p actionpairs
"""
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert "editaction" in result.stdout.splitlines()
    assert "-F _actionpairs_completion actionpairs" in result.stdout
