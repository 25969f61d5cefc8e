"""Ask many questions at a time. Answers come in the order of the questions, whatever order the server has."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from actionpairs.errors import LanguageModelError
from actionpairs.language_models.answer_cache import AnswerCache
from actionpairs.language_models.questions import OF_THE_ANSWER, Answer, Failure, Gap, LanguageModel, Question

# Questions in a row without an answer, after which the rest is not asked: of a server that is down, and of a model
# that cannot do it, which costs money.
_MOST_SERVER_FAILURES, _MOST_BAD_ANSWERS = 8, 50
_AHEAD = 4  # questions per thread that are taken before the first of them is answered

Check = Callable[[str], tuple[Failure, str] | None]


def ask_all(
    model: LanguageModel, questions: Iterable[Question], *, cache: AnswerCache, check: Check, concurrency: int
) -> Generator[Answer | Gap, None, None]:
    """Ask every question, equal ones once, and yield an answer or a gap for each, in order.

    check: names what is wrong with an answer's text, or None. Only answers that pass are cached and yielded, and a
    cached one is asked again if it passes no more. Raises LanguageModelError if the model cannot be asked at all.
    """
    stopped = Event()

    def ask(question: Question, digest: str) -> Answer | Gap:
        cached = cache.get(digest)
        if cached is not None and check(cached.text) is None:
            return cached
        reply = model.ask(question, stopped=stopped)
        if isinstance(reply, Gap):
            return reply
        if (problem := check(reply.text)) is not None:
            return Gap(*problem, reply.attempts)
        cache.add(digest, question, reply)
        return reply

    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="asking")
    row = _GapsInARow(model.name)
    try:
        futures: dict[str, Future[Answer | Gap]] = {}
        waiting: deque[tuple[str, Future[Answer | Gap]]] = deque()
        for question in questions:
            digest = question.digest(model.settings_digest)
            if digest not in futures:
                futures[digest] = pool.submit(ask, question, digest)
            waiting.append((digest, futures[digest]))
            if len(waiting) >= concurrency * _AHEAD:
                yield row.counted(*waiting.popleft())
        while waiting:
            yield row.counted(*waiting.popleft())
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)  # what was sent is paid for: its answer still goes to the cache


class _GapsInARow:
    """Raises LanguageModelError when it is clear that the rest will have no answers either."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._server = self._answers = 0
        self._counted: set[str] = set()

    def counted(self, digest: str, future: Future[Answer | Gap]) -> Answer | Gap:
        """The reply to a question, counted once."""
        reply = future.result()
        if digest in self._counted:
            return reply
        self._counted.add(digest)
        if isinstance(reply, Answer):
            self._server = self._answers = 0
            return reply
        is_answer = reply.failure in OF_THE_ANSWER
        self._server, self._answers = (0, self._answers + 1) if is_answer else (self._server + 1, self._answers)
        if reply.ends_run:
            raise LanguageModelError(f"{self._name}: {reply}.", cure=_CURES.get(reply.failure, _LATER))
        if self._server >= _MOST_SERVER_FAILURES or self._answers >= _MOST_BAD_ANSWERS:
            count = self._server if self._server >= _MOST_SERVER_FAILURES else self._answers
            raise LanguageModelError(
                f"{self._name}: {count} questions in a row without an answer, so the rest was not asked; "
                f"the last: {reply}.",
                cure=_CURES.get(reply.failure, _LATER),
            )
        return reply


def gap_counts(replies: Iterable[Answer | Gap]) -> dict[str, int]:
    """Failure → how many questions have no answer for it, the most frequent first."""
    counts = Counter(str(reply.failure) for reply in replies if isinstance(reply, Gap))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


_LATER = "Run the same command again later: what is answered is cached, and only the rest is asked."
_CURES = {
    Failure.UNAUTHORIZED: "Check the key, and what it may do there.",
    Failure.OUT_OF_CREDIT: f"Pay for more, or take another server. {_LATER}",
    Failure.NO_SUCH_MODEL: "Check `model` and `url` in the recipe; the url usually ends in /v1.",
    Failure.REDIRECTED: "Write the address that it redirects to as `url` in the recipe.",
    Failure.BAD_REQUEST: "Change `request` in the recipe: keys may be added, and null leaves one out "
    "(temperature, seed, max_tokens), as some models ask for.",
    Failure.TOO_LONG: "Raise `max_tokens` in the recipe, or lower the model's reasoning by `request`.",
    Failure.REFUSED: "Change the prompt, or take another model.",
    Failure.EMPTY: "Change the prompt, or take another model.",
    Failure.AGAINST_RULES: "Change the prompt, or take another model.",
}
