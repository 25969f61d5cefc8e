"""A hub on this machine: repositories, commits, the LFS batch API and ranges, as huggingface_hub's client asks.

The requests and answers are those of huggingface_hub 2.4 (`hf_api.py`, `_commit_api.py`, `lfs.py`,
`file_download.py`). Storage is LFS, without Xet.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

TOKEN = "hf_notToBeShownAnywhere0123456789"
PAGE_SIZE = 50  # of listings; the hub's is 1,000
_LFS_SUFFIXES = (".tar", ".parquet", ".safetensors", ".png", ".mp4")  # as in the hub's own .gitattributes

Files = dict[str, bytes]
Fault = tuple[int, dict[str, str]]


@dataclass
class Repository:
    """One repository: its commits (id → files, oldest first), and branch → commit."""

    kind: str
    name: str
    private: bool
    sdk: str | None = None
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, files: Files, branch: str = "main", message: str = "initial commit") -> str:
        number = f"{self.kind} {self.name} {len(self.commits)}"
        oid = hashlib.sha1(number.encode()).hexdigest()
        self.commits[oid] = files
        self.branches[branch] = oid
        self.messages.append(message)
        return oid

    def files(self, revision: str) -> Files | None:
        return self.commits.get(self.branches.get(revision, revision))


class FakeHub:
    """What the hub holds, what it was asked, and how it fails.

    fault: method, path and the number of earlier requests like it → a status and headers, or None.
    """

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.uploaded: list[str] = []  # sha256 of what was sent, one for each PUT
        self.tokens: set[str | None] = set()
        self.sent = 0  # bytes of files
        self.url = ""
        self.fault: Callable[[str, str, int], Fault | None] = lambda method, path, number: None
        self.lock = threading.RLock()

    def create(
        self, name: str, kind: str = "dataset", *, private: bool = False, sdk: str | None = None
    ) -> Repository:
        repository = Repository(kind, name, private, sdk)
        repository.commit({".gitattributes": b"*.tar filter=lfs\n"})
        self.repositories[kind, name] = repository
        return repository

    def put_folder(self, name: str, folder: Path, kind: str = "dataset", *, private: bool = False) -> Repository:
        """A repository with the files of a folder."""
        repository = self.create(name, kind, private=private)
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        repository.commit({**repository.files("main"), **files})  # type: ignore[dict-item]
        return repository

    def count(self, method: str, part: str) -> int:
        return sum(part in path and method == used for used, path in self.requests)


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Run the server in a thread."""
    hub = FakeHub()

    class Handler(_Handler):
        state = hub

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that was stopped is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def used(hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process and its children use the fake hub, with a cache of its own."""
    from huggingface_hub import constants, hf_api
    from huggingface_hub.utils import close_session, disable_progress_bars, enable_progress_bars

    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hf_api.api, "endpoint", hub.url)
    disable_progress_bars()
    yield
    enable_progress_bars()
    close_session()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: FakeHub

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        with self.state.lock:
            number = sum(each == (self.command, path) for each in self.state.requests)
            self.state.requests.append((self.command, path))
            self.state.tokens.add(self.headers.get("Authorization"))
            fault = self.state.fault(self.command, path, number)
        try:
            if fault is not None:
                self.answer(fault[0], json.dumps({"error": "as the test wants"}).encode(), **fault[1])
                return
            for method, pattern, action in _ROUTES:
                match = re.fullmatch(pattern, path)
                if match and method == self.command:
                    with self.state.lock:
                        action(
                            self, body, parse_qs(parts.query), **{k: v or "" for k, v in match.groupdict().items()}
                        )
                    return
            self.fail(404, "EntryNotFound")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, content: Any, status: int = 200, **headers: str) -> None:
        self.answer(status, json.dumps(content).encode(), **headers)

    def fail(self, status: int, code: str) -> None:
        self.json({"error": code}, status, X_Error_Code=code, X_Error_Message=code)

    def repository(self, kind: str, name: str) -> Repository | None:
        """A repository that the request's token may see; else the answer is given."""
        repository = self.state.repositories.get((kind, name))
        token = self.headers.get("Authorization")
        if token not in {None, f"Bearer {TOKEN}"}:
            self.json({"error": "bad"}, 401, X_Error_Message="Invalid credentials in Authorization header")
        elif repository is None or (repository.private and token is None):
            self.fail(404 if token else 401, "RepoNotFound")
        else:
            return repository
        return None

    def at(self, kind: str, name: str, revision: str) -> tuple[Repository, Files] | None:
        repository = self.repository(kind, name)
        if repository is None:
            return None
        files = repository.files(revision)
        if files is None:
            self.fail(404, "RevisionNotFound")
            return None
        return repository, files

    def create_repository(self, body: bytes, query: Any) -> None:
        content = json.loads(body)
        kind, name = content.get("type", "model"), f"{content['organization']}/{content['name']}"
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.fail(401, "Unauthorized")
            return
        url = f"{self.state.url}/{'' if kind == 'model' else kind + 's/'}{name}"
        if (kind, name) in self.state.repositories:
            self.json({"error": "You already created this repo", "url": url}, 409)
            return
        private = content.get("visibility") == "private"
        self.state.create(name, kind, private=private, sdk=content.get("sdk"))
        self.json({"url": url})

    def describe(self, body: bytes, query: Any, kind: str, name: str, revision: str = "main") -> None:
        if opened := self.at(kind, name, revision):
            repository, files = opened
            oid = repository.branches.get(revision, revision)
            siblings = [{"rfilename": path} for path in sorted(files)]
            self.json(
                {"id": name, "sha": oid, "private": repository.private, "siblings": siblings, "tags": [],
                 "lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z"}
            )  # fmt: skip

    def list_tree(self, body: bytes, query: Any, kind: str, name: str, revision: str, path: str = "") -> None:
        opened = self.at(kind, name, revision)
        if opened is None:
            return
        start = f"{path}/" if path else ""
        entries: dict[str, dict[str, Any]] = {}
        for file, data in sorted(opened[1].items()):
            inside = file.removeprefix(start).split("/")
            if not file.startswith(start):
                continue
            for depth in range(1, len(inside)):
                folder = start + "/".join(inside[:depth])
                entries.setdefault(folder, {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0})
            entries[file] = _entry(file, data)
        if query.get("recursive", ["false"])[0].lower() != "true":
            entries = {entry: value for entry, value in entries.items() if "/" not in entry.removeprefix(start)}
        if path and not entries:
            self.fail(404, "EntryNotFound")
            return
        first = int(query.get("cursor", ["0"])[0])
        page = list(entries.values())[first : first + PAGE_SIZE]
        link = {}
        if first + PAGE_SIZE < len(entries):
            again = f"{self.state.url}{self.path.partition('?')[0]}?recursive={query['recursive'][0]}"
            link = {"Link": f'<{again}&cursor={first + PAGE_SIZE}>; rel="next"'}
        self.json(page, **link)

    def preupload(self, body: bytes, query: Any, kind: str, name: str, revision: str) -> None:
        if opened := self.at(kind, name, revision):
            modes = []
            for file in json.loads(body)["files"]:
                present = opened[1].get(file["path"])
                mode = "lfs" if file["path"].endswith(_LFS_SUFFIXES) else "regular"
                oid = None if present is None else _oid(file["path"], present)
                modes.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
            self.json({"files": modes})

    def lfs_batch(self, body: bytes, query: Any, kind: str, name: str) -> None:
        if self.repository(kind, name) is None:
            return
        objects = []
        for each in json.loads(body)["objects"]:
            upload = {"upload": {"href": f"{self.state.url}/lfs/{each['oid']}?X-Amz-Signature=hidden"}}
            is_there = each["oid"] in self.state.blobs
            objects.append({**each, **({} if is_there else {"actions": upload})})
        self.json({"transfer": "basic", "objects": objects})

    def store_blob(self, body: bytes, query: Any, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            self.fail(400, "BadDigest")
            return
        self.state.blobs[oid] = body
        self.state.uploaded.append(oid)
        self.answer(200, b"")

    def commit(self, body: bytes, query: Any, kind: str, name: str, revision: str) -> None:
        opened = self.at(kind, name, revision)
        if opened is None:
            return
        repository, before = opened
        files, lines = dict(before), [json.loads(line) for line in body.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit", repository.branches[revision]) != repository.branches[revision]:
            self.json({"error": "A commit has happened since."}, 412)
            return
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.state.blobs[value["oid"]]
            else:
                del files[value["path"]]
        oid = repository.commit(files, revision, header["summary"])
        self.json({"commitUrl": f"{self.state.url}/{name}/commit/{oid}", "commitOid": oid, "pullRequestUrl": None})

    def check_card(self, body: bytes, query: Any) -> None:
        if "license: no-such-license" in json.loads(body)["content"]:
            self.json({"errors": [{"message": '"license" must be one of [apache-2.0, mit, …]'}]}, 400)
        else:
            self.json({"errors": [], "warnings": []})

    def create_branch(self, body: bytes, query: Any, kind: str, name: str, branch: str) -> None:
        if repository := self.repository(kind, name):
            repository.branches[branch] = repository.branches["main"]
            self.json({})

    def send_file(self, body: bytes, query: Any, kind: str, name: str, revision: str, path: str) -> None:
        opened = self.at(kind, name, revision)
        if opened is None:
            return
        repository, files = opened
        if path not in files:
            self.fail(404, "EntryNotFound")
            return
        data, status, headers = files[path], 200, {}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted:
            start, stop = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
            data, status = data[start:stop], 206 if start < len(data) else 416
        self.state.sent += len(data) if self.command == "GET" else 0
        headers |= {
            "ETag": f'"{_oid(path, files[path])}"',
            "X-Repo-Commit": repository.branches.get(revision, revision),
        }
        self.answer(status, data, **{**headers, "X-Linked-Size": str(len(files[path])), "Accept-Ranges": "bytes"})


def _oid(path: str, data: bytes) -> str:
    """The SHA-256 of an LFS file; of any other, git's hash of the blob."""
    if path.endswith(_LFS_SUFFIXES):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": _oid(path, data)}
    if path.endswith(_LFS_SUFFIXES):
        entry |= {"oid": "1" * 40, "lfs": {"oid": _oid(path, data), "size": len(data), "pointerSize": 130}}
    return entry


_REPOSITORY = r"/api/(?P<kind>dataset|model|space)s/(?P<name>[^/]+/[^/]+)"
_ROUTES: list[tuple[str, str, Callable[..., None]]] = [
    ("POST", "/api/repos/create", _Handler.create_repository),
    ("POST", "/api/validate-yaml", _Handler.check_card),
    ("GET", _REPOSITORY, _Handler.describe),
    ("GET", _REPOSITORY + "/revision/(?P<revision>.+)", _Handler.describe),
    ("GET", _REPOSITORY + r"/tree/(?P<revision>refs/pr/\d+|[^/]+)(?:/(?P<path>.*))?", _Handler.list_tree),
    ("POST", _REPOSITORY + "/preupload/(?P<revision>.+)", _Handler.preupload),
    ("POST", _REPOSITORY + "/commit/(?P<revision>.+)", _Handler.commit),
    ("POST", _REPOSITORY + "/branch/(?P<branch>.+)", _Handler.create_branch),
    ("PUT", "/lfs/(?P<oid>[0-9a-f]+)", _Handler.store_blob),
]
for _prefix, _kind in (("datasets/", "dataset"), ("spaces/", "space"), ("", "model")):
    _name = r"(?P<name>(?!api/|datasets/|spaces/|lfs/)[^/]+/[^/]+?)"

    def _of(action: Callable[..., None], kind: str = _kind) -> Callable[..., None]:
        return lambda handler, body, query, **parts: action(
            handler, body, query, kind=kind, **{name: part or "" for name, part in parts.items()}
        )

    _file = rf"/{_prefix}{_name}/resolve/(?P<revision>refs/pr/\d+|[^/]+)/(?P<path>.+)"
    _ROUTES += [
        ("POST", rf"/{_prefix}{_name}\.git/info/lfs/objects/batch", _of(_Handler.lfs_batch)),
        ("GET", _file, _of(_Handler.send_file)),
        ("HEAD", _file, _of(_Handler.send_file)),
    ]
