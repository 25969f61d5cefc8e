"""A server may do what it likes: the client answers, or names what is wrong, in time, and without the key."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actionpairs.errors import LanguageModelError
from actionpairs.language_models import Answer, ChatClient, Failure, Gap, Picture, Question, chat_client, retries
from tests.language_models.fake_server import KEY, MODEL, FakeServer, completion, fake_server


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_FIRST_WAIT_SECONDS", 0.01)


def ask(fake: FakeServer, text: str = "take cup", **options: Any) -> Answer | Gap:
    return ChatClient(fake.config(**options)).ask(Question((text,)), stopped=threading.Event())


def first(deed: str) -> Any:
    """Do this at the first request, and answer from then on."""
    return lambda text, number: deed if number == 0 else "answer"


def test_an_answer_names_the_model_as_the_server_does() -> None:
    with fake_server() as fake:
        assert ask(fake) == Answer("take cup!", MODEL, 1)


def test_a_request_says_model_text_temperature_seed_and_limit() -> None:
    with fake_server() as fake:
        client = ChatClient(fake.config(max_tokens=7))
        client.ask(Question(("a", "b"), system="Be short.", seed=3), stopped=threading.Event())
    assert fake.requests == [
        {
            "model": "fake",
            "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "a\nb"}],
            "temperature": 0.0,
            "seed": 3,
            "max_tokens": 7,
        }
    ]
    assert fake.authorizations == {f"Bearer {KEY}"}


def test_keys_of_a_request_can_be_added_and_left_out() -> None:
    # gpt-5 and o-models answer HTTP 400 to `max_tokens` and to a temperature.
    request = {"max_tokens": None, "temperature": None, "max_completion_tokens": 9, "reasoning_effort": "low"}
    with fake_server() as fake:
        ask(fake, request=request)
    assert sorted(fake.requests[0]) == ["max_completion_tokens", "messages", "model", "reasoning_effort", "seed"]


def test_pictures_are_sent_as_data_urls_between_the_texts() -> None:
    question = Question(("before", Picture(b"\xff\xd8one"), "after", Picture(b"two", "png")))
    with fake_server() as fake:
        ChatClient(fake.config()).ask(question, stopped=threading.Event())
    content = fake.requests[0]["messages"][0]["content"]
    assert [part["type"] for part in content] == ["text", "image_url", "text", "image_url"]
    one, two = (base64.b64encode(data).decode() for data in (b"\xff\xd8one", b"two"))
    assert content[1]["image_url"]["url"] == f"data:image/jpeg;base64,{one}"
    assert content[3]["image_url"]["url"] == f"data:image/png;base64,{two}"
    assert "two" not in json.dumps(question.content())


def test_content_in_parts_is_one_text() -> None:
    texts = [{"type": "text", "text": text} for text in ("pick ", "up")]
    parts = [{"type": "thinking", "thinking": "hm"}, *texts]
    with fake_server(lambda *_: json.dumps(completion(parts))) as fake:
        assert ask(fake) == Answer("pick up", MODEL, 1)


TRANSIENT = {
    "429": Failure.RATE_LIMITED,
    "500": Failure.SERVER_ERROR,
    "503": Failure.SERVER_ERROR,
    "529": Failure.SERVER_ERROR,
    "408": Failure.TIMED_OUT,
    "reset": Failure.UNREACHABLE,
    "broken json": Failure.BROKEN_JSON,
    "deep json": Failure.BROKEN_JSON,
    "not utf-8": Failure.BROKEN_JSON,
    "truncated": Failure.TRUNCATED,
    "chunks": Failure.TRUNCATED,
    "html": Failure.WRONG_CONTENT_TYPE,
    "event stream": Failure.WRONG_CONTENT_TYPE,
    "huge": Failure.NO_CHAT_REPLY,
    "key in answer": Failure.NO_CHAT_REPLY,
    '{"choices": null}': Failure.NO_CHAT_REPLY,
    '{"choices": [{"message": 7}]}': Failure.NO_CHAT_REPLY,
    '{"choices": [{"message": {"content": [{"type": "text"}]}}]}': Failure.NO_CHAT_REPLY,
    '{"model": 3, "choices": [{"message": {"content": "x"}}]}': Failure.NO_CHAT_REPLY,
    '{"choices": [{"message": {"content": "half \\ud83d"}}]}': Failure.NO_CHAT_REPLY,
    '{"error": {"message": "Upstream is overloaded", "code": 502}, "id": "gen"}': Failure.SERVER_ERROR,
    '{"error": {"message": "slow down", "code": 429}}': Failure.RATE_LIMITED,
    '{"error": "out of memory", "choices": null}': Failure.SERVER_ERROR,
    json.dumps(completion("", reason="error")): Failure.SERVER_ERROR,
    json.dumps(completion("  \n")): Failure.EMPTY,
    json.dumps(completion(None)): Failure.EMPTY,
    json.dumps(completion(None, reason="tool_calls")): Failure.EMPTY,
}


@pytest.mark.parametrize("deed", TRANSIENT)
def test_what_may_pass_is_tried_again_and_named_if_it_does_not_pass(deed: str) -> None:
    with fake_server(first(deed)) as fake:
        assert ask(fake) == Answer("take cup!", MODEL, 2)
    with fake_server(lambda *_: deed) as fake:
        gap = ask(fake, attempts=2)
    assert isinstance(gap, Gap)
    assert (gap.failure, gap.attempts, gap.ends_run, fake.asked["take cup"]) == (TRANSIENT[deed], 2, False, 2)
    assert KEY not in str(gap)


LASTING = {
    "400": (Failure.BAD_REQUEST, False),
    "413": (Failure.BAD_REQUEST, False),
    "422": (Failure.BAD_REQUEST, False),
    "400 content_filter": (Failure.REFUSED, False),
    "401": (Failure.UNAUTHORIZED, True),
    "403": (Failure.UNAUTHORIZED, True),
    "402": (Failure.OUT_OF_CREDIT, True),
    "429 insufficient_quota": (Failure.OUT_OF_CREDIT, True),
    "404": (Failure.NO_SUCH_MODEL, True),
    "redirect": (Failure.REDIRECTED, True),
    "429 x after 3600": (Failure.RATE_LIMITED, True),
    json.dumps(completion(None, refusal="I can't help with that.")): (Failure.REFUSED, False),
    json.dumps(completion("take", reason="content_filter")): (Failure.REFUSED, False),
    json.dumps(completion(None, reason="length")): (Failure.TOO_LONG, False),
    json.dumps(completion("pick up the", reason="length")): (Failure.TOO_LONG, False),
}


@pytest.mark.parametrize("deed", LASTING)
def test_what_lasts_is_asked_once_and_named(deed: str) -> None:
    with fake_server(lambda *_: deed) as fake:
        gap = ask(fake)
    assert isinstance(gap, Gap)
    assert (gap.failure, gap.ends_run) == LASTING[deed]
    assert fake.asked["take cup"] == 1


@pytest.mark.parametrize("deed", ["stall", "drip headers", "drip body"])
def test_a_stall_ends_at_the_timeout_wherever_it_is(deed: str) -> None:
    with fake_server(lambda *_: deed) as fake:
        start = time.monotonic()
        gap = ask(fake, attempts=1, timeout_seconds=0.6)
        seconds = time.monotonic() - start
    assert isinstance(gap, Gap)
    assert gap.failure == Failure.TIMED_OUT
    assert 0.5 < seconds < 3


def test_nobody_listening_is_a_gap() -> None:
    with fake_server() as fake:
        pass
    gap = ask(fake, attempts=2)
    assert isinstance(gap, Gap)
    assert gap.failure == Failure.UNREACHABLE


@pytest.mark.parametrize(
    ("deed", "least"), [("429 x after 1", 1.0), ("503 x after 1", 1.0), ("after ms", 0.7), ("after date", 0.9)]
)
def test_a_client_waits_as_long_as_the_server_asks(deed: str, least: float) -> None:
    with fake_server(first(deed)) as fake:
        assert ask(fake) == Answer("take cup!", MODEL, 2)
    assert least <= fake.times[1] - fake.times[0] < least + 2


def test_a_wait_that_one_thread_is_asked_for_holds_for_all() -> None:
    with fake_server(lambda text, number: "429 x after 1" if (text, number) == ("a", 0) else "answer") as fake:
        client = ChatClient(fake.config())
        client_threads = [
            threading.Thread(target=client.ask, args=(Question((text,)),), kwargs={"stopped": threading.Event()})
            for text in "ab"
        ]
        client_threads[0].start()
        while not fake.times:
            time.sleep(0.01)
        time.sleep(0.2)
        client_threads[1].start()
        for thread in client_threads:
            thread.join()
    assert min(fake.times[1:]) - fake.times[0] >= 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 60.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),
        ({"retry-after": "Thu, 99 Jan 1970 00:00:10 GMT"}, None),
    ],
)
def test_a_wait_is_seconds_or_milliseconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retries.asked_wait(headers, now=40.0) == seconds


def test_waits_grow_to_a_limit_and_differ_between_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_FIRST_WAIT_SECONDS", 0.5)
    digests = ["0" * 64, "f" * 64]
    waits = [[retries.backoff(attempt, digest=digest) for attempt in range(1, 12)] for digest in digests]
    assert waits[0][:3] == [0.375, 0.75, 1.5]
    assert waits[1][:3] == [0.625, 1.25, 2.5]
    assert waits[1][-1] == 37.5


def test_when_stopped_no_further_attempt_is_made() -> None:
    stopped = threading.Event()

    def decide(text: str, number: int) -> str:
        stopped.set()
        return "500"

    with fake_server(decide) as fake:
        gap = ChatClient(fake.config()).ask(Question(("x",)), stopped=stopped)
    assert isinstance(gap, Gap)
    assert fake.asked["x"] == 1


# The key.


@pytest.fixture
def _printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert KEY not in "".join(capfd.readouterr())


@pytest.mark.usefixtures("_printed")
@pytest.mark.parametrize("deed", ["key in error", "key in 401", "key in answer"])
def test_a_server_that_repeats_the_key_is_not_repeated(deed: str) -> None:
    with fake_server(lambda *_: deed) as fake:
        gap = ask(fake, attempts=1)
    assert isinstance(gap, Gap)
    assert KEY not in repr(gap)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n", " "])
def test_the_end_of_a_line_after_the_key_is_no_part_of_it(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # http.client prints the header, key and all, where a `\r` of an .env file follows (open-agent-spec issue 91).
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}{end}")
    with fake_server() as fake:
        ask(fake)
    assert fake.authorizations == {f"Bearer {KEY}"}


@pytest.mark.parametrize("key", [f"{KEY}\r\nX-Other: 1", f"{KEY} two", f"{KEY}é", f"“{KEY}”"])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with fake_server() as fake, pytest.raises(LanguageModelError, match="OPENAI_API_KEY has signs") as caught:
        ask(fake)
    assert KEY not in str(caught.value) + repr(caught.value)
    assert not fake.requests


def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTHER_API_KEY", raising=False)
    with fake_server() as fake, pytest.raises(LanguageModelError, match="OTHER_API_KEY is not set"):
        ask(fake, key="OTHER_API_KEY")


def test_a_server_that_needs_no_key_gets_none() -> None:
    with fake_server() as fake:
        ask(fake, key=None)
    assert fake.authorizations == {None}


def test_a_word_in_place_of_a_key_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")  # what vLLM's documentation tells people to set
    with fake_server(answer=lambda _: "EMPTY the bowl") as fake:
        assert ask(fake) == Answer("EMPTY the bowl", MODEL, 1)


def test_the_client_does_not_show_or_keep_the_key() -> None:
    with fake_server() as fake:
        client = ChatClient(fake.config())
        client.ask(Question(("x",)), stopped=threading.Event())
    assert KEY not in repr(vars(client)) + repr(vars(chat_client)) + repr(client)
