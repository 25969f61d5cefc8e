"""A client for servers that speak OpenAI's chat completions: vLLM, llama.cpp, Ollama, OpenRouter, OpenAI …"""

from __future__ import annotations

import json
import os
import re
import time
from threading import Event

from actionpairs.configs import ChatModelConfig
from actionpairs.errors import LanguageModelError
from actionpairs.language_models.chat_replies import ChatText, Problem, parse_reply
from actionpairs.language_models.http_post import NoReply, post
from actionpairs.language_models.questions import FINAL, TRANSIENT, Answer, Failure, Gap, Question
from actionpairs.language_models.retries import LONGEST_ASKED_SECONDS, Pause, asked_wait, backoff
from actionpairs.version import PACKAGE_VERSION

_SHORTEST_SECRET = 12


class ChatClient:
    """Asks one model of one server. The key is read at the first question, and shown nowhere.

    Failures that may pass are tried again: after the time that the server asks for, which holds for all threads,
    or with a growing wait. Raises LanguageModelError where there is no key.
    """

    def __init__(self, config: ChatModelConfig) -> None:
        self._config = config
        self._pause = Pause()

    @property
    def name(self) -> str:
        """The model's name in the recipe."""
        return self._config.model

    @property
    def settings_digest(self) -> str:
        """A digest of the model's name and of all that is sent besides the question."""
        return self._config.digest()

    def ask(self, question: Question, *, stopped: Event) -> Answer | Gap:
        """Answer one question, in as many attempts as it takes and the recipe allows."""
        digest, body = question.digest(self.settings_digest), self._body(question)
        attempt = 0
        self._pause.wait(stopped=stopped)  # one that another thread was asked for
        while True:
            attempt += 1
            result, wait = self._send(body)
            if isinstance(result, ChatText):
                return Answer(result.text, result.model or self.name, attempt)
            gap = _gap(result, attempt, wait)
            if gap.ends_run or gap.failure not in TRANSIENT or attempt == self._config.attempts:
                return gap
            if wait:  # 0 would send again at once
                self._pause.extend(wait)
            else:
                stopped.wait(backoff(attempt, digest=digest))
            self._pause.wait(stopped=stopped)
            if stopped.is_set():
                return gap

    def _send(self, body: bytes) -> tuple[ChatText | Problem, float | None]:
        """Send a question once: its answer or problem, and the seconds that the server asks to wait."""
        key = self._key()
        # Some hosts turn away the name that urllib gives itself.
        headers = {"User-Agent": f"actionpairs/{PACKAGE_VERSION}"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        url = f"{self._config.url}/chat/completions"
        reply = post(url, body, headers=headers, timeout_seconds=self._config.timeout_seconds)
        if isinstance(reply, NoReply):
            return Problem(reply.failure, _hidden(reply.detail, key)), None
        result = parse_reply(reply)
        if isinstance(result, Problem):
            return Problem(result.failure, _hidden(result.detail, key)), asked_wait(reply.headers, now=time.time())
        if _hidden(result.text + result.model, key) != result.text + result.model:
            return Problem(Failure.NO_CHAT_REPLY, "the key stands in it"), None
        return result, None

    def _body(self, question: Question) -> bytes:
        parts = [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "image_url", "image_url": {"url": part.url}}
            for part in question.parts
        ]
        texts = [part for part in question.parts if isinstance(part, str)]
        # Many servers of text models take no list of parts.
        content = "\n".join(texts) if len(texts) == len(parts) else parts
        system = [{"role": "system", "content": question.system}] if question.system else []
        request = {
            "model": self._config.model,
            "messages": [*system, {"role": "user", "content": content}],
            "temperature": self._config.temperature,
            "seed": question.seed,
            "max_tokens": self._config.max_tokens,
            **self._config.request,
        }
        return json.dumps({name: value for name, value in request.items() if value is not None}).encode()

    def _key(self) -> str:
        """The key, or "" for a server that needs none."""
        variable = self._config.key
        if variable is None:
            return ""
        key = os.environ.get(variable, "").strip()  # an .env file's `\r` is no part of it
        if not key:
            raise LanguageModelError(
                f"{variable} is not set, and {self.name} is asked with the key in it.",
                cure=f"Set it: export {variable}=…. Or write `key: null` in the recipe, if the server needs none.",
            )
        if not re.fullmatch("[!-~]+", key):  # http.client would repeat it in its error
            raise LanguageModelError(
                f"{variable} has signs in it that no key has: blanks, line ends or letters outside ASCII.",
                cure="Copy the key again.",
            )
        return key


def _gap(problem: Problem, attempt: int, wait: float | None) -> Gap:
    if wait is not None and wait > LONGEST_ASKED_SECONDS and problem.failure in TRANSIENT:
        return Gap(problem.failure, f"{problem.detail}, wait {wait:,.0f} s".lstrip(", "), attempt, ends_run=True)
    return Gap(problem.failure, problem.detail, attempt, ends_run=problem.failure in FINAL)


def _hidden(text: str, key: str) -> str:
    """The text without the key. A short one is no secret but a word, as EMPTY for a server that needs none."""
    return text.replace(key, "[key]") if len(key) >= _SHORTEST_SECRET else text
