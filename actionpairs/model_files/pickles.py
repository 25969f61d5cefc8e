"""PyTorch's pickled weights without their code: what else they hold is refused, or replaced by empty objects."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from actionpairs.errors import ModelError, one_line

SUFFIXES = (".bin", ".ckpt", ".pt", ".pth")
# Trainers of released checkpoints, whose objects lie beside the weights and are not needed.
_TRAINERS = {"pytorch_lightning", "lightning", "lightning_fabric", "omegaconf", "ldm", "typing", "numpy"}
_PLAIN = {f"builtins.{name}" for name in ("dict", "list", "int", "float", "str", "bool", "object")}
_PLAIN |= {"collections.defaultdict"}  # of configs


class _Empty:
    """Stands for an object of a trainer. It takes anything, and does nothing."""

    def __new__(cls, *values: Any, **options: Any) -> _Empty:
        return super().__new__(cls)

    def __init__(self, *values: Any, **options: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


@contextmanager
def without_code(path: Path, *, source: str) -> Iterator[None]:
    """Let `torch.load(path, weights_only=True)` pass over a trainer's objects. No code of theirs runs.

    Raises ModelError if the file refers to anything else than weights.
    """
    foreign = _foreign(path, source=source)
    code = [name for name in foreign if name.partition(".")[0] not in _TRAINERS and name not in _PLAIN]
    if code:
        raise ModelError(
            f"{source}: {path.name} holds more than weights: {', '.join(sorted(code)[:3])}. It is not opened.",
            cure="Get the weights as .safetensors, from the same place or from someone who converted them.",
        )
    with torch.serialization.safe_globals([(_Empty, name) for name in foreign]):
        yield


def _foreign(path: Path, *, source: str) -> list[str]:
    """The names in a pickle that are not allowed in weights, without loading it.

    Files from before PyTorch 1.6 are not zip archives; loading these with weights_only refuses all foreign names.
    """
    if path.suffix not in SUFFIXES or not zipfile.is_zipfile(path):
        return []
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (pickle.UnpicklingError, EOFError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{source}: {path.name} is not a file of weights as torch.save writes it: {one_line(error)}.",
            cure="Get the weights as .safetensors.",
        ) from error
