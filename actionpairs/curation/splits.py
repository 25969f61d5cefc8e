"""Who is in which split: a pure function of the segments, a seed and a rule; no order of rows matters."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, repeat

from actionpairs.configs import SplitConfig, SubsetConfig
from actionpairs.records import Subset


def rank(name: str, *, seed: int) -> str:
    """The place of an id or a group in the hash order of a seed: 64 hexadecimal digits that sort like numbers."""
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def hash_order(ids: Sequence[str], *, seed: int) -> list[int]:
    """The places of ids in the hash order of a seed, the first rank first."""
    digests = [hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in ids]
    return sorted(range(len(ids)), key=digests.__getitem__)


def assign(
    config: SplitConfig, ids: Sequence[str], videos: Sequence[str], verbs: Sequence[str], groups: Sequence[str]
) -> list[int]:
    """Give every segment its split, in hash order: the split's number in `config.names`.

    The tests take the first ranks, in the order named. Under `paper` they take them from all segments, and one
    that is added moves at most one other across each border. Under `leak-free` they take them from the groups
    held out; a segment that is added to a training group moves nothing.
    """
    number = {name: place for place, name in enumerate(config.names)}
    train = number[config.train]
    unseen = {verb: number[split] for split, listed in config.unseen_verbs.items() for verb in listed}
    split_of = [unseen.get(verb, train) for verb in verbs]
    if config.rule == "paper":
        spare, held = train, [row for row, verb in enumerate(verbs) if verb not in unseen]
    else:
        assert config.spare is not None
        spare, held = number[config.spare], []
        apart = _held_out(videos, groups, [verb not in unseen for verb in verbs], config)
        for row, (video, verb) in enumerate(zip(videos, verbs, strict=True)):
            if video in apart and verb not in unseen:
                held.append(row)
            elif video not in apart and verb in unseen:
                split_of[row] = spare
    order = hash_order([ids[row] for row in held], seed=config.seed)
    tests = chain.from_iterable(repeat(number[name], count) for name, count in config.tests.items())
    drawn = chain(tests, repeat(spare))
    for place in order:
        split_of[held[place]] = next(drawn)
    return split_of


def choose(pairs: Iterable[tuple[float | None, str, str]], config: SubsetConfig) -> Subset:
    """The pairs that measure the most, at most so many of one action; those without the measure are left out.

    pairs: the measure, id and action of each.
    """
    measured = sorted((-value, name, action) for value, name, action in pairs if value is not None)
    taken: Counter[str] = Counter()
    ids: list[str] = []
    for _, name, action in measured:
        if len(ids) < config.count and taken[action] < (config.max_per_action or config.count):
            taken[action] += 1
            ids.append(name)
    limit = f", at most {config.max_per_action} of one action" if config.max_per_action else ""
    return Subset(f"the {config.count} of {config.of} with the largest {config.by}{limit}; ties by id", tuple(ids))


def _held_out(videos: Sequence[str], groups: Sequence[str], seen: Sequence[bool], config: SplitConfig) -> set[str]:
    """The videos of the first groups in hash order that hold enough segments of seen verbs for all tests."""
    circle_of = _circles(set(zip(videos, groups, strict=True)))
    counts = dict.fromkeys(circle_of.values(), 0)
    for video, counted in zip(videos, seen, strict=True):
        counts[circle_of[video]] += counted
    chosen: set[str] = set()
    held = 0
    for name in sorted(counts, key=lambda name: rank(name, seed=config.seed)):
        if len(chosen) >= config.min_test_groups and held >= sum(config.tests.values()):
            break
        chosen.add(name)
        held += counts[name]
    return {video for video, name in circle_of.items() if name in chosen}


def _circles(places: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Video → what must stay together, by the least name of its groups, or of its video without a group.

    places: videos and their groups. Two groups that appear in one video are one circle, else the video would be
    on both sides.
    """
    leader: dict[str, str] = {}

    def leader_of(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]  # halves the way for whoever comes next
            name = leader[name]
        return name

    videos = set()
    for video, group in places:
        # A group sorts before a video: a circle with a group is called by it, and keeps its rank as videos come.
        one, two = leader_of(f"video {video}"), leader_of(f"group {group}" if group else f"video {video}")
        leader[max(one, two)] = min(one, two)
        videos.add(video)
    return {video: leader_of(f"video {video}") for video in videos}
