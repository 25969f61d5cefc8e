"""What a language model writes is an instruction, or it is nothing."""

from __future__ import annotations

import pytest

from actionpairs.curation.rewriting import broken_rule, plain
from actionpairs.language_models import Failure


@pytest.mark.parametrize(
    ("answer", "instruction"),
    [
        ("pick up the cup", "pick up the cup"),
        (" pick up the cup\n", "pick up the cup"),
        ('"pick up the cup"', "pick up the cup"),
        ("“pick up the cup”", "pick up the cup"),
        ("'pick up the cup'", "pick up the cup"),
        ("<think>The user wants…\n\nso: pick up.</think>\n\npick up the cup", "pick up the cup"),
        ('put the cup in the "salt" jar', 'put the cup in the "salt" jar'),
        ("don't move the cup", "don't move the cup"),
        ("let go of the pan", "let go of the pan"),
        ("note down the time", "note down the time"),
        ("sort the forks", "sort the forks"),
        ("stelle die Tasse ab", "stelle die Tasse ab"),
        ("把盘子放下", "把盘子放下"),
    ],
)
def test_instructions_are_taken(answer: str, instruction: str) -> None:
    assert broken_rule(answer, max_words=20) is None
    assert plain(answer) == instruction


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("", Failure.EMPTY),
        ("<think>hm</think>", Failure.EMPTY),
        ("I'm sorry, but I can't help with that.", Failure.REFUSED),
        ("I’m sorry, I cannot assist.", Failure.REFUSED),
        ("I cannot write this", Failure.REFUSED),
        ("As an AI language model, I …", Failure.REFUSED),
        ("Sorry, no.", Failure.REFUSED),
        ("Unfortunately, the note is unclear", Failure.REFUSED),
        ("Sure, here is the instruction: pick up the cup", Failure.AGAINST_RULES),
        ("Sure! Pick up the cup", Failure.AGAINST_RULES),
        ("Here's the sentence: pick up the cup", Failure.AGAINST_RULES),
        ("Of course. pick up the cup", Failure.AGAINST_RULES),
        ("Instruction: pick up the cup", Failure.AGAINST_RULES),
        ("Rewritten instruction: pick up the cup", Failure.AGAINST_RULES),
        ("The instruction is to pick up the cup", Failure.AGAINST_RULES),
        ("**pick up the cup**", Failure.AGAINST_RULES),
        ("pick up the **cup**", Failure.AGAINST_RULES),
        ("- pick up the cup", Failure.AGAINST_RULES),
        ("1. pick up the cup", Failure.AGAINST_RULES),
        ("```pick up the cup```", Failure.AGAINST_RULES),
        ('{"instruction": "pick up the cup"}', Failure.AGAINST_RULES),
        ("pick up the cup<|im_end|>", Failure.AGAINST_RULES),
        ("<think>never ends: pick up", Failure.AGAINST_RULES),
        ("pick up the cup\nput it down", Failure.AGAINST_RULES),
        ("pick up the cup\u2028put it down", Failure.AGAINST_RULES),
        ("pick up\x00the cup", Failure.AGAINST_RULES),
        ("pick up the cup\u200b", Failure.AGAINST_RULES),
        ('"pick up" the cup', Failure.AGAINST_RULES),
        ('"pick up the cup', Failure.AGAINST_RULES),
        ("...", Failure.AGAINST_RULES),
        ("pick " * 21, Failure.AGAINST_RULES),
    ],
)
def test_everything_else_is_refused_with_its_reason(answer: str, failure: Failure) -> None:
    problem = broken_rule(answer, max_words=20)
    assert problem is not None
    assert problem[0] == failure
    assert problem[1].isprintable()
