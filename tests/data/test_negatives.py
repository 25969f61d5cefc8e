"""Negatives are wrong for the pair, of the kind that is asked for, and the same for one name and epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from time import perf_counter

import pytest

from actionpairs.data import rng
from actionpairs.data.examples import Example
from actionpairs.data.negatives import KINDS, NegativeSampler, one_of_each_kind
from actionpairs.records import Entry

OBJECTS = {"open": ("drawer", "door", "box"), "close": ("drawer", "door"), "wave": ("",), "": ("cup", "")}
ROOMS = "P01", "P02", ""


def entry(verb: str, noun: str, text: str = "", *, action: str | None = None, group: str = "P01") -> Entry:
    text = text or f"{verb} the {noun}"
    return Entry(text, "train", "x.tar", text, verb, noun, verb if action is None else action, group, *[0] * 6)


def note_of(pairs: Sequence[Entry], drawn_from: str) -> str:
    return NegativeSampler(pairs, drawn_from).note(pairs)


def named_by(action_of: Callable[[str, str, str], str]) -> list[Entry]:
    """Two narrations of each verb and noun in three rooms; the second does not name the noun."""
    return [
        entry(verb, noun, text, action=action_of(verb, noun, text), group=group)
        for group, (verb, nouns) in product(ROOMS, OBJECTS.items())
        for noun in nouns
        if group != "P02" or noun != "box"
        for text in (f"{verb} the {noun}", f"{verb} it")
    ]


CONVENTIONS = {
    "verb": named_by(lambda verb, noun, text: verb),
    "verb and noun": named_by(lambda verb, noun, text: f"{verb} {noun}"),
    "narration": named_by(lambda verb, noun, text: text),
}


def is_wrong(kind: str, own: Entry, other: Entry) -> bool:
    """Whether another pair is one to take a text from, by the words of the recipe."""
    named = all((own.verb, own.noun, other.verb, other.noun))
    if kind == "same verb":
        return named and own.verb == other.verb and own.noun != other.noun
    if kind == "same noun":
        return named and own.noun == other.noun and own.verb != other.verb
    if kind == "same scene":
        if not own.group or own.group != other.group:
            return False
        if named:
            return (own.verb, own.noun) != (other.verb, other.noun)
        neither_named = not (own.verb and own.noun) and not (other.verb and other.noun)
        return neither_named and own.action != other.action
    return own.action != other.action


def is_right(kind: str, own: Entry, other: Entry) -> bool:
    """Whether the text of another pair is right for the pair too."""
    if kind != "all" and own.verb and own.noun:
        return (own.verb, own.noun) == (other.verb, other.noun)
    return own.action == other.action and (kind == "all" or not (other.verb and other.noun))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_negatives_are_those_of_the_words_of_the_recipe(convention: str, kind: str) -> None:
    entries = CONVENTIONS[convention]
    sampler = NegativeSampler(entries, kind)
    without = []
    for own in entries:
        right = {other.instruction for other in entries if is_right(kind, own, other)} | {own.instruction}
        expected = {other.instruction for other in entries if is_wrong(kind, own, other)} - right
        assert {text for texts in sampler.candidates(own) for text in texts} == expected
        without += [] if expected else [own]
    assert sampler.without_negative(entries) == without
    assert len(without) < len(entries)


def test_the_same_verb_has_negatives_where_the_action_is_the_verb() -> None:
    own, *_ = entries = [entry("open", "drawer"), entry("open", "door"), entry("close", "drawer")]
    assert NegativeSampler(entries, "same verb").candidates(own) == [("open the door",)]
    assert NegativeSampler(entries, "same noun").candidates(own) == [("close the drawer",)]
    assert NegativeSampler(entries).candidates(own) == [("close the drawer",)]


def test_a_scene_is_a_group_of_one_split() -> None:
    own = entry("open", "drawer")
    here, there = entry("take", "cup"), entry("take", "ball", group="P02")
    other_set = replace(entry("take", "pan"), split="other-train")  # its P01 may be somebody else
    assert NegativeSampler([own, here, there, other_set], "same scene").candidates(own) == [("take the cup",)]


@pytest.mark.parametrize("kind", ["same verb", "same noun", "same scene"])
def test_a_text_that_is_right_for_the_own_verb_and_noun_is_no_hard_negative(kind: str) -> None:
    own = entry("open", "drawer", "pull it out", action="pull it out")
    right = entry("open", "drawer", "open it", action="open it")
    for other in (entry("open", "door", "open it", action="x"), entry("push", "drawer", "open it", action="x")):
        assert NegativeSampler([own, right, other], kind).candidates(own) == []


def test_each_noun_is_equally_likely_however_many_texts_it_has() -> None:
    many = [entry("open", "door", f"open door {number}") for number in range(50)]
    own, *_ = entries = [entry("open", "drawer"), entry("open", "box"), *many]
    drawn = NegativeSampler(entries, "same verb").sample(own, count=400, seed=0, epoch=0, name="a")
    assert 150 < drawn.count("open the box") < 250


def test_draws_of_any_other_action_are_an_action_and_then_a_text(pairs: tuple[Example, ...]) -> None:
    entries = [pair.entry for pair in pairs]
    texts_of = {one.action: set[str]() for one in entries}
    for one in entries:
        texts_of[one.action].add(one.instruction)
    for name, own in zip("abcd", entries, strict=False):
        others = [sorted(texts_of[action]) for action in sorted(texts_of) if action != own.action]
        generator = rng.generator(3, "wrong text", 1, name)
        actions = [others[int(generator.integers(len(others)))] for _ in range(2)]
        expected = tuple(texts[int(generator.integers(len(texts)))] for texts in actions)
        assert NegativeSampler(entries).sample(own, count=2, seed=3, epoch=1, name=name) == expected


def test_a_note_counts_the_pairs_without_a_negative_and_names_one() -> None:
    pairs = [entry("open", "drawer"), entry("open", "door"), *[entry("close", "drawer")] * 3]
    assert note_of([*pairs, entry("wave", "hand")], "same verb") == (
        "drawn_from: same verb finds no negative for 4 of 6 pairs (such as 'close the drawer'): "
        "they take no part in L_action."
    )
    assert note_of([*pairs[:2], *[pairs[2]]], "same verb").endswith("it takes no part in L_action.")
    assert note_of(pairs[:2] * 1000 + pairs[2:], "same verb").startswith(
        "drawn_from: same verb finds no negative for 3 of 2,003 pairs"
    )
    assert note_of(pairs, "all") == ""


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_are_counted_in_seconds_even_if_they_are_many(kind: str) -> None:
    """EPIC has 37,000: comparing each with each would take minutes."""
    pairs = [
        entry(f"verb {number % 97}", f"noun {number % 293}", f"text {number}", group=f"P{number % 32}")
        for number in range(37_000)
    ]
    start = perf_counter()
    assert note_of(pairs, kind) == ""
    assert perf_counter() - start < 10


def test_one_of_each_kind_leaves_out_what_a_pair_or_no_pair_has() -> None:
    own, *rest = [entry("open", "drawer"), entry("open", "door", group=""), entry("take", "cup", group="P02")]
    named = {"a": own, "b": rest[1]}
    texts = one_of_each_kind(named, [own, *rest], seed=0)
    assert list(texts) == ["all", "same verb"]  # no noun and no scene comes twice
    assert texts["same verb"] == {"a": "open the door"}
    assert texts["all"]["a"] == "take the cup"
    assert texts["all"]["b"] in ("open the drawer", "open the door")


def test_a_negative_of_the_same_name_and_epoch_is_always_the_same(pairs: tuple[Example, ...]) -> None:
    entries = [pair.entry for pair in pairs]

    def texts(epoch: int, name: str) -> tuple[str, ...]:
        return NegativeSampler(entries).sample(entries[0], count=3, seed=0, epoch=epoch, name=name)

    assert texts(0, "a") == texts(0, "a")
    assert len({texts(epoch, name) for epoch in range(4) for name in "abcd"}) > 1


def test_a_pool_takes_each_action_once_before_it_takes_one_twice(pairs: tuple[Example, ...]) -> None:
    own, *others = (
        replace(pairs[0].entry, action=action, instruction=f"{action} {number}".strip())
        for action, count in {"own": 1, "many": 50, "two": 2, "one": 1}.items()
        for number in range(count)
    )

    def pool_of(size: int, seed: int) -> set[str]:
        sampler = NegativeSampler([own, *others], pool=size)
        return set(sampler.sample(own, count=500, seed=seed, epoch=0, name="a"))

    for seed in range(5):
        assert {text.split()[0] for text in pool_of(3, seed)} == {"many", "two", "one"}
        assert len(pool_of(3, seed)) == 3
        assert sorted(text.split()[0] for text in pool_of(5, seed)) == ["many", "many", "one", "two", "two"]
        assert pool_of(2, seed) < pool_of(3, seed)  # a larger pool adds
    assert len({frozenset(pool_of(3, seed)) for seed in range(5)}) > 1


def test_a_text_of_two_actions_takes_one_place_of_a_pool(pairs: tuple[Example, ...]) -> None:
    own, *others = (
        replace(pairs[0].entry, action=action, instruction=text)
        for action, text in (("own", "a"), ("one", "b"), ("two", "b"), ("three", "c"))
    )
    for seed in range(5):
        texts = NegativeSampler([own, *others], pool=2).sample(own, count=50, seed=seed, epoch=0, name="a")
        assert set(texts) == {"b", "c"}


def test_a_pool_as_large_as_all_texts_leaves_none_out(pairs: tuple[Example, ...]) -> None:
    entries = [pair.entry for pair in pairs]
    expected = {text for texts in NegativeSampler(entries).candidates(entries[0]) for text in texts}
    texts = NegativeSampler(entries, pool=1000).sample(entries[0], count=300, seed=0, epoch=0, name="a")
    assert set(texts) == expected
