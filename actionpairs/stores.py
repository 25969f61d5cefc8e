"""Object stores and web servers: connections, retries, and error texts without secrets."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from actionpairs.errors import ActionpairsError, StorageError, UnreachableError, one_line, without_secrets
from actionpairs.hub import address

Result = TypeVar("Result")

# How long a failing store is retried; less than the timeout after which extract gives up on a video.
RETRY_SECONDS = 60.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.25, 8.0
_CONNECT_SECONDS, _READ_SECONDS = 5, 15  # of one request

_S3 = frozenset({"s3", "s3a"})
_WEB = frozenset({"http", "https"})
_BUCKETS = _S3 | {"gs", "gcs"}
_PERMANENT_ERRORS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
CREDENTIALS = (
    "Give credentials as the store's own tools take them: AWS_PROFILE, AWS_ACCESS_KEY_ID or ~/.aws for S3, "
    "GOOGLE_APPLICATION_CREDENTIALS for Google, HF_TOKEN for Hugging Face; and check what they may do there. "
    "A signed URL may have expired."
)
_PERMANENT_ERRNOS = frozenset({errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.ENOSPC})
# Errors of botocore and aiohttp that are no OSError; by name, since neither has to be installed.
_TEMPORARY_ERRORS = frozenset(
    [
        "ConnectionError",
        "HTTPClientError",
        "IncompleteReadError",
        "ResponseParserError",
        "ClientConnectionError",
        "ClientPayloadError",
        "TimeoutError",
    ]
)
_TEMPORARY_STATUSES = frozenset({408, 425, 429})  # HTTP statuses after which a retry may work
_logger = logging.getLogger(__name__)


def pinned(url: str) -> str:
    """The URL of the state that a folder has now: of a repository on the hub, its commit; else the URL itself.

    Raises StorageError if there is no such repository, UnreachableError if the hub cannot be asked.
    """
    if not address.is_repository(url):
        return url
    from actionpairs.hub import files

    return retry(lambda: files.pin(url), where=url)


def connect(url: str) -> tuple[AbstractFileSystem, str]:
    """The fsspec file system of a path or URL, and the path in it.

    Raises StorageError if the URL holds credentials, ImportError if a library is not installed.
    """
    if address.is_repository(url):
        return _connect_to_hub(url)
    protocol = url.partition("://")[0] if "://" in url else "file"
    if protocol in _BUCKETS and without_secrets(url) != url.partition("?")[0]:
        raise StorageError(f"{without_secrets(url)}: credentials stand in the URL.", cure=CREDENTIALS)
    options: dict[str, Any] = {}
    if protocol != "file":
        options["use_listings_cache"] = False  # other processes write there too
    if protocol in _S3:
        options["config_kwargs"] = _s3_config()
    if protocol in _WEB:
        options["client_kwargs"] = _web_config()
    system, path = fsspec.core.url_to_fs(url, **options)
    if protocol in _S3:
        system.retries = 1  # `retry` does it
    return system, path


def _connect_to_hub(url: str) -> tuple[Any, str]:
    from actionpairs.hub import client, files

    if client.is_offline():
        return LocalFileSystem(), files.cached_folder(url)
    hub = files.HubFiles(url)
    return hub, hub.root


def is_web(url: str) -> bool:
    """Whether a URL is on a web server, which is read-only."""
    return url.partition("://")[0] in _WEB


def retry(call: Callable[[], Result], *, where: str) -> Result:
    """Call a store, and retry while it is unreachable or has a temporary error.

    Raises UnreachableError after RETRY_SECONDS, and any permanent error at once.
    """
    deadline = time.monotonic() + RETRY_SECONDS
    for number, wait in enumerate(_waits()):
        try:
            return call()
        except Exception as error:
            if not _is_temporary(error):
                if isinstance(error, OSError | ImportError | ActionpairsError):
                    raise
                raise OSError(error_text(error)) from error  # each store's library has its own exception types
            why = error_text(error)
            if time.monotonic() + wait > deadline:
                raise UnreachableError(
                    f"{where}: no answer for {RETRY_SECONDS:g} s: {why}.", cure=_NETWORK
                ) from None
        if number == 2:  # one or two failures are common
            _logger.warning("%s: no answer yet, asking again: %s", without_secrets(where), why)
        time.sleep(wait)
    raise AssertionError  # unreachable: _waits() never ends


def error_text(error: BaseException) -> str:
    """The message of another library's exception, on one line and without secrets."""
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None and http_status(error) is not None:
        error = error.__cause__  # fsspec raises it for every HTTP failure
    text = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)  # type: ignore[arg-type]
    return without_secrets(text or type(error).__name__).rstrip(".")


def is_unauthorized(error: BaseException) -> bool:
    """Whether a store refused the credentials, or needs some."""
    named = any("Credential" in type(each).__name__ for each in (error, error.__cause__))
    return named or isinstance(error, PermissionError) or http_status(error) in {401, 403}


def http_status(error: BaseException) -> int | None:
    """The HTTP status behind an error, or None."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore
            return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) or None
        for name in ("status", "code"):  # aiohttp, gcsfs
            if isinstance(status := getattr(each, name, None), int):
                return status
    return None


def _is_temporary(error: Exception) -> bool:
    """Whether a retry may succeed."""
    status = http_status(error)
    if status is not None:
        return status >= 500 or status in _TEMPORARY_STATUSES
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        return _is_temporary(error.__cause__)  # fsspec raises it for every HTTP failure
    if isinstance(error, OSError):
        return not isinstance(error, _PERMANENT_ERRORS) and error.errno not in _PERMANENT_ERRNOS
    return bool(_TEMPORARY_ERRORS & {kind.__name__ for kind in type(error).__mro__})


def _waits() -> Iterator[float]:
    wait = _FIRST_WAIT_SECONDS
    while True:
        yield wait
        wait = min(2 * wait, _LONGEST_WAIT_SECONDS)


def _s3_config() -> dict[str, Any]:
    """Options for botocore; the user's own fsspec and botocore settings override them.

    Newer SDKs verify a checksum of every response, but many S3-compatible stores send the whole file's checksum
    with a range.
    """
    ours: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"total_max_attempts": 1},
    }
    if "AWS_RESPONSE_CHECKSUM_VALIDATION" not in os.environ:
        ours["response_checksum_validation"] = "when_required"
    return {**ours, **fsspec.config.conf.get("s3", {}).get("config_kwargs", {})}


def _web_config() -> dict[str, Any]:
    import aiohttp

    return {"timeout": aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS)}


_NETWORK = "Check the network and the endpoint, and run the same command again: it goes on where it stopped."
