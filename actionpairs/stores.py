"""Object stores and web servers: how they are asked, how long they are waited for, what may be shown of them."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import fsspec
from fsspec import AbstractFileSystem

from actionpairs.errors import ActionpairsError, StorageError, UnreachableError, one_line, without_secrets

Answer = TypeVar("Answer")

# For so long a store that fails is asked again; less than what extract takes for a video that hangs.
PATIENCE_SECONDS = 60.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.25, 8.0
_CONNECT_SECONDS, _READ_SECONDS = 5, 15  # of one request

_S3 = frozenset({"s3", "s3a"})
_WEB = frozenset({"http", "https"})
_BUCKETS = _S3 | {"gs", "gcs"}
_LASTING = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
CREDENTIALS = (
    "Give credentials as the store's own tools take them: AWS_PROFILE, AWS_ACCESS_KEY_ID or ~/.aws for S3, "
    "GOOGLE_APPLICATION_CREDENTIALS for Google, HF_TOKEN for Hugging Face; and check what they may do there. "
    "A signed URL may have expired."
)
_LASTING_NUMBERS = frozenset({errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.ENOSPC})
# Errors of botocore and aiohttp that are no OSError, named since neither need be installed.
_PASSING = frozenset(
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
_LATER = frozenset({408, 425, 429})  # HTTP: whoever gets one of these may ask again
_logger = logging.getLogger(__name__)


def connect(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a path or URL, and the path in it.

    Raises StorageError where the URL holds credentials, ImportError where its library is not installed.
    """
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
        system.retries = 1  # whoever asks is patient already
    return system, path


def is_web(url: str) -> bool:
    """Whether a URL is that of a web server, which is for reading."""
    return url.partition("://")[0] in _WEB


def patiently(call: Callable[[], Answer], *, where: str) -> Answer:
    """What a store answers, which is asked again while it cannot be reached or is not well.

    Raises UnreachableError when patience is at an end, and what the store says where it says no.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    for number, wait in enumerate(_waits()):
        try:
            return call()
        except Exception as error:
            if not _may_pass(error):
                if isinstance(error, OSError | ImportError | ActionpairsError):
                    raise
                raise OSError(said(error)) from error  # every store's library has errors of its own
            why = said(error)
            if time.monotonic() + wait > deadline:
                raise UnreachableError(
                    f"{where}: no answer for {PATIENCE_SECONDS:g} s: {why}.", cure=_NETWORK
                ) from None
        if number == 2:  # less than that is everyday
            _logger.warning("%s: no answer yet, asking again: %s", without_secrets(where), why)
        time.sleep(wait)
    raise AssertionError  # waits never end


def said(error: BaseException) -> str:
    """What another library says, on one line and without secrets."""
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None and status(error) is not None:
        error = error.__cause__  # fsspec says of every failure on the web that nothing was found
    text = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)  # type: ignore[arg-type]
    return without_secrets(text or type(error).__name__).rstrip(".")


def refused(error: BaseException) -> bool:
    """Whether a store wants other credentials, or any."""
    named = any("Credential" in type(each).__name__ for each in (error, error.__cause__))
    return named or isinstance(error, PermissionError) or status(error) in {401, 403}


def status(error: BaseException) -> int | None:
    """The HTTP status that an error goes back to, where there is one."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore
            return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) or None
        for name in ("status", "code"):  # aiohttp, gcsfs
            if isinstance(found := getattr(each, name, None), int):
                return found
    return None


def _may_pass(error: Exception) -> bool:
    """Whether the same question may be answered later."""
    number = status(error)
    if number is not None:
        return number >= 500 or number in _LATER
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        return _may_pass(error.__cause__)  # fsspec says of every failure on the web that nothing was found
    if isinstance(error, OSError):
        return not isinstance(error, _LASTING) and error.errno not in _LASTING_NUMBERS
    return bool(_PASSING & {kind.__name__ for kind in type(error).__mro__})


def _waits() -> Iterator[float]:
    wait = _FIRST_WAIT_SECONDS
    while True:
        yield wait
        wait = min(2 * wait, _LONGEST_WAIT_SECONDS)


def _s3_config() -> dict[str, Any]:
    """What botocore is told; what the user tells fsspec or botocore goes before.

    Newer SDKs check every answer by a checksum, but S3-compatible stores send that of the whole file with a part.
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
