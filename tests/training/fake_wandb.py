"""A server that answers W&B's client as the real one does, for the calls that a run makes."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PROJECT = {"id": "cA==", "name": "actionpairs", "entity": {"id": "ZQ==", "name": "someone"}}


class FakeWandB(ThreadingHTTPServer):
    """Keeps the history and the pictures of each run. Queries: by their operation's name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.names: dict[str, str] = {}
        self.uploads: list[str] = []

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """What the real server says to a query."""
        if operation == "Viewer":
            return {"viewer": {"id": "VQ==", "entity": "someone", "username": "someone", "flags": "{}"}}
        if operation == "RunResumeStatus":
            return {"model": {**_PROJECT, "bucket": self._resumed(variables["name"])}}
        if operation == "UpsertBucket":
            name = variables["name"] or variables["id"]
            is_new = self.history.setdefault(name, []) == []
            self.names.setdefault(name, variables["displayName"])
            bucket = {"id": "cnVu", "name": name, "displayName": self.names[name], "project": _PROJECT}
            return {"upsertBucket": {"bucket": bucket, "inserted": is_new}}
        if operation == "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in variables["files"]]
            return {"createRunFiles": {"runID": "cnVu", "uploadHeaders": [], "files": files}}
        return {}

    def _resumed(self, name: str) -> dict[str, Any] | None:
        rows = self.history.get(name)
        if not rows:
            return None
        last = json.dumps(rows[-1])
        counts = {"logLineCount": 0, "historyLineCount": len(rows), "eventsLineCount": 0}
        tails = {"historyTail": json.dumps([last]), "eventsTail": "[]", "summaryMetrics": last}
        return {"id": "cnVu", "name": name, "config": "{}", "wandbConfig": '{"t": 1}', **counts, **tails}


class _Handler(BaseHTTPRequestHandler):
    server: FakeWandB

    def do_PUT(self) -> None:
        """A file: a picture, the summary."""
        self._body()
        self.server.uploads.append(self.path.removeprefix("/upload/"))
        self._send({})

    def do_POST(self) -> None:
        """A query, or lines of a run's history."""
        body = self._body()
        if self.path == "/graphql":
            query = json.loads(body)
            self._send({"data": self.server.answer(query.get("operationName"), query.get("variables") or {})})
            return
        if self.path.endswith("/file_stream"):
            files = json.loads(body).get("files") or {}
            lines = files.get("wandb-history.jsonl", {}).get("content", [])
            self.server.history[self.path.split("/")[-2]] += [json.loads(line) for line in lines]
        self._send({})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _send(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[FakeWandB]:
    """A server on a free port."""
    server = FakeWandB()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
