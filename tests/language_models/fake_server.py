"""A chat server on this machine that answers, lies, stalls, limits and breaks as real ones do."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from actionpairs.configs import ChatModelConfig

KEY = "sk-test-0123456789abcdefghijklmnop"
MODEL = "fake-model-2026-01-01"  # as the server reports it

Decide = Callable[[str, int], str]


def completion(content: Any, *, reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion as OpenAI's reference has it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion", "model": MODEL, "choices": [choice]}


def error(message: str, code: object = None) -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"message": message, "type": "an_error", "code": code}}


class FakeServer:
    """Counts what it is asked and what it answered, by the text of the question.

    decide: the text and the number of the request for it (from 0) → what to do, a name in `_Handler.DEEDS`.
    answer: the text → the answer.
    """

    def __init__(self, decide: Decide, answer: Callable[[str], str]) -> None:
        self.decide, self.answer = decide, answer
        self.lock = threading.Lock()
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.requests: list[dict[str, Any]] = []
        self.authorizations: set[str | None] = set()
        self.times: list[float] = []
        self.under_way = self.most_under_way = 0
        self.ended = threading.Event()
        self.url = ""

    def config(self, **options: Any) -> ChatModelConfig:
        """The config of a client for this server."""
        return ChatModelConfig(**{"url": self.url, "model": "fake", "timeout_seconds": 20.0, **options})


@contextmanager
def fake_server(
    decide: Decide = lambda text, number: "answer", answer: Callable[[str], str] = lambda text: f"{text}!"
) -> Iterator[FakeServer]:
    """Run a server in a thread."""
    fake = FakeServer(decide, answer)

    class Handler(_Handler):
        server_state = fake

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that was killed is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield fake
    finally:
        fake.ended.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: FakeServer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Do what the test decides."""
        fake = self.server_state
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = request["messages"][-1]["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        with fake.lock:
            number = fake.asked[text]
            fake.asked[text] += 1
            fake.requests.append(request)
            fake.authorizations.add(self.headers["Authorization"])
            fake.times.append(time.monotonic())
            fake.under_way += 1
            fake.most_under_way = max(fake.most_under_way, fake.under_way)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):
                self.react(fake.decide(text, number), text)
        finally:
            with fake.lock:
                fake.under_way -= 1

    def react(self, deed: str, text: str) -> None:
        """Do one deed of DEEDS, or send the JSON that it is."""
        if deed == "answer":
            self.send(completion(self.server_state.answer(text)))
            with self.server_state.lock:
                self.server_state.answered[text] += 1
        elif deed.startswith("{"):
            self.send(json.loads(deed))
        elif deed[:3].isdecimal():
            status, _, after = deed.partition(" after ")
            code, _, word = status.partition(" ")
            headers = {"Retry-After": after} if after else {}
            self.send(error("Too fast, too many.", word or None), status=int(code), headers=headers)
        else:
            self.DEEDS[deed](self)

    def send(self, content: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send JSON."""
        self.send_bytes(json.dumps(content).encode(), status=status, headers=headers)

    def send_bytes(
        self,
        body: bytes,
        *,
        status: int = 200,
        kind: str = "application/json; charset=utf-8",
        headers: dict[str, str] | None = None,
        claimed: int = 0,
    ) -> None:
        """Send bytes, and claim that there are `claimed` more."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body) + claimed)}.items():
            self.send_header(name, value)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if claimed:
            self.close_connection = True

    def stall(self) -> None:
        """Send nothing, for ever."""
        self.server_state.ended.wait(60)

    def drip(self, start: bytes) -> None:
        """Send a byte now and then, for ever: no `recv` is ever late."""
        self.wfile.write(start)
        while not self.server_state.ended.wait(0.1):
            self.wfile.write(b" ")
            self.wfile.flush()

    def reset(self) -> None:
        """Reset the connection."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def chunks(self) -> None:
        """Begin a chunked body and end the connection in it."""
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'40\r\n{"choices": [{"mess'
        )
        self.close_connection = True

    DEEDS: dict[str, Callable[[Any], None]] = {  # noqa: RUF012
        "stall": stall,
        "drip headers": lambda self: self.drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        "drip body": lambda self: self.drip(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
        ),
        "reset": reset,
        "broken json": lambda self: self.send_bytes(b'{"choices": [{"message": {"content": "take'),
        "deep json": lambda self: self.send_bytes(b"[" * 200_000),
        "not utf-8": lambda self: self.send_bytes(b'{"choices": "\xff\xfe"}'),
        "truncated": lambda self: self.send_bytes(json.dumps(completion("take")).encode(), claimed=40),
        "chunks": chunks,
        "html": lambda self: self.send_bytes(b"<html>Bad gateway</html>", kind="text/html"),
        "event stream": lambda self: self.send_bytes(b"data: {}\n\n", kind="text/event-stream"),
        "redirect": lambda self: self.send(
            {}, status=307, headers={"Location": "https://u:secret@elsewhere/v1?k=1"}
        ),
        "after date": lambda self: self.send(
            error("Wait."), status=429, headers={"Retry-After": formatdate(time.time() + 2, usegmt=True)}
        ),
        "after ms": lambda self: self.send(error("Wait."), status=429, headers={"retry-after-ms": "700"}),
        "key in error": lambda self: self.send(
            error(f"Bad key {KEY} for {self.headers['Authorization']}"), status=400
        ),
        "key in 401": lambda self: self.send(error(f"Incorrect API key provided: {KEY}."), status=401),
        "key in answer": lambda self: self.send(completion(f"the key is {KEY}")),
        "huge": lambda self: self.send_bytes(b" " * ((16 << 20) + 2)),
    }
