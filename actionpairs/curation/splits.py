"""Splits by hash: a function of the segments, a seed and a rule. The order of rows does not matter."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, repeat

from actionpairs.configs import SplitConfig, SubsetConfig
from actionpairs.records import Subset


def rank(name: str, *, seed: int) -> str:
    """The sort key of an id or a group in the hash order of a seed: 64 hexadecimal digits."""
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def hash_order(ids: Sequence[str], *, seed: int) -> list[int]:
    """The indices that sort ids into the hash order of a seed."""
    digests = [hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in ids]
    return sorted(range(len(ids)), key=digests.__getitem__)


def assign(
    config: SplitConfig, ids: Sequence[str], videos: Sequence[str], verbs: Sequence[str], groups: Sequence[str]
) -> list[int]:
    """Assign every segment to a split: index into `config.names`.

    The test splits take the first segments in hash order, one split after the other. With the rule `paper` they
    take from all segments; an added segment moves at most one other one between any two splits. With `leak-free`
    they take from the groups that are held out; a segment added to a training group moves no other one.
    """
    number = {name: index for index, name in enumerate(config.names)}
    train = number[config.train]
    unseen = {verb: number[split] for split, listed in config.unseen_verbs.items() for verb in listed}
    split_of = [unseen.get(verb, train) for verb in verbs]
    if config.rule == "paper":
        spare, candidates = train, [row for row, verb in enumerate(verbs) if verb not in unseen]
    else:
        assert config.spare is not None
        spare, candidates = number[config.spare], []
        held_out_videos = _held_out_videos(videos, groups, [verb not in unseen for verb in verbs], config)
        for row, (video, verb) in enumerate(zip(videos, verbs, strict=True)):
            if video in held_out_videos and verb not in unseen:
                candidates.append(row)
            elif video not in held_out_videos and verb in unseen:
                split_of[row] = spare
    order = hash_order([ids[row] for row in candidates], seed=config.seed)
    tests = chain.from_iterable(repeat(number[name], count) for name, count in config.tests.items())
    next_splits = chain(tests, repeat(spare))
    for index, split in zip(order, next_splits, strict=False):
        split_of[candidates[index]] = split
    return split_of


def choose_subset(pairs: Iterable[tuple[float | None, str, str]], config: SubsetConfig) -> Subset:
    """The pairs with the largest value of a measure, at most `max_per_action` of one action.

    pairs: the measure, id and action of each. The measure is None where it is missing or too unsure: those pairs
    are left out.
    """
    measured = sorted((-value, name, action) for value, name, action in pairs if value is not None)
    taken: Counter[str] = Counter()
    ids: list[str] = []
    for _, name, action in measured:
        if len(ids) < config.count and taken[action] < (config.max_per_action or config.count):
            taken[action] += 1
            ids.append(name)
    limit = f", at most {config.max_per_action} of one action" if config.max_per_action else ""
    if config.by == "displacement" and config.min_confidence is not None:
        limit += f", of confidence at least {config.min_confidence:g}"
    return Subset(f"the {config.count} of {config.of} with the largest {config.by}{limit}; ties by id", tuple(ids))


def _held_out_videos(
    videos: Sequence[str], groups: Sequence[str], is_seen: Sequence[bool], config: SplitConfig
) -> set[str]:
    """The videos of the first groups in hash order that have enough segments for all test splits.

    is_seen: whether each segment's verb may be trained on; only those segments count.
    """
    component_of = _connected_components(set(zip(videos, groups, strict=True)))
    counts = dict.fromkeys(component_of.values(), 0)
    for video, counted in zip(videos, is_seen, strict=True):
        counts[component_of[video]] += counted
    chosen: set[str] = set()
    held = 0
    for name in sorted(counts, key=lambda name: rank(name, seed=config.seed)):
        if len(chosen) >= config.min_test_groups and held >= sum(config.tests.values()):
            break
        chosen.add(name)
        held += counts[name]
    return {video for video, name in component_of.items() if name in chosen}


def _connected_components(video_groups: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Video → the name of its connected component: the videos and groups that must stay in one split.

    video_groups: videos and their groups. Two groups that appear in one video are one component; otherwise the
    video would be in two splits. A component has the name of its first group, or of its video without a group.
    """
    parent: dict[str, str] = {}  # union-find

    def root_of(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]  # path halving
            name = parent[name]
        return name

    videos = set()
    for video, group in video_groups:
        # "group …" sorts before "video …": a component with a group keeps its name when videos are added.
        one, two = root_of(f"video {video}"), root_of(f"group {group}" if group else f"video {video}")
        parent[max(one, two)] = min(one, two)
        videos.add(video)
    return {video: root_of(f"video {video}") for video in videos}
