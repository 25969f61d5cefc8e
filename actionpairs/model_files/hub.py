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
    RevisionNotFoundError,
)

from actionpairs.errors import ModelError, one_line
from actionpairs.model_files.sources import hub_address

# Sources are hub ids as `sources.hub_address` takes them, and names are below their subfolder.


def fetch(source: str, name: str) -> Path:
    """One file of a model, from the cache or the network. Raises ModelError."""
    where = hub_address(source)
    with _translated(source, where.page):
        return Path(huggingface_hub.hf_hub_download(where.repository, where.inside(name), revision=where.revision))


def names(source: str) -> list[str] | None:
    """The paths of all files of a model; None if the hub cannot be reached. Raises ModelError."""
    where = hub_address(source)
    start = where.inside("")
    with _translated(source, where.page):
        try:
            files = huggingface_hub.list_repo_files(where.repository, revision=where.revision)
        except HfHubHTTPError:
            raise
        except (*_UNREACHABLE, _HTTP_ERROR):
            return None
    prefix = f"{start}/" if start else ""
    return [file.removeprefix(prefix) for file in files if file.startswith(prefix)]


def snapshot(source: str, wanted: Sequence[str] | None) -> Path:
    """The folder with the wanted files of a model; whatever the cache holds where `wanted` is None.

    Raises ModelError.
    """
    where = hub_address(source)
    options: dict[str, Any] = {"local_files_only": True}
    if wanted is not None:
        options = {"allow_patterns": [where.inside(name) for name in wanted]}
    with _translated(source, where.page):
        folder = huggingface_hub.snapshot_download(where.repository, revision=where.revision, **options)
    return Path(folder, where.path)


_UNREACHABLE = (OfflineModeIsEnabled, LocalEntryNotFoundError, ConnectionError)
# Of the library that the hub's client speaks HTTP by; it has changed twice.
_HTTP_ERROR: Any = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")


@contextmanager
def _translated(source: str, name: str) -> Iterator[None]:
    """Turn the hub's errors into ModelErrors. The order matters: some of them are kinds of others."""
    page = f"{constants.ENDPOINT}/{name}"
    try:
        yield
    except GatedRepoError as error:
        raise ModelError(
            f"{source}: a gated model: its authors ask you to agree to their terms.",
            cure=f"Agree at {page}, log in here with `hf auth login`, and try again.",
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{source}: no such folder here, and no such model on the hub, or it is private.",
            cure=f"Check the spelling at {page}; for a private model log in with `hf auth login`.",
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(
            f"{source}: the model has no such branch, tag or commit.", cure=f"Look at {page} for its branches."
        ) from error
    except _UNREACHABLE as error:
        raise _unreachable(source) from error
    except EntryNotFoundError as error:
        raise ModelError(
            f"{source}: no diffusers pipeline: {one_line(error)}.",
            cure=f"Look at {page} for a version in diffusers' layout, with model_index.json.",
        ) from error
    except HFValidationError as error:
        raise ModelError(
            f"{source}: no such folder here, and not a hub id.",
            cure="Give a folder, a checkpoint file, or a hub id of the form NAME/MODEL.",
        ) from error
    except HfHubHTTPError as error:
        raise _refused(source, error) from error
    except _HTTP_ERROR as error:
        raise _unreachable(source) from error


def _unreachable(source: str) -> ModelError:
    is_offline = constants.is_offline_mode()
    reason = "HF_HUB_OFFLINE is set" if is_offline else "the hub cannot be reached"
    cure = "Unset HF_HUB_OFFLINE once" if is_offline else "Check the network and HF_ENDPOINT"
    return ModelError(
        f"{source}: no such folder here, {reason}, and the cache does not hold all of the model.",
        cure=f"{cure}, or copy the model's folder here and give its path.",
    )


def _refused(source: str, error: HfHubHTTPError) -> ModelError:
    status = error.response.status_code
    if status in (401, 403):
        return ModelError(
            f"{source}: the hub does not permit it (HTTP {status}).",
            cure="Log in with `hf auth login`, with a token that may read this model, or unset a wrong HF_TOKEN.",
        )
    return ModelError(
        f"{source}: the hub answers with an error (HTTP {status}).", cure="Try again in a few minutes."
    )
