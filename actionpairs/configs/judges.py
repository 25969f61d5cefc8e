"""The `eval.vlm_judge` section of a recipe, and what a command says of the judge besides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from actionpairs.keys import Config, Positive, Weight


class JudgeConfig(Config):
    """How a vision-language model is asked to judge edits; `eval --judge` says which one.

    rubrics: what it is asked, by name (paper, gedit, imgedit, risebench) or as the path of a YAML file.
    calibration: how many pairs of each kind with a known answer it is asked first. asks: how often a question is
    asked at most, each time with another seed, where the answer is refused, empty or of the wrong form. pictures:
    how they are encoded. max_tokens: of an answer, its reasoning included. key, request, timeout_seconds and
    attempts: as in ChatModelConfig; a local model needs none of them, and all but `request` change no answer.
    """

    rubrics: Annotated[tuple[str, ...], Field(min_length=1)] = ("paper",)
    calibration: Positive = 30
    asks: Positive = 3
    seed: int = 0
    pictures: Literal["png", "jpeg"] = "png"
    temperature: Weight = 0.0
    max_tokens: Positive = 1000
    request: dict[str, Any] = Field(default_factory=dict)
    key: str | None = Field(default="OPENAI_API_KEY", exclude=True)
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(default=120.0, exclude=True)
    attempts: Positive = Field(default=6, exclude=True)


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Which judge is asked, and where and how fast.

    source: the URL of an OpenAI-compatible server, or local:MODEL with a folder or hub id of transformers. model:
    its name on the server. cache: a folder on this machine for its answers, by default in the report's folder.
    concurrency: questions at a time. allow_gaps: report means over the edits that have an answer, and how many.
    """

    source: str
    model: str | None = None
    cache: str | None = None
    concurrency: int = 8
    allow_gaps: bool = False
