"""Negatives: instructions that are wrong for a pair, for L_action, for discrimination and for guidance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from actionpairs.data import rng
from actionpairs.records import Entry

KINDS = "all", "same verb", "same noun", "same scene"
Parts = tuple[str, ...]  # the parts of an annotation that are compared


class NegativeSampler:
    """Draws instructions that are wrong for a pair: its negatives.

    drawn_from: "same verb" takes texts of the same verb with another noun, "same noun" those of the same noun with
    another verb, "same scene" those of the same group with another verb or noun, all of them whatever the action
    is called; otherwise every other action counts. A missing verb, noun or group is neither the same nor another:
    in a scene, pairs without verb or noun differ if their actions do. A text that is right for the pair is never a
    negative: any text of its verb and noun, or for "all" of its action. pool: how many different texts a pair of
    one name gets in all epochs together; None: any.
    """

    def __init__(self, entries: Sequence[Entry], drawn_from: str = "all", *, pool: int | None = None) -> None:
        self._drawn_from = drawn_from
        self._pool = pool
        self._right_texts: dict[Parts, set[str]] = {}
        texts_of: dict[Parts, dict[Parts, set[str]]] = {}  # what is the same → what differs → the texts
        for entry in entries:
            same, own = self._same(entry), self._own(entry)
            self._right_texts.setdefault(own, set()).add(entry.instruction)
            if same is not None:
                texts_of.setdefault(same, {}).setdefault(own, set()).add(entry.instruction)
        self._texts_of = {
            same: {own: tuple(sorted(texts[own])) for own in sorted(texts)} for same, texts in texts_of.items()
        }
        self._cache: dict[tuple[Parts | None, ...], list[tuple[str, ...]]] = {}
        self._pools: dict[tuple[int, str], tuple[str, ...]] = {}

    def sample(self, entry: Entry, *, count: int, seed: int, epoch: int, name: str) -> tuple[str, ...]:
        """Draw `count` negative texts: each other action is equally likely, then each of its texts.

        In hard kinds it is each other verb and noun; with a pool, each of its texts. name: the pair's. Empty if
        there is no negative.
        """
        candidates = self.candidates(entry) if count else []
        if not candidates:
            return ()
        generator = rng.generator(seed, "wrong text", epoch, name)
        if self._pool is not None:
            if (seed, name) not in self._pools:
                texts = _in_turn(candidates, rng.generator(seed, "pool", name))
                self._pools[seed, name] = tuple(islice(texts, self._pool))
            pool = self._pools[seed, name]
            return tuple(pool[int(generator.integers(len(pool)))] for _ in range(count))
        actions = [candidates[int(generator.integers(len(candidates)))] for _ in range(count)]
        return tuple(texts[int(generator.integers(len(texts)))] for texts in actions)

    def candidates(self, entry: Entry) -> list[tuple[str, ...]]:
        """The negative texts of each other action, or verb and noun, sorted by it."""
        key = self._key(entry)
        if key not in self._cache:
            self._cache[key] = list(self._iter_candidates(entry))
        return self._cache[key]

    def without_negative(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of the pairs that have no negative, in their order."""
        one_of_each = {self._key(entry): entry for entry in entries}
        missing = {key for key, one in one_of_each.items() if next(self._iter_candidates(one), None) is None}
        return [entry for entry in entries if self._key(entry) in missing]

    def note(self, entries: Sequence[Entry]) -> str:
        """A sentence that counts the training pairs without a negative; empty if all have one."""
        missing = self.without_negative(entries)
        if not missing:
            return ""
        [(text, _)] = Counter(entry.instruction for entry in missing).most_common(1)
        share = f"{len(missing):,} of {len(entries):,} pairs (such as {text!r})"
        subject = "it takes" if len(missing) == 1 else "they take"
        return f"drawn_from: {self._drawn_from} finds no negative for {share}: {subject} no part in L_action."

    def _iter_candidates(self, entry: Entry) -> Iterator[tuple[str, ...]]:
        same, own = self._same(entry), self._own(entry)
        right = self._right_texts.get(own, set()) | {entry.instruction}
        for other, texts in self._texts_of.get(same, {}).items() if same is not None else ():
            if other != own:
                wrong = texts if right.isdisjoint(texts) else tuple(text for text in texts if text not in right)
                if wrong:
                    yield wrong

    def _key(self, entry: Entry) -> tuple[Parts | None, ...]:
        """The same for pairs of the same candidates."""
        own = self._own(entry)
        is_listed = entry.instruction in self._right_texts.get(own, ())
        return self._same(entry), own, None if is_listed else (entry.instruction,)

    def _same(self, entry: Entry) -> Parts | None:
        """What a pair has in common with those that its negatives come from; None: nothing."""
        has_both = bool(entry.verb and entry.noun)
        if self._drawn_from == "same verb":
            return (entry.verb,) if has_both else None
        if self._drawn_from == "same noun":
            return (entry.noun,) if has_both else None
        if self._drawn_from == "same scene":
            return (entry.split, entry.group, "verb and noun" if has_both else "action") if entry.group else None
        return ()

    def _own(self, entry: Entry) -> Parts:
        """What a pair must not have in common with those that its negatives come from."""
        is_hard = self._drawn_from in KINDS[1:]
        return (entry.verb, entry.noun) if is_hard and entry.verb and entry.noun else (entry.action,)


def one_each(
    pairs: Mapping[str, Entry], entries: Sequence[Entry], drawn_from: str, *, seed: int
) -> dict[str, str]:
    """One negative for each pair, drawn from the entries, by the pair's name. Pairs without one are left out."""
    sampler = NegativeSampler(entries, drawn_from)
    drawn = {name: sampler.sample(entry, count=1, seed=seed, epoch=0, name=name) for name, entry in pairs.items()}
    return {name: texts[0] for name, texts in drawn.items() if texts}


def one_of_each_kind(
    pairs: Mapping[str, Entry], entries: Sequence[Entry], *, seed: int
) -> dict[str, dict[str, str]]:
    """One negative of each kind for each pair, as `one_each`, by kind. A kind that no pair has is left out."""
    texts = {kind: one_each(pairs, entries, kind, seed=seed) for kind in KINDS}
    return {kind: some for kind, some in texts.items() if some}


def _in_turn(candidates: Sequence[tuple[str, ...]], generator: np.random.Generator) -> Iterator[str]:
    """A text of each action in a random order of the actions, then another of each, and no text twice."""
    actions = [list(candidates[int(number)]) for number in generator.permutation(len(candidates))]
    met: set[str] = set()
    while actions:
        for texts in actions:
            text = texts.pop(int(generator.integers(len(texts))))
            if text not in met:
                yield text
            met.add(text)
        actions = [texts for texts in actions if texts]
