"""What a model is called by: the name of a shipped one, a path, or a hub id."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from actionpairs.errors import ModelError

_SHIPPED = Path(__file__).parents[1] / "weights"
_FILES = (".safetensors", ".ckpt", ".bin", ".pt", ".pth", ".gguf")


def shipped() -> list[str]:
    """The names of the models that come with the package."""
    return sorted(path.parent.name for path in _SHIPPED.glob("*/model_index.json"))


def resolve(source: str) -> str:
    """The folder of a shipped model; any other source as it is."""
    return str(_SHIPPED / source) if source in shipped() else source


def locate(source: str) -> Path | None:
    """The file or folder that a source names; None if it can only be a hub id.

    Raises ModelError if it is a path, and nothing is there: the hub is not asked for a mistyped path.
    """
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
