"""An instruction that a model does not read to its end is named, sample by sample, with its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from actionpairs.data.examples import Example
from actionpairs.editors.editor import Editor
from actionpairs.evaluation.cut_texts import cut_note
from actionpairs.records import Entry
from actionpairs.storage import Folder
from actionpairs.training import editor_setup


class Words:
    """A tokenizer that takes words, and puts a token before and one after them, as CLIP's does."""

    def __init__(self, most: float) -> None:
        self.model_max_length = most

    def __call__(self, text: str) -> SimpleNamespace:
        return SimpleNamespace(input_ids=["<s>", *text.split(), "</s>"])


def samples(*texts: str) -> list[Example]:
    return [
        Example(Folder("x"), f"s{n}", Entry(f"s{n}", "test", "x.tar", text, "v", "n", "a", "g", 0, 1, 1, 1, 8, 8))
        for n, text in enumerate(texts)
    ]


def noted(*limits: float, lengths: Sequence[int]) -> list[str]:
    parts = {name: Words(most) for name, most in zip(("tokenizer", "tokenizer_2"), limits, strict=False)}
    editor = SimpleNamespace(pipeline=SimpleNamespace(**parts))
    return list(cut_note("ours", editor, samples(*("word " * length for length in lengths))))  # type: ignore[arg-type]


def test_of_77_tokens_two_are_no_words_so_that_75_words_are_read_and_76_are_not() -> None:
    [note] = noted(77, lengths=(75, 76, 3, 200))
    assert note.endswith(
        "cut after the 77 tokens that it reads, in 2 of 4 samples (tokens in brackets): s1 (78), s3 (202)."
    )
    assert note.startswith("Texts of ours: ")
    assert noted(77, lengths=(75, 3)) == []


@pytest.mark.parametrize(
    ("limits", "is_cut"), [((77, 512), False), ((77, 77), True), ((1e30,), False), ((), False)]
)
def test_what_the_longest_reader_reads_is_not_cut(limits: tuple[float, ...], is_cut: bool) -> None:
    assert bool(noted(*limits, lengths=(100,))) == is_cut


def test_before_training_a_note_counts_each_text_once_and_shows_the_longest() -> None:
    editor: Any = SimpleNamespace(pipeline=SimpleNamespace(tokenizer=Words(5)))
    texts = "open it", "put the red cup down", "put the red cup down", "put it very slowly back"
    assert editor_setup.cut_note(editor, samples(*texts)) == (
        "2 of 3 instructions are cut after the 5 tokens that the model reads, such as 'put it very slowly back' "
        "(7)."
    )
    assert editor_setup.cut_note(editor, samples("open it")) == ""


def test_what_is_named_as_cut_is_what_the_model_cannot_tell_apart(editor: Editor) -> None:
    """Two texts that differ only after the end of what is read are one text to the model."""
    long, other, short = "move left " * 60 + "move near", "move left " * 60 + "move away", "move left"
    picture = np.zeros((1, 64, 64, 3), np.uint8)
    one, two, three = (editor.condition([text], picture).embeddings for text in (long, other, short))
    assert one.equal(two)
    assert not one.equal(three)
    [note] = cut_note("ours", editor, samples(long, short, other))
    assert "in 2 of 3 samples" in note
    assert "s0 (" in note
    assert "s2 (" in note
