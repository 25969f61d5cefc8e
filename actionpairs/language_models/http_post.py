"""One POST request that ends in time. Standard library only.

A socket's timeout is that of one `recv`: a server that sends a byte now and then is never late. So a timer ends
the request as a whole, body included (openai-node issue 1825: 37 minutes in a body that stalled). Redirects are
not followed, since urllib would take the key to the other host.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from threading import Lock, Timer
from types import TracebackType
from typing import Any

from actionpairs.errors import one_line
from actionpairs.language_models.questions import Failure

_MAX_BODY_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply of a server, whatever its status. header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NoReply:
    """No whole reply."""

    failure: Failure
    detail: str


def post(url: str, body: bytes, *, headers: Mapping[str, str], timeout_seconds: float) -> Reply | NoReply:
    """Send JSON and read the whole reply within a time. Proxies are those of the environment."""
    request = urllib.request.Request(
        url,
        body,
        {"Content-Type": "application/json", "Accept": "application/json", **headers},
        method="POST",
    )
    with _Deadline(timeout_seconds) as deadline:
        try:
            with _opener(deadline).open(request, timeout=timeout_seconds) as response:
                names = {name.lower(): value for name, value in response.headers.items()}
                reply = Reply(response.status, names, response.read(_MAX_BODY_BYTES + 1))
        except (
            OSError,
            http.client.HTTPException,
            ValueError,
        ) as error:  # ValueError: an SSL socket that was shut
            return _no_reply(error, late=deadline.has_passed, timeout_seconds=timeout_seconds)
        if deadline.has_passed:
            return _late(timeout_seconds)
    return _incomplete(reply) or reply


def _no_reply(error: Exception, *, late: bool, timeout_seconds: float) -> NoReply:
    cause = getattr(error, "reason", error)
    if late or isinstance(cause, TimeoutError):
        return _late(timeout_seconds)
    if isinstance(error, http.client.IncompleteRead):
        return NoReply(Failure.TRUNCATED, f"{len(error.partial)} bytes of it came")
    return NoReply(Failure.UNREACHABLE, one_line(cause) if isinstance(cause, Exception) else str(cause))


def _late(timeout_seconds: float) -> NoReply:
    return NoReply(Failure.TIMED_OUT, f"no whole reply in {timeout_seconds:g} s")


def _incomplete(reply: Reply) -> NoReply | None:
    if len(reply.body) > _MAX_BODY_BYTES:
        return NoReply(Failure.NO_CHAT_REPLY, f"more than {_MAX_BODY_BYTES >> 20} MiB")
    length = reply.headers.get("content-length", "")
    if length.isdecimal() and len(reply.body) < int(length):  # `read` with a limit does not raise
        return NoReply(Failure.TRUNCATED, f"{len(reply.body)} of {length} bytes came")
    return None


class _Deadline:
    """Shuts a request's socket when its time is over, whatever the request waits for."""

    def __init__(self, seconds: float) -> None:
        self._timer = Timer(seconds, self._pass)
        self._timer.daemon = True
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self.has_passed = False

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def watch(self, connected: socket.socket) -> None:
        """Shut this socket at the deadline."""
        with self._lock:
            self._socket = connected
            if self.has_passed:
                _shut(connected)

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            if self._socket is not None:
                _shut(self._socket)


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


class _Connection(http.client.HTTPConnection):
    deadline: _Deadline

    def connect(self) -> None:
        super().connect()
        self.deadline.watch(self.sock)


class _SecureConnection(http.client.HTTPSConnection):
    deadline: _Deadline

    def connect(self) -> None:
        super().connect()
        self.deadline.watch(self.sock)


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens connections that a deadline watches."""

    def __init__(self, deadline: _Deadline) -> None:
        urllib.request.AbstractHTTPHandler.__init__(self)
        self._deadline = deadline

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._secure_connection, request)

    def _connection(self, host: str, **options: Any) -> _Connection:
        connection = _Connection(host, **options)
        connection.deadline = self._deadline
        return connection

    def _secure_connection(self, host: str, **options: Any) -> _SecureConnection:
        connection = _SecureConnection(host, context=_trusted(), **options)
        connection.deadline = self._deadline
        return connection


def _opener(deadline: _Deadline) -> urllib.request.OpenerDirector:
    """Proxies and connections, and nothing that follows a redirect or raises for a status."""
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), _Handler(deadline)):
        opener.add_handler(handler)
    return opener


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()  # takes milliseconds: it reads all certificates
