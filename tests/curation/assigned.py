"""Who is in which split, by id."""

from __future__ import annotations

from collections.abc import Sequence

from actionpairs.configs import SplitConfig
from actionpairs.curation import splits
from actionpairs.records import Segment


def assigned(pool: Sequence[Segment], config: SplitConfig) -> dict[str, str]:
    """Segment id → split."""
    told = ([getattr(each, name) for each in pool] for name in ("id", "video", "verb", "group"))
    found = splits.assign(config, *told)
    return {item.id: config.names[number] for item, number in zip(pool, found, strict=True)}
