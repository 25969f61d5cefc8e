"""What a judge would cost: calls, pictures and about how many tokens, before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from actionpairs.configs import JudgeConfig
from actionpairs.data.examples import Shape
from actionpairs.evaluation.calibration import EXPECTED
from actionpairs.metrics.judge_rubrics import Rubric, RubricCall

_CHARACTERS_PER_TOKEN = 4  # of English text, by OpenAI's rule of thumb
_PATCH = 28  # pixels a side of what is one token in many open models
_TILE, _TILE_TOKENS, _BASE_TOKENS = 512, 170, 85  # GPT-4o and GPT-4.1 at high detail: per tile, and once
_LONG_SIDE, _SHORT_SIDE = 2048, 768  # pixels to which those models shrink a picture first


@dataclass(frozen=True, slots=True)
class JudgeCost:
    """An estimate. Equal questions are asked once and answers in the cache are not asked for: it may be less.

    rows: of the report. calls: of which so many for known pairs. picture_tokens_*: at the scored size, for models
    that take patches of 28 pixels, and for GPT-4o and GPT-4.1, which take tiles of 512. answer_tokens_at_most:
    with `max_tokens` in each; most are much shorter. What is refused or answered in the wrong form is asked
    again, which comes on top.
    """

    rows: int
    edits: int
    calls: int
    calls_for_known_pairs: int
    pictures: int
    text_tokens: int
    picture_tokens_patches: int
    picture_tokens_tiles: int
    answer_tokens_at_most: int


def estimate(
    instructions: Sequence[str],
    shapes: Sequence[Shape],
    rubrics: Sequence[Rubric],
    config: JudgeConfig,
    *,
    rows: int,
) -> JudgeCost:
    """Count what is asked about these samples in so many rows. shapes: the height and width of each sample."""
    pairs = min(config.calibration, len(instructions))
    calls = [call for rubric in rubrics for call in rubric.calls]
    checked = [
        call
        for rubric in rubrics
        for aspects in EXPECTED.values()
        for call in rubric.calls_of([column for column in rubric.columns if column.checks in aspects])
    ]
    edits = rows * len(instructions)
    each, of_known = _asked(calls), _asked(checked)
    count = edits * each + pairs * of_known
    pictures = edits * _pictures(calls) + pairs * _pictures(checked)
    characters = sum(len(call.prompt) * len(call.orders) for call in calls) * edits
    characters += sum(len(call.prompt) * len(call.orders) for call in checked) * pairs
    characters += round(_mean([len(text) for text in instructions]) * count)
    return JudgeCost(
        rows=rows,
        edits=edits,
        calls=count,
        calls_for_known_pairs=pairs * of_known,
        pictures=pictures,
        text_tokens=characters // _CHARACTERS_PER_TOKEN,
        picture_tokens_patches=round(pictures * _mean([_patches(shape) for shape in shapes])),
        picture_tokens_tiles=round(pictures * _mean([_tiles(shape) for shape in shapes])),
        answer_tokens_at_most=count * config.max_tokens,
    )


def _asked(calls: Sequence[RubricCall]) -> int:
    """Questions about one edit: every call in each of its orders."""
    return sum(len(call.orders) for call in calls)


def _pictures(calls: Sequence[RubricCall]) -> int:
    return sum(len(call.orders) * len(call.pictures) for call in calls)


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def _patches(shape: Shape) -> int:
    """One for each patch, as `smart_resize` of transformers counts them."""
    return max(1, round(shape[0] / _PATCH)) * max(1, round(shape[1] / _PATCH))


def _tiles(shape: Shape) -> int:
    """OpenAI's guide to vision: fit into 2048², shrink the short side to 768, then 512-pixel tiles."""
    shrink = min(1.0, _LONG_SIDE / max(shape), _SHORT_SIDE / min(shape))
    tiles = math.prod(math.ceil(side * shrink / _TILE) for side in shape)
    return _BASE_TOKENS + _TILE_TOKENS * tiles
