"""Which language model is asked, and how. Every section of a recipe that asks one has this config."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from actionpairs.errors import without_secrets
from actionpairs.keys import Config, Positive, Weight


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write it as https://HOST/v1, where the server has /chat/completions")
    if without_secrets(url) != url:
        raise ValueError("no user, password or query may stand in it; the key is read from the environment")
    return url.rstrip("/").removesuffix("/chat/completions")


def _check_request(request: dict[str, Any]) -> dict[str, Any]:
    for key in sorted({"messages", "model", "n", "stream"} & request.keys()):
        raise ValueError(f"`{key}` is set by actionpairs")
    try:
        json.dumps(request)
    except TypeError as error:
        raise ValueError(f"not JSON: {error}") from None
    return request


class ChatModelConfig(Config):
    """A language model behind an OpenAI-compatible server.

    url: of the API, such as https://api.openai.com/v1 or http://localhost:8000/v1. key: the environment variable
    with the key, null for a server that needs none. It ends in _API_KEY, so that no recipe sends another secret.
    max_tokens: of an answer, its reasoning included. request: further keys of each request, such as
    `reasoning_effort: low`; null leaves one out, as `{max_tokens: null, max_completion_tokens: 300}` does.
    timeout_seconds: of one request as a whole. attempts: how often a question is sent at most. The url, the key
    and the last two change no answer, so they are not part of the recipe's digest.
    """

    url: Annotated[str, AfterValidator(_check_url)] = Field(exclude=True)
    model: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(pattern=r"^[A-Z0-9_]*_API_KEY$")] | None = Field(
        default="OPENAI_API_KEY", exclude=True
    )
    temperature: Weight = 0.0
    max_tokens: Positive = 300
    request: Annotated[dict[str, Any], AfterValidator(_check_request)] = Field(default_factory=dict)
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(default=120.0, exclude=True)
    attempts: Positive = Field(default=6, exclude=True)
