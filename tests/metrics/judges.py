"""What judges in tests: models in this process that look at pictures, or that answer whatever a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock

import cv2
import numpy as np

from actionpairs.configs import JudgeConfig
from actionpairs.language_models import Answer, Gap, LanguageModel, Picture, Question, open_cache
from actionpairs.metrics import judge_rubrics
from actionpairs.metrics.judge_asking import JudgeAsking
from actionpairs.metrics.metric import EditBatch
from actionpairs.metrics.vlm_judge import JudgedEdit, VlmJudge

YES, NO = ('{"reason": "so it looks", "answer": "%s"}' % word for word in ("yes", "no"))  # noqa: UP031


class Model:
    """Answers by a function of the question, and remembers all questions."""

    name, settings_digest = "org/tester", "abc"

    def __init__(self, answer: Callable[[Question], str | Gap]) -> None:
        self.answer = answer
        self.questions: list[Question] = []
        self._lock = Lock()

    def ask(self, question: Question, *, stopped: Event) -> Answer | Gap:
        with self._lock:
            self.questions.append(question)
        reply = self.answer(question)
        return reply if isinstance(reply, Gap) else Answer(reply, "tester-2026-01-01", 1)


@contextmanager
def judging(
    folder: Path, model: LanguageModel | Callable[[Question], str | Gap], *rubrics: str, **options: object
) -> Iterator[VlmJudge]:
    """A judge with a cache in a folder, by default of the paper's rubric."""
    config = JudgeConfig(rubrics=rubrics or ("paper",), **options)  # type: ignore[arg-type]
    asked = Model(model) if callable(model) else model
    with open_cache(folder, asked, prompt="judge") as cache:
        asking = JudgeAsking(asked, cache, config, concurrency=4)
        yield VlmJudge(asking, judge_rubrics.load(config.rubrics), config)


def text_of(question: Question) -> str:
    [text] = [part for part in question.parts if isinstance(part, str)]
    return text


def pictures_of(question: Question) -> list[np.ndarray]:
    """The pictures of a question as they were before they were encoded: H W 3 uint8 RGB."""
    data = [np.frombuffer(part.data, np.uint8) for part in question.parts if isinstance(part, Picture)]
    return [cv2.cvtColor(cv2.imdecode(each, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB) for each in data]


def original_and_edit(question: Question) -> tuple[np.ndarray, np.ndarray]:
    """The two pictures of a question of the paper's rubric, as its text says which is which."""
    one, other = pictures_of(question)
    return (one, other) if "The first picture is the input" in text_of(question) else (other, one)


class Oracle:
    """Knows the pairs: the action is done where both pictures are a pair's; the rest is kept if little differs."""

    def __init__(self, pairs: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> None:
        self.pairs: Mapping[str, list[tuple[bytes, bytes]]] = {}
        for instruction, before, after in pairs:
            self.pairs.setdefault(instruction, []).append((before.tobytes(), after.tobytes()))  # type: ignore[attr-defined]

    def __call__(self, question: Question) -> str:
        text, (before, after) = text_of(question), original_and_edit(question)
        if "Is the action done?" in text:
            instruction = text.split("\n")[1]
            return YES if (before.tobytes(), after.tobytes()) in self.pairs[instruction] else NO
        difference = cv2.absdiff(before, after).max(axis=-1) > 12
        return YES if difference.mean() < 0.3 else NO


def oracle_of(batches: Sequence[EditBatch]) -> Oracle:
    return Oracle([pair for batch in batches for pair in _pairs(batch)])


def _pairs(batch: EditBatch) -> list[tuple[str, np.ndarray, np.ndarray]]:
    return list(zip(batch.instructions, batch.originals, batch.truths, strict=True))


def edits(count: int = 1, *, instruction: str = "open the drawer") -> list[JudgedEdit]:
    """Edits of noise, each different from every other."""
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (count, 3, 8, 8, 3), np.uint8)
    return [
        JudgedEdit("theirs", f"s{number:03d}", f"{instruction} {number}", *pictures[number])
        for number in range(count)
    ]


def listed(*scores: object) -> str:
    """An answer in the form of GEdit-Bench."""
    return json.dumps({"score": scores, "reasoning": "so it looks"})
