"""Read a chat completion: the answer in it, or the name of what is wrong with it.

Servers differ from OpenAI's reference in ways that people met: HTTP 200 with an `error` and no `choices`
(OpenRouter, OpenJarvis issue 970), `content: null` with `finish_reason: length` (distilabel issue 1178), content
as a list of parts, 429 for an empty purse, which no wait cures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from actionpairs.errors import without_secrets
from actionpairs.language_models.http_post import Reply
from actionpairs.language_models.questions import Failure

_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance"})
_FILTERED = frozenset({"content_filter", "content_policy_violation"})
_LONGEST_DETAIL = 200


@dataclass(frozen=True, slots=True)
class ChatText:
    """The text of an answer, and the model's name as the server reports it."""

    text: str
    model: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a reply has no answer."""

    failure: Failure
    detail: str


def parse_reply(reply: Reply) -> ChatText | Problem:
    """The answer in a server's reply. The details of problems are the server's words: hide secrets in them."""
    if 300 <= reply.status < 400:
        target = without_secrets(reply.headers.get("location", "nowhere"))
        return Problem(Failure.REDIRECTED, f"HTTP {reply.status}, to {target}")
    if reply.status >= 400:
        return _http_problem(reply.status, _loads(reply.body))
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        return Problem(Failure.WRONG_CONTENT_TYPE, f"{kind or 'none'} instead of application/json")
    content = _loads(reply.body)
    if content is None:
        return Problem(Failure.BROKEN_JSON, f"{len(reply.body)} bytes that are no JSON")
    if isinstance(content, dict) and content.get("error") and not content.get("choices"):
        code = content["error"].get("code") if isinstance(content["error"], dict) else None
        return _http_problem(code if isinstance(code, int) and 400 <= code < 600 else 500, content)
    return _parse_choice(content)


def _loads(body: bytes) -> Any:
    """The JSON of a body; None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _http_problem(status: int, content: Any) -> Problem:
    error = content.get("error", content) if isinstance(content, dict) else {}
    error = error if isinstance(error, dict) else {"message": error}
    codes = {str(error.get(key)).lower() for key in ("code", "type")}
    detail = f"HTTP {status} {_words(error.get('message'))}".strip()
    if status == 401:
        return Problem(Failure.UNAUTHORIZED, "HTTP 401")  # servers repeat parts of the key here
    if status == 403:
        return Problem(Failure.UNAUTHORIZED, detail)
    if status == 402 or codes & _NO_CREDIT:
        return Problem(Failure.OUT_OF_CREDIT, detail)
    if status in {404, 405}:
        return Problem(Failure.NO_SUCH_MODEL, detail)
    if status == 429:
        return Problem(Failure.RATE_LIMITED, detail)
    if status == 408:
        return Problem(Failure.TIMED_OUT, detail)
    if status >= 500 or status in {409, 425}:
        return Problem(Failure.SERVER_ERROR, detail)
    if codes & _FILTERED:
        return Problem(Failure.REFUSED, detail)
    return Problem(Failure.BAD_REQUEST, detail)


def _parse_choice(content: Any) -> ChatText | Problem:
    try:
        choice = content["choices"][0]
        message, reason = choice["message"], choice.get("finish_reason")
        text, refusal = _text_of(message.get("content")), message.get("refusal")
        model = content.get("model")
    except (KeyError, IndexError, TypeError, AttributeError):
        return Problem(Failure.NO_CHAT_REPLY, "no choices[0].message in it")
    if not isinstance(model, str | None) or not _is_unicode(text + (model or "")):
        return Problem(Failure.NO_CHAT_REPLY, "its texts are no texts")
    if refusal or reason == "content_filter":
        return Problem(Failure.REFUSED, _words(refusal) or "by its content filter")
    if reason == "length":
        return Problem(Failure.TOO_LONG, "raise `max_tokens`; reasoning counts too")
    if reason == "error":
        return Problem(Failure.SERVER_ERROR, "the model stopped with an error")
    if not text.strip():
        return Problem(Failure.EMPTY, f"finish_reason {_words(reason) or 'none'}")
    return ChatText(text, model or "")


def _text_of(content: Any) -> str:
    """The text of a message: a string, null, or a list of parts of which those of type text count."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part["text"] for part in content if part["type"] == "text")


def _is_unicode(text: str) -> bool:
    """Whether a text can be stored: JSON may hold half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _words(value: Any) -> str:
    """A server's words, on one line and printable."""
    if not isinstance(value, str):
        return ""
    text = "".join(sign if sign.isprintable() else " " for sign in value)
    return without_secrets(" ".join(text.split()))[:_LONGEST_DETAIL]
