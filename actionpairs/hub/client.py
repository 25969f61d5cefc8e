"""The hub's own client, with its errors as ours. No message holds a token or a signed URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from actionpairs.errors import MissingExtraError, StorageError, one_line

_TOKEN = re.compile(r"hf_[A-Za-z0-9]{6,}")
_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN to a token that may {do}; unset a wrong one."


def connect(*, needed_for: str) -> Any:
    """The hub's API: the server of HF_ENDPOINT, with the token of HF_TOKEN or of the last log-in.

    Raises MissingExtraError if huggingface_hub is not installed.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise MissingExtraError.of("hub", needed_for=needed_for) from None
    return huggingface_hub.HfApi(library_name="actionpairs")


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids to ask the hub."""
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())


@contextmanager
def translated(where: str, *, do: str = "read it") -> Iterator[None]:
    """Turn the client's errors into ours. The order matters: some of them are kinds of others.

    do: what is tried, as a cure says it. Raises FileNotFoundError for a file that is not in the repository,
    ConnectionError where asking again may help, and StorageError for all else.
    """
    from huggingface_hub import errors

    http_error: Any = next(base for base in errors.HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
    log_in = _LOG_IN.format(do=do)
    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise StorageError(
            f"{where}: HF_HUB_OFFLINE is set, so the hub is not asked.", cure="Unset it, or copy the folder here."
        ) from None
    except errors.GatedRepoError:
        raise StorageError(
            f"{where}: its owners ask you to agree to their terms first.",
            cure=f"Agree on its page of the hub. {log_in}",
        ) from None
    except errors.RepositoryNotFoundError:
        raise StorageError(
            f"{where}: no such repository on the hub, or it is private and you may not see it.",
            cure=f"Check the spelling, and `datasets/` or `spaces/` before the owner. {log_in}",
        ) from None
    except errors.RevisionNotFoundError:
        raise StorageError(
            f"{where}: the repository has no such branch, tag or commit.", cure="Check what follows the @."
        ) from None
    except errors.LocalEntryNotFoundError as error:
        raise ConnectionError(_text(error)) from None
    except errors.EntryNotFoundError as error:
        raise FileNotFoundError(_text(error)) from None
    except errors.HfHubHTTPError as error:
        raise _refused(where, error, log_in) from None
    except http_error as error:
        raise ConnectionError(_text(error)) from None


def _refused(where: str, error: Any, log_in: str) -> Exception:
    """The error for an HTTP status that the client has no class of its own for."""
    status = error.response.status_code
    if status in {401, 403}:
        return StorageError(f"{where}: the hub does not permit it (HTTP {status}).", cure=log_in)
    if status == 429:
        reset = re.search(r"[Rr]etry after (\d+ seconds)", str(error))
        wait = f", for {reset[1]}" if reset else ""
        return ConnectionError(f"the hub asks to wait{wait} (HTTP 429: too many requests)")
    if status >= 500 or status == 408:
        return ConnectionError(f"the hub does not work just now (HTTP {status})")
    if status in {409, 412}:
        return StorageError(
            f"{where}: it was changed by somebody else just now.", cure="Run the same command again."
        )
    return StorageError(
        f"{where}: the hub refuses it (HTTP {status}): {_text(error)}.",
        cure="Change what it names; nothing was written.",
    )


def _text(error: Exception) -> str:
    message = getattr(error, "server_message", None) or one_line(error)
    return _TOKEN.sub("hf_…", " ".join(str(message).split())[:300]).rstrip(".")
