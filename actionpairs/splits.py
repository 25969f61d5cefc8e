"""Who is in which split: a pure function of the segments, a seed and a rule; no order of rows matters."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from actionpairs.configs import SplitConfig, SubsetConfig
from actionpairs.records import PairFacts, Segment, Subset


def rank(name: str, *, seed: int) -> str:
    """The place of an id or a group in the hash order of a seed: 64 hexadecimal digits that sort like numbers."""
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def assign(segments: Iterable[Segment], config: SplitConfig) -> dict[str, str]:
    """Give every segment's id its split, in hash order.

    The tests take the first ranks, in the order named. Under `paper` they take them from all segments, and one
    that is added moves at most one other across each border. Under `leak-free` they take them from the groups
    held out; a segment that is added to a training group moves nothing.
    """
    pool = sorted({segment.id: segment for segment in segments}.values(), key=lambda segment: segment.id)
    unseen = {verb: split for split, verbs in config.unseen_verbs.items() for verb in verbs}
    seen = [segment for segment in pool if segment.verb not in unseen]
    if config.rule == "paper":
        held, spare = seen, config.train
        split_of = {segment.id: unseen[segment.verb] for segment in pool if segment.verb in unseen}
    else:
        assert config.spare is not None
        apart = _held_out(pool, seen, config)
        held, spare = [segment for segment in seen if segment.id in apart], config.spare
        split_of = {segment.id: config.train for segment in seen if segment.id not in apart}
        for segment in pool:
            if segment.verb in unseen:
                split_of[segment.id] = unseen[segment.verb] if segment.id in apart else spare
    ids = sorted((segment.id for segment in held), key=lambda name: rank(name, seed=config.seed))
    return split_of | _drawn(ids, config.tests, spare)


def choose(pairs: Iterable[PairFacts], config: SubsetConfig) -> Subset:
    """The pairs that measure the most, at most so many of one action; those without the measure are left out."""
    measured = [(value, facts) for facts in pairs if (value := getattr(facts.measures, config.by)) is not None]
    measured.sort(key=lambda item: (-item[0], item[1].segment.id))
    taken: Counter[str] = Counter()
    ids: list[str] = []
    for _, facts in measured:
        action = facts.segment.action
        if len(ids) < config.count and taken[action] < (config.max_per_action or config.count):
            taken[action] += 1
            ids.append(facts.segment.id)
    limit = f", at most {config.max_per_action} of one action" if config.max_per_action else ""
    return Subset(f"the {config.count} of {config.of} with the largest {config.by}{limit}; ties by id", tuple(ids))


def _drawn(ids: Sequence[str], tests: Mapping[str, int], rest: str) -> dict[str, str]:
    split_of = dict.fromkeys(ids, rest)
    start = 0
    for name, count in tests.items():
        split_of.update(dict.fromkeys(ids[start : start + count], name))
        start += count
    return split_of


def _held_out(pool: Sequence[Segment], seen: Sequence[Segment], config: SplitConfig) -> set[str]:
    """The ids of the first groups in hash order that hold enough segments of seen verbs for all tests."""
    circles = _circles(pool)
    counted = {segment.id for segment in seen}
    wanted = sum(config.tests.values())
    apart: set[str] = set()
    for groups, name in enumerate(sorted(circles, key=lambda name: rank(name, seed=config.seed))):
        if groups >= config.min_test_groups and len(apart & counted) >= wanted:
            break
        apart.update(circles[name])
    return apart


def _circles(pool: Sequence[Segment]) -> dict[str, list[str]]:
    """Segments that must stay together, by the least name of their groups, or of their video without a group.

    Two groups that appear in one video are one circle, else the video would be on both sides.
    """
    leader: dict[str, str] = {}

    def leader_of(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]  # halves the way for whoever comes next
            name = leader[name]
        return name

    for segment in pool:
        # A group sorts before a video: a circle with a group is called by it, and keeps its rank as videos come.
        video, group = leader_of(f"video {segment.video}"), leader_of(_group_name(segment))
        leader[max(video, group)] = min(video, group)
    circles: dict[str, list[str]] = defaultdict(list)
    for segment in pool:
        circles[leader_of(f"video {segment.video}")].append(segment.id)
    return circles


def _group_name(segment: Segment) -> str:
    return f"group {segment.group}" if segment.group else f"video {segment.video}"
