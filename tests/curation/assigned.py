"""The split of each segment, by id."""

from __future__ import annotations

from collections.abc import Sequence

from actionpairs.configs import SplitConfig
from actionpairs.curation import splits
from actionpairs.records import Segment


def assigned(pool: Sequence[Segment], config: SplitConfig) -> dict[str, str]:
    """Segment id → split."""
    columns = ([getattr(segment, name) for segment in pool] for name in ("id", "video", "verb", "group"))
    numbers = splits.assign(config, *columns)
    return {segment.id: config.names[number] for segment, number in zip(pool, numbers, strict=True)}
