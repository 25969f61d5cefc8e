"""Files of models on the Hugging Face Hub; why one cannot be had is told from another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from actionpairs.errors import ModelError, one_line


def fetch(repository: str, name: str) -> Path:
    """One file of a repository, from the cache or the network. Raises ModelError."""
    with _translated(repository):
        return Path(huggingface_hub.hf_hub_download(repository, name))


def names(repository: str) -> list[str] | None:
    """The paths of all files of a repository; None if the hub cannot be reached. Raises ModelError."""
    with _translated(repository):
        try:
            return huggingface_hub.list_repo_files(repository)
        except HfHubHTTPError:
            raise
        except (*_UNREACHABLE, _HTTP_ERROR):
            return None


def snapshot(repository: str, wanted: Sequence[str] | None) -> Path:
    """The folder with the wanted files of a repository; whatever the cache holds where `wanted` is None.

    Raises ModelError.
    """
    with _translated(repository):
        if wanted is None:
            return Path(huggingface_hub.snapshot_download(repository, local_files_only=True))
        return Path(huggingface_hub.snapshot_download(repository, allow_patterns=list(wanted)))


_UNREACHABLE = (OfflineModeIsEnabled, LocalEntryNotFoundError, ConnectionError)
# Of the library that the hub's client speaks HTTP by; it has changed twice.
_HTTP_ERROR: Any = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")


@contextmanager
def _translated(repository: str) -> Iterator[None]:
    """Turn the hub's errors into ModelErrors. The order matters: some of them are kinds of others."""
    page = f"https://huggingface.co/{repository}"
    try:
        yield
    except GatedRepoError as error:
        raise ModelError(
            f"{repository}: a gated model: its authors ask you to agree to their terms.",
            cure=f"Agree at {page}, log in here with `hf auth login`, and try again.",
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{repository}: no such folder here, and no such model on the hub, or it is private.",
            cure=f"Check the spelling at {page}; for a private model log in with `hf auth login`.",
        ) from error
    except _UNREACHABLE as error:
        raise _unreachable(repository) from error
    except EntryNotFoundError as error:
        raise ModelError(
            f"{repository}: no diffusers pipeline: {one_line(error)}.",
            cure=f"Look at {page} for a version in diffusers' layout, with model_index.json.",
        ) from error
    except HFValidationError as error:
        raise ModelError(
            f"{repository}: no such folder here, and not a hub id.",
            cure="Give a folder, a checkpoint file, or a hub id of the form NAME/MODEL.",
        ) from error
    except HfHubHTTPError as error:
        raise _refused(repository, error) from error
    except _HTTP_ERROR as error:
        raise _unreachable(repository) from error


def _unreachable(repository: str) -> ModelError:
    is_offline = constants.is_offline_mode()
    reason = "HF_HUB_OFFLINE is set" if is_offline else "the hub cannot be reached"
    cure = "Unset HF_HUB_OFFLINE once" if is_offline else "Check the network and HF_ENDPOINT"
    return ModelError(
        f"{repository}: no such folder here, {reason}, and the cache does not hold all of the model.",
        cure=f"{cure}, or copy the model's folder here and give its path.",
    )


def _refused(repository: str, error: HfHubHTTPError) -> ModelError:
    status = error.response.status_code
    if status in (401, 403):
        return ModelError(
            f"{repository}: the hub does not permit it (HTTP {status}).",
            cure="Log in with `hf auth login`, with a token that may read this model, or unset a wrong HF_TOKEN.",
        )
    return ModelError(
        f"{repository}: the hub answers with an error (HTTP {status}).", cure="Try again in a few minutes."
    )
