"""What a model is called by: the name of a shipped one, a path, or a hub id."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from actionpairs.errors import ModelError, StorageError
from actionpairs.hub import address
from actionpairs.hub.address import HubAddress

_SHIPPED = Path(__file__).parents[1] / "weights"
_FILES = (".safetensors", ".ckpt", ".bin", ".pt", ".pth", ".gguf")


def shipped() -> list[str]:
    """The names of the models that come with the package."""
    return sorted(path.parent.name for path in _SHIPPED.glob("*/model_index.json"))


def hub_address(source: str) -> HubAddress:
    """The repository of a hub id: OWNER/NAME or hf://OWNER/NAME, with @REVISION and /SUBFOLDER if wanted.

    Raises ModelError for an address that is none, or is of a data set.
    """
    try:
        where = address.parse(source if source.startswith(address.PROTOCOL) else f"{address.PROTOCOL}{source}")
    except StorageError as error:
        raise ModelError(f"{source}: no such folder here, and not a hub id.", cure=error.cure) from None
    if where.kind != "model":
        raise ModelError(f"{source}: a {where.kind}, not a model.", cure="Give a model: hf://OWNER/NAME.")
    return where


def hub_id(source: str) -> str | None:
    """OWNER/NAME of a model on the hub; None for a shipped model, a file, a folder or anything else."""
    try:
        return hub_address(source).repository if locate(source) is None else None
    except ModelError:
        return None


def resolve(source: str) -> str:
    """The folder of a shipped model; any other source as it is."""
    return str(_SHIPPED / source) if source in shipped() else source


def locate(source: str) -> Path | None:
    """The file or folder that a source names; None if it can only be a hub id.

    Raises ModelError if it is a path, and nothing is there: the hub is not asked for a mistyped path.
    """
    if source.startswith(address.PROTOCOL):
        return None
    path = Path(resolve(source)).expanduser()
    if path.exists():
        return path
    link = re.match(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([^/]+/[^/?#]+)", source)
    if link:
        raise ModelError(f"{source}: an address, not a model.", cure=f"Give the hub id alone: {link[1]}.")
    is_path = source.startswith(("./", "../", "/", "~")) or source.endswith(_FILES) or source.count("/") != 1
    if is_path or Path(source.partition("/")[0]).is_dir():
        raise ModelError(f"{source}: no such file or folder.", cure=_nearest(path))
    return None


def _nearest(path: Path) -> str:
    """Names that do exist, near a path that does not."""
    parent = next(parent for parent in path.absolute().parents if parent.is_dir())
    missing = path.absolute().relative_to(parent).parts[0]
    names = sorted(entry.name for entry in parent.iterdir() if not entry.name.startswith("."))
    near = [str(parent / name) for name in difflib.get_close_matches(missing, names, cutoff=0.5)]
    if path.name == str(path):
        near = [*difflib.get_close_matches(missing, shipped()), *near]
    if near:
        return f"Nearest: {', '.join(near)}."
    return f"{parent} has {', '.join(names[:5])}." if names else f"{parent} is empty."
