"""Ask a judge: answers that were there before first, then new ones; what is of the wrong form is asked again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from actionpairs.configs import JudgeConfig
from actionpairs.errors import LanguageModelError
from actionpairs.language_models import (
    Answer,
    AnswerCache,
    Failure,
    Gap,
    LanguageModel,
    Picture,
    Question,
    ask_all,
)
from actionpairs.language_models.questions import OF_THE_ANSWER
from actionpairs.metrics.judge_answers import JudgeScores, parse
from actionpairs.metrics.judge_records import JudgeRecord, QuestionPlace
from actionpairs.metrics.judge_rubrics import RubricCall

# Questions in a row without an answer, after which the rest is not asked: it would not be answered either.
_MOST_IN_A_ROW = 50
_AT_A_TIME = 48  # questions of a call, fewer than the gaps in a row at which `ask_all` gives up


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    """A question with its pictures, in the order in which they are shown."""

    place: QuestionPlace
    call: RubricCall
    prompt: str
    pictures: tuple[Picture, ...]


def encode(picture: np.ndarray, config: JudgeConfig) -> Picture:
    """H W 3 uint8 as PNG, or JPEG of quality 95."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if config.pictures == "jpeg" else []
    _, data = cv2.imencode(f".{config.pictures}", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return Picture(data.tobytes(), config.pictures)


class JudgeAsking:
    """Asks one model, and keeps a record of everything. records: of all questions so far."""

    def __init__(self, model: LanguageModel, cache: AnswerCache, config: JudgeConfig, *, concurrency: int) -> None:
        self.model = model
        self.records: list[JudgeRecord] = []
        self._cache, self._config, self._concurrency = cache, config, concurrency
        self._in_a_row = 0

    def ask(self, questions: Sequence[JudgeQuestion]) -> list[JudgeScores | Gap]:
        """Scores, or a gap, for each question, in order.

        Raises LanguageModelError if the model cannot be asked, or has answered none of many questions in a row.
        """
        results: dict[int, JudgeScores | Gap] = {}
        by_call: dict[str, list[int]] = {}
        for number, question in enumerate(questions):
            by_call.setdefault(f"{question.place.rubric} {question.call.name}", []).append(number)
        for numbers in by_call.values():
            for start in range(0, len(numbers), _AT_A_TIME):
                part = numbers[start : start + _AT_A_TIME]
                results.update(zip(part, self._ask_part([questions[number] for number in part]), strict=True))
        return [results[number] for number in range(len(questions))]

    def _ask_part(self, questions: Sequence[JudgeQuestion]) -> list[JudgeScores | Gap]:
        """Ask some questions of one call, again with another seed where the model, not the server, has failed."""
        results: list[JudgeScores | Gap | None] = [self._cached(question) for question in questions]
        for ask in range(self._config.asks):
            seed = self._config.seed + ask
            open_numbers = [number for number, result in enumerate(results) if _is_open(result, ask)]
            if not open_numbers:
                break
            asked = [questions[number] for number in open_numbers]
            for number, reply in zip(open_numbers, self._replies(asked, seed), strict=True):
                results[number] = self._recorded(questions[number], seed, reply)
        self._count(results)
        return [result for result in results if result is not None]

    def _cached(self, question: JudgeQuestion) -> JudgeScores | None:
        """The answer that an earlier run took, with whatever seed: else a resumed run could take another one."""
        for ask in range(self._config.asks):
            seed = self._config.seed + ask
            answer = self._cache.get(_question(question, seed).digest(self.model.settings_digest))
            if answer is not None and isinstance(scores := parse(answer.text, question.call), JudgeScores):
                self._recorded(question, seed, answer)
                return scores
        return None

    def _replies(self, questions: Sequence[JudgeQuestion], seed: int) -> Iterator[Answer | Gap]:
        def check(text: str) -> tuple[Failure, str] | None:
            parsed = parse(text, questions[0].call)
            return None if isinstance(parsed, JudgeScores) else parsed

        made = map(partial(_question, seed=seed), questions)
        ask = partial(ask_all, cache=self._cache, check=check, concurrency=self._concurrency)
        with closing(ask(self.model, made)) as replies:
            yield from replies

    def _recorded(self, question: JudgeQuestion, seed: int, reply: Answer | Gap) -> JudgeScores | Gap:
        parsed = parse(reply.text, question.call) if isinstance(reply, Answer) else reply
        result = Gap(*parsed, reply.attempts) if isinstance(parsed, tuple) else parsed
        self.records.append(
            JudgeRecord(
                question.place,
                seed,
                question.prompt,
                pictures=tuple(hashlib.sha256(picture.data).hexdigest() for picture in question.pictures),
                asked=self.model.name,
                reply=reply,
                keys=tuple(score.key for score in question.call.scores),
                scores=result if isinstance(result, JudgeScores) else None,
            )
        )
        return result

    def _count(self, results: Sequence[JudgeScores | Gap | None]) -> None:
        """Raise LanguageModelError where it is clear that the rest will have no answers either."""
        for result in results:
            self._in_a_row = 0 if isinstance(result, JudgeScores) else self._in_a_row + 1
            if self._in_a_row >= _MOST_IN_A_ROW and isinstance(result, Gap):
                raise LanguageModelError(
                    f"{self.model.name}: {self._in_a_row} questions in a row without an answer that can be used, "
                    f"so the rest was not asked; the last: {str(result)[:300]}.",
                    cure="Take another model, raise `eval.vlm_judge.max_tokens`, or look at the answers in "
                    "judge.parquet. What is answered is cached.",
                )


def _is_open(result: JudgeScores | Gap | None, ask: int) -> bool:
    """Whether a question is asked now: at first each without an answer, then those that were answered wrongly."""
    if result is None or isinstance(result, Gap):
        return ask == 0 or (result is not None and result.failure in OF_THE_ANSWER)
    return False


def _question(question: JudgeQuestion, seed: int) -> Question:
    return Question((question.prompt, *question.pictures), seed=seed)
