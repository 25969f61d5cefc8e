"""Addresses on the Hugging Face Hub: hf://[datasets/|models/|spaces/]OWNER/NAME[@REVISION][/PATH]."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, unquote

from actionpairs.errors import StorageError

Kind = Literal["dataset", "model", "space"]

PROTOCOL = "hf://"
FORM = "hf://[datasets/|models/|spaces/]OWNER/NAME[@REVISION][/PATH]"
_KINDS: dict[str | None, Kind] = {None: "model", "datasets": "dataset", "models": "model", "spaces": "space"}
_PREFIXES: dict[Kind, str] = {"dataset": "datasets/", "model": "", "space": "spaces/"}
_NO_OWNERS = "datasets|models|spaces|buckets|kernels"
_NAME = r"[A-Za-z0-9_][\w.-]*"
# The hub's own references have slashes; in other revisions a slash is written as %2F.
_ADDRESS = re.compile(
    rf"hf://(?:(?P<kind>datasets|models|spaces)/)?(?P<repository>(?!(?:{_NO_OWNERS})/){_NAME}/{_NAME})"
    r"(?:@(?P<revision>refs/(?:convert/[\w.-]+|pr/\d+)|[^/@]+))?(?:/+(?P<path>.*))?",
    re.ASCII | re.DOTALL,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A repository, or a folder in it. revision: a branch, tag or commit; None is the branch `main`.

    has_kind: whether the address says if it is a data set, a model or a space. Without it, the hub takes a model.
    """

    kind: Kind
    repository: str
    revision: str | None = None
    path: str = ""
    has_kind: bool = True

    @property
    def url(self) -> str:
        """The address as text."""
        path = f"/{self.path}" if self.path else ""
        return f"{PROTOCOL}{_PREFIXES[self.kind]}{self.repository}{self._at}{path}"

    @property
    def root(self) -> str:
        """The repository with its kind and revision, as the hub's file system takes it."""
        return f"{_PREFIXES[self.kind]}{self.repository}{self._at}"

    @property
    def page(self) -> str:
        """The repository's page, below the hub's own address."""
        return f"{_PREFIXES[self.kind]}{self.repository}"

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None

    def at(self, revision: str) -> HubAddress:
        """The same place in another revision."""
        return replace(self, revision=revision)

    def inside(self, name: str) -> str:
        """The path in the repository of a file of this folder."""
        return "/".join(part for part in (self.path, name) if part)

    @property
    def _at(self) -> str:
        if self.revision is None:
            return ""
        return f"@{self.revision if self.revision.startswith('refs/') else quote(self.revision, safe='')}"


def is_repository(url: str) -> bool:
    """Whether a URL is of a repository of the hub. Its buckets are object stores, and no repositories."""
    return url.startswith(PROTOCOL) and not url.startswith(f"{PROTOCOL}buckets/")


def parse(url: str) -> HubAddress:
    """An address from its text. Raises StorageError if it is none, or its path leads out of the repository."""
    match = _ADDRESS.fullmatch(url)
    parts = (match["path"] or "").rstrip("/").split("/") if match else []
    if match is None or (parts != [""] and any(part in {"", ".", ".."} for part in parts)):
        raise StorageError(f"{url}: no address of a repository on the hub.", cure=f"Write it as {FORM}.")
    revision = unquote(match["revision"]) if match["revision"] else None
    return HubAddress(_KINDS[match["kind"]], match["repository"], revision, "/".join(parts), bool(match["kind"]))
