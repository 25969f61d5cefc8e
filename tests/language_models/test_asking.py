"""Many questions at a time: nothing lost, nothing asked twice, whatever the server and the power do."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from actionpairs.errors import LanguageModelError, StorageError
from actionpairs.language_models import Answer, ChatClient, Failure, Gap, Question, ask_all, open_cache, retries
from actionpairs.language_models.asking import gap_counts
from tests.language_models.fake_server import KEY, FakeServer, fake_server

FAULTS = ("429", "429 x after 0.01", "500", "503", "reset", "broken json", "truncated", "chunks", "html")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_FIRST_WAIT_SECONDS", 0.01)


def fails(text: str, number: int) -> str:
    """One request of five fails, in one of many ways; by hash, so that every run has the same faults."""
    draw = int.from_bytes(hashlib.sha256(f"{text} {number}".encode()).digest()[:4])
    return FAULTS[draw // 5 % len(FAULTS)] if draw % 5 == 0 else "answer"


def passes(text: str) -> tuple[Failure, str] | None:
    """No rule."""
    return None


def questions(count: int) -> list[Question]:
    return [Question((f"question {number}",)) for number in range(count)]


def ask(
    fake: FakeServer, folder: Path, some: list[Question], *, concurrency: int = 8, **options: object
) -> list[Answer | Gap]:
    model = ChatClient(fake.config(**{"attempts": 8, **options}))
    with open_cache(folder, model, prompt="p") as cache:
        return list(ask_all(model, some, cache=cache, check=passes, concurrency=concurrency))


def texts(replies: list[Answer | Gap]) -> list[str]:
    assert all(isinstance(reply, Answer) for reply in replies)
    return [reply.text for reply in replies if isinstance(reply, Answer)]


def test_five_hundred_questions_with_a_fifth_of_faults_lose_none_and_ask_none_again(tmp_path: Path) -> None:
    with fake_server(fails) as fake:
        replies = ask(fake, tmp_path, questions(500))
        asked = fake.asked.total()
        again = ask(fake, tmp_path, questions(500))
        assert fake.asked.total() == asked
    assert texts(replies) == [f"question {number}!" for number in range(500)]
    assert again == replies
    assert set(fake.answered.values()) == {1}
    assert asked > 600
    assert 2 <= fake.most_under_way <= 8
    assert max(reply.attempts for reply in replies if isinstance(reply, Answer)) > 1


@pytest.mark.parametrize("concurrency", [1, 3, 32])
def test_answers_come_in_the_order_of_the_questions_at_any_concurrency(tmp_path: Path, concurrency: int) -> None:
    def slow(text: str, number: int) -> str:
        time.sleep(0.02 if text.endswith("0") else 0)
        return "answer"

    with fake_server(slow) as fake:
        replies = ask(fake, tmp_path, questions(60), concurrency=concurrency)
    assert texts(replies) == [f"question {number}!" for number in range(60)]
    assert fake.most_under_way <= concurrency


def test_equal_questions_are_asked_once(tmp_path: Path) -> None:
    with fake_server() as fake:
        assert len(texts(ask(fake, tmp_path, questions(5) * 4))) == 20
    assert set(fake.asked.values()) == {1}


def test_questions_that_differ_in_the_seed_alone_are_different(tmp_path: Path) -> None:
    with fake_server() as fake:
        ask(fake, tmp_path, [Question(("x",), seed=seed) for seed in range(3)])
    assert sorted(request["seed"] for request in fake.requests) == [0, 1, 2]


def test_another_temperature_or_model_asks_again_and_another_url_or_timeout_does_not(tmp_path: Path) -> None:
    with fake_server() as one:
        ask(one, tmp_path, questions(1))
        for options in ({"temperature": 0.5}, {"model": "other"}, {"request": {"top_p": 0.5}}, {"max_tokens": 9}):
            ask(one, tmp_path, questions(1), **options)
    assert one.asked.total() == 5
    with fake_server() as two:
        ask(two, tmp_path, questions(1), timeout_seconds=3.0)
    assert not two.asked


def test_what_is_cached_needs_no_key_and_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_server() as fake:
        ask(fake, tmp_path, questions(3))
    monkeypatch.delenv("OPENAI_API_KEY")
    assert len(texts(ask(fake, tmp_path, questions(3)))) == 3


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from actionpairs.language_models import retries
retries._FIRST_WAIT_SECONDS = 0.01
from actionpairs.configs import ChatModelConfig
from actionpairs.language_models import ChatClient, ask_all, open_cache
from tests.language_models.test_asking import passes, questions
model = ChatClient(ChatModelConfig(url={url!r}, model="fake", attempts=8, timeout_seconds=20))
with open_cache(Path({folder!r}), model, prompt="p") as cache:
    list(ask_all(model, questions(500), cache=cache, check=passes, concurrency=8))
"""


def test_killed_three_times_a_run_of_500_loses_none_and_asks_none_that_it_has(tmp_path: Path) -> None:
    folder, kills = tmp_path / "cache", 0

    def lines() -> list[bytes]:
        files = list(folder.glob("*.jsonl"))
        return files[0].read_bytes().split(b"\n")[:-1] if files else []

    with fake_server(fails) as fake:
        script = SCRIPT.format(root=str(Path(__file__).parents[2]), url=fake.url, folder=str(folder))
        for wanted in (90, 220, 350):
            with subprocess.Popen([sys.executable, "-c", script]) as process:
                while len(lines()) < wanted and process.poll() is None:
                    time.sleep(0.002)
                process.kill()
                kills += process.wait() == -9
            time.sleep(0.2)  # what the killed run had sent is answered now
            kept, answered = len(lines()), Counter(fake.answered)
            assert answered.total() - kept <= 8 * kills, "more than was under way is lost"
        with next(folder.glob("*.jsonl")).open("ab") as file:
            file.write(b'{"answer": "half')
        cached = {f"question {number}" for number in range(500)} & set(asked_texts(lines()))
        replies = ask(fake, folder, questions(500))
        assert not {text for text in cached if fake.answered[text] != answered[text]}
    assert kills == 3
    assert texts(replies) == [f"question {number}!" for number in range(500)]
    assert len(lines()) == 500
    assert fake.answered.total() <= 500 + 8 * kills
    assert KEY.encode() not in b"".join(path.read_bytes() for path in folder.iterdir())


def asked_texts(lines: list[bytes]) -> list[str]:
    """The texts of the questions in lines of a cache."""
    import json

    return [json.loads(line)["question"]["parts"][0] for line in lines]


# Gaps.


def test_a_question_that_never_gets_an_answer_is_a_gap_among_answers(tmp_path: Path) -> None:
    with fake_server(lambda text, number: "500" if text == "question 4" else "answer") as fake:
        replies = ask(fake, tmp_path, questions(9), attempts=2)
    assert [number for number, reply in enumerate(replies) if isinstance(reply, Gap)] == [4]
    assert gap_counts(replies) == {"server error": 1}
    with fake_server() as fake:  # a gap is not cached: the next run asks it, and it alone
        assert len(texts(ask(fake, tmp_path, questions(9)))) == 9
        assert list(fake.asked) == ["question 4"]


def test_an_answer_against_the_rules_is_never_cached(tmp_path: Path) -> None:
    # dspy issue 1544: an answer of the wrong form was cached, and every further run failed with it.
    def check(text: str) -> tuple[Failure, str] | None:
        return (Failure.AGAINST_RULES, "a 1") if "1" in text else None

    with fake_server() as fake:
        model = ChatClient(fake.config())
        with open_cache(tmp_path, model, prompt="p") as cache:
            replies = list(ask_all(model, questions(3), cache=cache, check=check, concurrency=2))
            assert len(cache) == 2
        assert replies[1] == Gap(Failure.AGAINST_RULES, "a 1", 1)
        assert len(texts(ask(fake, tmp_path, questions(3)))) == 3
        assert fake.asked["question 1"] == 2


def test_a_cached_answer_that_passes_no_more_is_asked_again_and_replaced(tmp_path: Path) -> None:
    with fake_server(answer=lambda text: "old") as fake:
        ask(fake, tmp_path, questions(1))

    def check(text: str) -> tuple[Failure, str] | None:
        return (Failure.AGAINST_RULES, "old") if text == "old" else None

    with fake_server(answer=lambda text: "new") as fake:
        model = ChatClient(fake.config())
        for _ in range(2):
            with open_cache(tmp_path, model, prompt="p") as cache:
                [reply] = ask_all(model, questions(1), cache=cache, check=check, concurrency=1)
            assert isinstance(reply, Answer)
            assert reply.text == "new"
        assert fake.asked.total() == 1


@pytest.mark.parametrize(
    ("deed", "says", "cure"),
    [
        ("401", "not authorized", "key"),
        ("404", "no such model", "url"),
        ("402", "out of credit", "Pay"),
        ("429 x after 7200", "rate limited.*wait 7,200 s", "later"),
        ("redirect", "redirected.*https://elsewhere/v1", "url"),
    ],
)
def test_what_every_question_would_meet_ends_the_run_at_once(
    tmp_path: Path, deed: str, says: str, cure: str
) -> None:
    with fake_server(lambda *_: deed) as fake, pytest.raises(LanguageModelError, match=says) as caught:
        ask(fake, tmp_path, questions(200))
    assert cure in caught.value.cure
    assert "in a row" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert fake.asked.total() <= 40


@pytest.mark.parametrize(("deed", "most"), [("500", 8), ("400", 8)])
def test_a_server_that_is_down_is_not_asked_for_ever(tmp_path: Path, deed: str, most: int) -> None:
    with fake_server(lambda *_: deed) as fake, pytest.raises(LanguageModelError, match="8 questions in a row"):
        ask(fake, tmp_path, questions(500), attempts=1, concurrency=2)
    assert len(fake.asked) <= most + 2 * 4 + 2


def test_a_request_that_the_server_takes_amiss_names_the_key_that_cures_it(tmp_path: Path) -> None:
    deed = '{"error": {"message": "Unsupported parameter: \'max_tokens\'", "code": 400}}'
    with fake_server(lambda *_: deed) as fake, pytest.raises(LanguageModelError, match="max_tokens") as caught:
        ask(fake, tmp_path, questions(20))
    assert "`request`" in caught.value.cure


def test_a_model_that_refuses_everything_is_not_paid_for_ever(tmp_path: Path) -> None:
    deed = '{"choices": [{"message": {"content": null, "refusal": "No."}}]}'
    with fake_server(lambda *_: deed) as fake, pytest.raises(LanguageModelError, match="50 questions in a row"):
        ask(fake, tmp_path, questions(500), concurrency=2)
    assert len(fake.asked) <= 62


def test_a_missing_key_ends_the_run_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with fake_server() as fake, pytest.raises(LanguageModelError, match="OPENAI_API_KEY is not set"):
        ask(fake, tmp_path, questions(9))
    assert not fake.asked


def test_an_error_ends_the_waiting_of_all_threads(tmp_path: Path) -> None:
    with fake_server(lambda text, number: "401" if text == "question 0" else "429 x after 60") as fake:
        start = time.monotonic()
        with pytest.raises(LanguageModelError, match="not authorized"):
            ask(fake, tmp_path, questions(20))
    assert time.monotonic() - start < 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("asking")]


def test_a_full_disk_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, line: write(handle, line[:5]) if line[:1] == b"{" else 0)
    with fake_server() as fake, pytest.raises(StorageError, match="cannot be written"):
        ask(fake, tmp_path, questions(9))
