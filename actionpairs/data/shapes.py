"""Picture shapes: the one shape that all pictures of an aspect are resized to, and the buckets of a data set."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from actionpairs.data.examples import Example, Shape
from actionpairs.errors import ModelError

_BUCKETS_PER_SIDE = 16  # sides are rounded to a sixteenth of the resolution, so that few shapes come out
_WIDEST = 3.0  # wider pictures are cropped
_TOLERANCE = 1 / 8  # of the area; rounding changes it no more from a resolution of eight multiples on
_SAME_ASPECT = 0.005  # relative difference of two aspects that count as one: no pixel moves by more at 200 pixels
_LISTED = 6  # buckets in a description


def fit_shape(width: int, height: int, *, resolution: int, multiple: int, square: bool = False) -> Shape:
    """The height and width in pixels at which a picture of this size is trained on and scored.

    Its area is about resolution², its aspect that of the picture, up to rounding, and both sides are multiples of
    `multiple`. A picture that has such a shape keeps it. square: resolution × resolution for every picture.
    """
    if square:
        if resolution % multiple:
            raise ModelError(
                f"`resolution: {resolution}` with `square: true`: sides are multiples of {multiple} pixels here.",
                cure=f"Choose a multiple of {multiple}, or `square: false`.",
            )
        return resolution, resolution
    step = max(1, round(resolution / _BUCKETS_PER_SIDE / multiple)) * multiple
    longest = resolution * math.sqrt(_WIDEST) + step / 2
    is_near = abs(width * height / resolution**2 - 1) <= _TOLERANCE and max(width, height) <= longest
    if is_near and width % step == height % step == 0:
        return height, width
    aspect = min(max(width / height, 1 / _WIDEST), _WIDEST)
    sides = resolution / math.sqrt(aspect), resolution * math.sqrt(aspect)
    tall, wide = (max(1, round(side / step)) * step for side in sides)
    return tall, wide


def is_of_aspect(shape: Shape, aspect: Shape) -> bool:
    """Whether one height and width is the other, scaled: up to half a per cent, or the rounding of a side."""
    (height, width), (tall, wide) = shape, aspect
    apart = abs(width * tall - height * wide)
    return apart < max(tall, wide) or apart <= _SAME_ASPECT * height * wide


def of(examples: Iterable[Example], *, resolution: int, multiple: int, square: bool = False) -> tuple[Shape, ...]:
    """The height and width at which each pair is trained on, from its index entry alone. See `fit_shape`."""
    sizes = ((example.entry.width, example.entry.height) for example in examples)
    return tuple(fit_shape(*size, resolution=resolution, multiple=multiple, square=square) for size in sizes)


def describe(shapes: Iterable[Shape]) -> str:
    """One line about a data set's buckets, the largest first: "2 buckets: 384×672 (1,200 pairs), 448×576 (90)".

    Sizes are height × width. No more than six are named.
    """
    counts = sorted(Counter(shapes).items(), key=lambda bucket: (-bucket[1], bucket[0]))
    texts: list[str] = []
    for (tall, wide), pairs in counts[:_LISTED]:
        unit = "" if texts else " pair" if pairs == 1 else " pairs"
        texts.append(f"{tall}×{wide} ({pairs:,}{unit})")
    if len(counts) > _LISTED:
        texts.append("…")
    return f"{len(counts)} {'bucket' if len(counts) == 1 else 'buckets'}: {', '.join(texts)}"
