"""Rubrics: what a judge is asked about an edit, and the scores that follow. One YAML file in `rubrics/` each."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from actionpairs.errors import ScoreError
from actionpairs.keys import Config
from actionpairs.metrics.metric import About

PictureName = Literal["original", "edit", "truth"]
ORDINALS = ("first", "second")
_FOLDER = resources.files("actionpairs.metrics").joinpath("rubrics")
_MARK = re.compile(r"<(instruction|original|edit|truth)>")


class RubricScore(Config):
    """A number in an answer. key: its name there; yes and no are 1 and 0."""

    key: Annotated[str, Field(min_length=1)]
    least: float
    most: float


class RubricCall(Config):
    """One question to the judge.

    pictures: in the order of the rubric; two are also shown the other way round. form: of the answer: a JSON
    object with the scores' keys, one with a list `score`, labeled lines, or a last line. prompt: <instruction>
    stands for the sample's, and <original>, <edit> and <truth> for the place of a picture: first or second.
    """

    name: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    pictures: Annotated[tuple[PictureName, ...], Field(min_length=1, max_length=2)]
    form: Literal["object", "list", "lines", "final score"]
    scores: Annotated[tuple[RubricScore, ...], Field(min_length=1)]
    prompt: str

    @property
    def orders(self) -> tuple[tuple[PictureName, ...], ...]:
        """The orders in which the pictures are shown, that of the rubric first."""
        return (self.pictures,) if len(self.pictures) == 1 else (self.pictures, self.pictures[::-1])

    def text(self, instruction: str, order: Sequence[PictureName]) -> str:
        """The question about pictures in this order. No mark in an instruction is replaced."""
        places: dict[str, str] = dict(zip(order, ORDINALS, strict=False))
        return _MARK.sub(lambda mark: {**places, "instruction": instruction}[mark[1]], self.prompt)


class RubricColumn(Config):
    """A column of the report. of: the scores that it is made of, as CALL.KEY.

    checks: what a judge is asked with it about pairs with a known answer. A value above the middle means yes.
    """

    name: Annotated[str, Field(min_length=1)]
    about: About
    formula: Literal["percent", "mean", "least", "geometric mean of the least", "RISEBench"]
    of: Annotated[tuple[str, ...], Field(min_length=1)]
    unit: str = ""
    checks: Literal["action", "surroundings"] | None = None


class Rubric(Config):
    """A rubric. value_of: whether a value is that of the rubric's own order of pictures or the mean of both."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    citation: Annotated[str, Field(min_length=1)]
    wording: Annotated[str, Field(min_length=1)]
    value_of: Literal["first order", "both orders"]
    calls: Annotated[tuple[RubricCall, ...], Field(min_length=1)]
    columns: Annotated[tuple[RubricColumn, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_consistent(self) -> Rubric:
        scores = {f"{call.name}.{score.key}" for call in self.calls for score in call.scores}
        for column in self.columns:
            for name in column.of:
                if name not in scores:
                    raise ValueError(f"column {column.name!r}: no call has a score {name!r}")
        for call in self.calls:
            for mark in _MARK.findall(call.prompt):
                if mark != "instruction" and mark not in call.pictures:
                    raise ValueError(f"call {call.name!r}: <{mark}> is none of its pictures")
        return self

    @property
    def shows_truth(self) -> bool:
        """Whether a question shows the real last frame."""
        return any("truth" in call.pictures for call in self.calls)

    def calls_of(self, columns: Sequence[RubricColumn]) -> tuple[RubricCall, ...]:
        """The calls that these columns need."""
        names = {name.partition(".")[0] for column in columns for name in column.of}
        return tuple(call for call in self.calls if call.name in names)

    def middle(self, column: RubricColumn) -> float:
        """The value above which a column means yes."""
        if column.formula == "percent":
            return 50.0
        ends = {f"{call.name}.{each.key}": each for call in self.calls for each in call.scores}
        return (ends[column.of[0]].least + ends[column.of[0]].most) / 2


def _risebench(values: Sequence[float]) -> float:
    """gpt_eval.py, calculate_score: consistency, reasoning, plausibility; halved where nothing was understood."""
    score = 0.3 * values[0] + 0.5 * values[1] + 0.2 * values[2]
    return max(1.0, score / 2) if values[1] == 1 else score


def _geometric(values: Sequence[float]) -> float:
    """viescore/__init__.py: √(min SC · min PQ)."""
    return math.sqrt(min(values[:2]) * min(values[2:]))


FORMULAS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "percent": lambda values: 100 * sum(values) / len(values),
    "mean": lambda values: sum(values) / len(values),
    "least": min,
    "geometric mean of the least": _geometric,
    "RISEBench": _risebench,
}


@cache
def builtin_names() -> tuple[str, ...]:
    """The rubrics of the package."""
    return tuple(sorted(item.name[:-5] for item in _FOLDER.iterdir() if item.name.endswith(".yaml")))


def load(names: Sequence[str]) -> tuple[Rubric, ...]:
    """Rubrics by name, or by the path of a YAML file. Raises ScoreError where one is missing, wrong or twice."""
    rubrics = tuple(_load(name) for name in names)
    columns = [column.name for rubric in rubrics for column in rubric.columns]
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise ScoreError(
            f"`eval.vlm_judge.rubrics`: two columns of the name {doubled[0]!r}.", cure="Give each rubric once."
        )
    return rubrics


def _load(name: str) -> Rubric:
    is_path = name.endswith((".yaml", ".yml"))
    if not is_path and name not in builtin_names():
        raise ScoreError(
            f"`eval.vlm_judge.rubrics`: no rubric {name!r}.",
            cure=f"Choose of {', '.join(builtin_names())}, or give the path of a YAML file.",
        )
    try:
        text = (Path(name) if is_path else _FOLDER.joinpath(f"{name}.yaml")).read_text(encoding="utf-8")
        return Rubric.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        problem = " ".join(str(error).split())[:200]
    raise ScoreError(
        f"{name}: not a rubric: {problem}.",
        cure="Compare it with a file of actionpairs/metrics/rubrics/; docs/judge.md says what each key is.",
    ) from None
