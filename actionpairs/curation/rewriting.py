"""Instructions that a language model writes from the words of the annotations."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actionpairs.configs import RewrittenInstructions
from actionpairs.curation.instructions import Instructions, fill, hash_index, iter_words
from actionpairs.errors import LanguageModelError
from actionpairs.language_models import (
    Answer,
    Failure,
    Gap,
    LanguageModel,
    Question,
    ask_all,
    gap_counts,
    open_cache,
)
from actionpairs.language_models.texts import is_refusal, without_reasoning
from actionpairs.progress import Progress

_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»", "„": "“"}
_CHATTER = re.compile(
    r"(?:sure|certainly|absolutely|of course|okay|ok|great|here(?:['’]s| is| are| you)|this is|that is|the note"
    r"|note that|the (?:rewritten |revised |edited |final )?(?:instruction|sentence|answer)|let me|let['’]s"
    r"|as requested)\b"
    r"|(?:\w+ ){0,3}(?:instruction|answer|output|sentence|rewritten|rewrite|edit|prompt|note)\s*:"
    r"|[-*#>|•]|\d+[.)]\s|```|<|\{|\[",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<[|/]|\*\*|```|\|>")  # also the marks of chat templates that servers let through


@dataclass(frozen=True, slots=True)
class Asking:
    """Where answers are cached, and how many questions are under way at a time. Neither changes an instruction."""

    cache: Path
    concurrency: int


def rewritten(
    facts: pa.Table, kept: NDArray[np.bool_], config: RewrittenInstructions, model: LanguageModel, asking: Asking
) -> Instructions:
    """The instructions of all kept pairs, in the words of a language model.

    Raises LanguageModelError if an answer is missing and the recipe does not keep the narration then; all others
    are cached by then.
    """
    question_of: dict[int, Question] = {}
    for words in iter_words(facts, kept):
        variant = hash_index(config.variants, seed=config.seed, pair_id=words.id)
        question_of[words.row] = Question((fill(config.prompt, words.fields),), seed=config.seed + variant)
    questions = sorted(set(question_of.values()), key=lambda question: (question.parts, question.seed))
    replies = _replies(questions, config, model, asking)
    if config.on_failure == "stop":
        _require_all(replies, model)
    texts = {
        row: plain(reply.text)
        for row, question in question_of.items()
        if isinstance(reply := replies[question], Answer)
    }
    counts = Counter(rewritten=len(texts))
    counts["narration kept"] = len(question_of) - len(texts)
    return Instructions(texts, dict(counts))


def _replies(
    questions: list[Question], config: RewrittenInstructions, model: LanguageModel, asking: Asking
) -> dict[Question, Answer | Gap]:
    """Ask all questions; raises LanguageModelError if the model cannot be asked."""

    def check(text: str) -> tuple[Failure, str] | None:
        return broken_rule(text, max_words=config.max_words)

    with (
        open_cache(asking.cache, model, prompt=config.prompt) as cache,
        Progress(total=len(questions), unit="instruction", desc=f"asking {model.name}") as bar,
        closing(ask_all(model, questions, cache=cache, check=check, concurrency=asking.concurrency)) as answers,
    ):
        replies = {}
        for question, reply in zip(questions, answers, strict=True):
            replies[question] = reply
            bar.update()
        return replies


def _require_all(replies: dict[Question, Answer | Gap], model: LanguageModel) -> None:
    gaps = [(question, reply) for question, reply in replies.items() if isinstance(reply, Gap)]
    if not gaps:
        return
    reasons = ", ".join(f"{count:,} {failure}" for failure, count in gap_counts(replies.values()).items())
    question, gap = gaps[0]
    raise LanguageModelError(
        f"{model.name}: {len(gaps):,} of {len(replies):,} instructions were not rewritten ({reasons}); the "
        f"first: {str(question.parts[0])[:200]!r}: {gap}.",
        cure="Run the same command again: answers are cached, and only these are asked. If it stays so, change "
        "the prompt or the model, or write `on_failure: keep the narration` in the recipe.",
    )


def plain(text: str) -> str:
    """An answer without reasoning, and without quotes around the whole of it."""
    text = without_reasoning(text)
    closing_quote = _QUOTES.get(text[:1])
    if closing_quote and len(text) > 2 and text.endswith(closing_quote):
        inner = text[1:-1].strip()
        if closing_quote not in inner and text[0] not in inner:
            return inner
    return text


def broken_rule(text: str, *, max_words: int) -> tuple[Failure, str] | None:
    """What keeps an answer from being an instruction, or None."""
    words = plain(text)
    if not words:
        return Failure.EMPTY, "nothing but reasoning or quotes"
    if is_refusal(words):
        return Failure.REFUSED, _quoted(words)
    if len(words.splitlines()) > 1:
        return Failure.AGAINST_RULES, f"several lines: {_quoted(words)}"
    if not words.isprintable():
        return Failure.AGAINST_RULES, f"signs that cannot be printed: {_quoted(words)}"
    if _CHATTER.match(words) or _MARKUP.search(words):
        return Failure.AGAINST_RULES, f"no instruction but words about one, or markup: {_quoted(words)}"
    if words[0] in _QUOTES or not any(sign.isalpha() for sign in words):
        return Failure.AGAINST_RULES, f"it begins with a quote, or has no letters: {_quoted(words)}"
    if len(words.split()) > max_words:
        return Failure.AGAINST_RULES, f"more than {max_words} words: {_quoted(words)}"
    return None


def _quoted(text: str) -> str:
    return repr(text[:80])
