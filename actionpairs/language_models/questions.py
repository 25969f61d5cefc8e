"""What is asked, what comes back, and what can go wrong."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event
from typing import Literal, Protocol


class Failure(StrEnum):
    """Why a question has no answer. The list is closed, so that counts can be compared."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed out"
    RATE_LIMITED = "rate limited"
    SERVER_ERROR = "server error"
    TRUNCATED = "reply ended early"
    WRONG_CONTENT_TYPE = "reply of another content type"
    BROKEN_JSON = "broken JSON"
    NO_CHAT_REPLY = "not a chat reply"
    UNAUTHORIZED = "not authorized"
    OUT_OF_CREDIT = "out of credit"
    NO_SUCH_MODEL = "no such model or URL"
    REDIRECTED = "redirected"
    BAD_REQUEST = "request refused"
    REFUSED = "the model refused"
    EMPTY = "empty answer"
    TOO_LONG = "answer cut off at max_tokens"
    AGAINST_RULES = "answer against the rules"


# What the next attempt may not meet again.
TRANSIENT = frozenset(
    {
        Failure.UNREACHABLE,
        Failure.TIMED_OUT,
        Failure.RATE_LIMITED,
        Failure.SERVER_ERROR,
        Failure.TRUNCATED,
        Failure.WRONG_CONTENT_TYPE,  # a proxy's page
        Failure.BROKEN_JSON,
        Failure.NO_CHAT_REPLY,
        Failure.EMPTY,
    }
)
# What every other question meets as well.
FINAL = frozenset({Failure.UNAUTHORIZED, Failure.OUT_OF_CREDIT, Failure.NO_SUCH_MODEL, Failure.REDIRECTED})
# What comes of the question, not of the server.
OF_THE_ANSWER = frozenset({Failure.REFUSED, Failure.EMPTY, Failure.TOO_LONG, Failure.AGAINST_RULES})


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture in a question."""

    data: bytes = field(repr=False)
    kind: Literal["jpeg", "png", "webp"] = "jpeg"

    @property
    def url(self) -> str:
        """The picture as a data URL."""
        return f"data:image/{self.kind};base64,{base64.b64encode(self.data).decode()}"


@dataclass(frozen=True, slots=True)
class Question:
    """One question: texts and pictures in the order in which the model sees them; system: what is said before."""

    parts: tuple[str | Picture, ...]
    system: str = ""
    seed: int = 0

    def content(self) -> dict[str, object]:
        """The question for a record: pictures by their SHA-256."""
        parts = [
            part
            if isinstance(part, str)
            else {"picture": hashlib.sha256(part.data).hexdigest(), "kind": part.kind}
            for part in self.parts
        ]
        return {"system": self.system, "parts": parts, "seed": self.seed}

    def digest(self, settings_digest: str) -> str:
        """A digest of the question and of the settings with which a model answers it."""
        text = json.dumps([settings_digest, self.content()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered. model: its name as the server reports it; attempts: requests that it took."""

    text: str
    model: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A question without an answer. ends_run: no other question will be answered now either."""

    failure: Failure
    detail: str
    attempts: int
    ends_run: bool = False

    def __str__(self) -> str:
        return f"{self.failure}: {self.detail}" if self.detail else str(self.failure)


class LanguageModel(Protocol):
    """Whatever answers questions, and may be asked from several threads at a time.

    name: for file names and messages. settings_digest: of everything besides the question that decides an answer.
    """

    @property
    def name(self) -> str: ...

    @property
    def settings_digest(self) -> str: ...

    def ask(self, question: Question, *, stopped: Event) -> Answer | Gap:
        """Answer one question. When `stopped` is set, do not wait for a further attempt."""
        ...
