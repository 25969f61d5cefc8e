"""What is answered stays answered: half lines are dropped, wrong lines are named, two runs do not share a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpairs.errors import StorageError
from actionpairs.language_models import Answer, AnswerCache, Gap, Picture, Question, open_cache


class Echo:
    """A model that is not asked."""

    name = "org/model: a b"
    settings_digest = "s"

    def ask(self, question: Question, *, stopped: Event) -> Answer | Gap:
        """Never called."""
        raise AssertionError


MODEL = Echo()
ANSWERS = [Answer(f"pick up the cup {number}", "m-1", number + 1) for number in range(3)]


def filled(folder: Path) -> Path:
    with open_cache(folder, MODEL, prompt="p") as cache:
        for number, answer in enumerate(ANSWERS):
            cache.add(f"d{number}", Question((f"text {number}", Picture(b"jpeg"))), answer)
    [path] = folder.iterdir()
    return path


def loaded(folder: Path) -> Iterator[AnswerCache]:
    with open_cache(folder, MODEL, prompt="p") as cache:
        yield cache


def test_answers_are_there_again_in_the_next_run(tmp_path: Path) -> None:
    filled(tmp_path)
    for cache in loaded(tmp_path):
        assert [cache.get(f"d{number}") for number in range(4)] == [*ANSWERS, None]


def test_a_line_has_question_answer_model_seed_and_attempts_and_no_picture(tmp_path: Path) -> None:
    record = json.loads(filled(tmp_path).read_text().splitlines()[1])
    assert record["answer"] == "pick up the cup 1"
    assert (record["model"], record["attempts"], record["question"]["seed"]) == ("m-1", 2, 0)
    assert record["question"]["parts"][0] == "text 1"
    assert (
        list(record["question"]["parts"][1]) == ["picture", "kind"] or "picture" in record["question"]["parts"][1]
    )
    assert len(record["question"]["parts"][1]["picture"]) == 64


def test_a_model_and_a_prompt_have_a_file_of_their_own_with_a_safe_name(tmp_path: Path) -> None:
    with open_cache(tmp_path, MODEL, prompt="p"), open_cache(tmp_path, MODEL, prompt="q"):
        names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2
    assert all(name.startswith("org-model-a-b-") and name.endswith(".jsonl") for name in names)


@pytest.mark.parametrize("cut", [1, 5, 40, 10_000])
def test_a_half_written_last_line_is_dropped_and_overwritten(tmp_path: Path, cut: int) -> None:
    path = filled(tmp_path)
    data = path.read_bytes()
    last = data[data[:-1].rfind(b"\n") + 1 :]
    path.write_bytes(data[: -min(cut, len(last) - 1)])
    for cache in loaded(tmp_path):
        assert len(cache) == 2
        cache.add("d2", Question(("text 2", Picture(b"jpeg"))), ANSWERS[2])
    assert path.read_bytes() == data


@settings(deadline=None, max_examples=50)
@given(cut=st.integers(min_value=0, max_value=2000))
def test_cut_anywhere_a_file_gives_its_whole_lines_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    path = filled(folder)
    data = path.read_bytes()
    path.write_bytes(data[: min(cut, len(data))])
    whole = data[: min(cut, len(data))].count(b"\n")
    for cache in loaded(folder):
        assert [cache.get(f"d{number}") for number in range(whole)] == ANSWERS[:whole]
        assert len(cache) == whole
    assert path.read_bytes() == data[: data[: min(cut, len(data))].rfind(b"\n") + 1]


@pytest.mark.parametrize(
    "line",
    [
        *(b"{", b"", b"[]", b'"x"', b"\xff", b'{"digest": "d"}', b"[" * 100_000),
        b'{"digest": "d", "answer": 7, "model": "m", "attempts": 1}',
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_changed(tmp_path: Path, line: bytes) -> None:
    path = filled(tmp_path)
    data = line + b"\n" + path.read_bytes()
    path.write_bytes(data)
    with pytest.raises(StorageError, match="line 1: not an answer"):
        list(loaded(tmp_path))
    assert path.read_bytes() == data


def test_two_runs_do_not_share_a_file(tmp_path: Path) -> None:
    with open_cache(tmp_path, MODEL, prompt="p"), pytest.raises(StorageError, match="another run is using"):
        list(loaded(tmp_path))
    list(loaded(tmp_path))


def test_an_answer_that_the_disk_does_not_take_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path)
    data, write = path.read_bytes(), os.write
    for cache in loaded(tmp_path):
        monkeypatch.setattr(os, "write", lambda handle, line: write(handle, line[:20]))
        with pytest.raises(StorageError, match="cannot be written") as caught:
            cache.add("d3", Question(("x",)), ANSWERS[0])
        monkeypatch.setattr(os, "write", write)
        assert "space" in caught.value.cure
        assert cache.get("d3") is None
    assert path.read_bytes() == data


def test_a_folder_that_cannot_be_is_an_error_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError) as caught, open_cache(tmp_path / "file", MODEL, prompt="p"):
        pass
    assert "--cache" in caught.value.cure
