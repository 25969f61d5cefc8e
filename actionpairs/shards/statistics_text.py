"""The statistics of a data set as plain text tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from actionpairs.shards.statistics import Distribution, Quantiles, SplitStatistics, Statistics

_WIDEST = 32  # characters of a name; longer ones are cut


def format_statistics(statistics: Statistics) -> str:
    """All tables, as lines of text without a line break at the end."""
    lines = [
        f"{_plain(statistics.dataset)}: {len(statistics.splits)} splits, {statistics.shards:,} shards, "
        f"{statistics.size_bytes / 1e6:,.1f} MB",
        "",
        *_splits(statistics),
    ]
    for name, split in statistics.splits.items():
        if name == statistics.train_split or len(statistics.splits) == 1:
            lines += ["", *_names(name, split), "", *_quantiles(name, split), "", *_shapes(name, split)]
    if statistics.overlaps:
        lines += ["", *_overlaps(statistics)]
    return "\n".join(lines)


def _splits(statistics: Statistics) -> Iterator[str]:
    heading = ("split", "samples", "videos", "groups", "actions", "verbs", "nouns", "texts", "near-duplicates")
    rows = [
        (
            _plain(name),
            f"{split.samples:,}",
            f"{split.videos:,}",
            f"{split.groups:,}",
            *(_varied(each) for each in (split.actions, split.verbs, split.nouns, split.instructions)),
            _share(split.near_duplicates, split.samples),
        )
        for name, split in statistics.splits.items()
    ]
    yield from _table([heading, *rows])
    yield (
        "In brackets: the effective number, exp(entropy). Near-duplicates: near an earlier sample of the split, "
        f"by {statistics.near_duplicate_bits} of 128 bits or fewer."
    )


def _names(name: str, split: SplitStatistics) -> Iterator[str]:
    columns = [
        [(_plain(each), f"{count:,}") for each, count in kind.top.items()]
        for kind in (split.actions, split.verbs, split.nouns, split.instructions)
    ]
    rows = [tuple(text for cell in cells for text in cell) for cells in zip_longest(*columns, fillvalue=("", ""))]
    heading = (f"top of {_plain(name)}: action", "", "verb", "", "noun", "", "instruction", "")
    yield from _table([heading, *rows], left={0, 2, 4, 6})


def _quantiles(name: str, split: SplitStatistics) -> Iterator[str]:
    measured = {"seconds": split.seconds, "words": split.words, **split.measures}
    shares = next((list(each.values) for each in measured.values() if each.values), [])
    heading = (f"quantiles of {_plain(name)}", *(f"{share} %" for share in shares), "missing")
    yield from _table([heading, *(_quantile_row(label, each, shares) for label, each in measured.items())])


def _quantile_row(label: str, each: Quantiles, shares: Sequence[str]) -> tuple[str, ...]:
    values = (f"{each.values[share]:.4g}" if share in each.values else "–" for share in shares)
    return (label, *values, f"{each.missing:,}")


def _shapes(name: str, split: SplitStatistics) -> Iterator[str]:
    for label, counts in (("sizes", split.sizes), ("aspects", split.aspects)):
        shares = ", ".join(f"{each} ({_share(count, split.samples)})" for each, count in counts.items())
        yield f"{label} of {_plain(name)}: {shares}"


def _overlaps(statistics: Statistics) -> Iterator[str]:
    train = _plain(statistics.train_split)
    heading = (f"shares with {train}", "samples", "id", "video", "group", "instruction", "near-duplicate")
    rows = [
        (
            _plain(each.split),
            f"{each.samples:,}",
            *(
                _share(count, each.samples)
                for count in (
                    each.same_id,
                    each.same_video,
                    each.same_group,
                    each.same_instruction,
                    each.near_duplicate,
                )
            ),
        )
        for each in statistics.overlaps
    ]
    yield from _table([heading, *rows])
    yield "Held-out samples of which a training sample has the same. Videos and groups are compared by name."


def _table(rows: Sequence[Sequence[str]], left: frozenset[int] | set[int] = frozenset({0})) -> Iterator[str]:
    """Columns as wide as their widest text; those in `left` begin at the left, the others end at the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _varied(each: Distribution) -> str:
    return f"{each.names:,} ({each.effective:,.1f})"


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %" if total else "–"


def _plain(text: str) -> str:
    """A name as it may be printed: on one line, and without characters that steer a terminal."""
    printable = "".join(character if character.isprintable() else "�" for character in text)
    return printable if len(printable) <= _WIDEST else f"{printable[: _WIDEST - 1]}…"
