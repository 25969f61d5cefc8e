"""Checkpoints: all that a run needs to resume exactly.

One folder per step: accelerate's state (weights, optimizer, the scaler of fp16) and the averaged weights. It is
written under a hidden name and renamed when it is complete. The order of pairs, noise and dropout are computed
from the step, so they need no state. A run that trains adapters alone keeps only these: the rest of the model is
where it was loaded from.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException

from actionpairs.errors import ModelError
from actionpairs.training.state import TrainState

_NAME = re.compile(r"step-(\d{6,})")
_EMA_FILE, _TRAINED_FILE = "average.safetensors", "trained.safetensors"


def save(state: TrainState, folder: Path, step: int, *, keep: int) -> None:
    """Write the checkpoint of a step, and remove all but the newest `keep`."""
    accelerator = state.accelerator
    unfinished = folder / f".step-{step:06d}"
    if accelerator.is_main_process:
        shutil.rmtree(unfinished, ignore_errors=True)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(unfinished))
    accelerator.wait_for_everyone()  # each process writes files of its own
    averaged = state.ema.state_dict(keep=accelerator.is_main_process) if state.ema else {}
    if accelerator.is_main_process:
        if averaged:
            save_file({name: tensor.contiguous() for name, tensor in averaged.items()}, unfinished / _EMA_FILE)
        publish(unfinished, folder / f"step-{step:06d}")
        for old in _steps(folder)[:-keep]:
            shutil.rmtree(folder / f"step-{old:06d}")
    accelerator.wait_for_everyone()


def keep_only_trained(accelerator: Accelerator) -> None:
    """Let checkpoints hold only the weights of the model that train."""

    def save_hook(models: list[nn.Module], weights: list[dict[str, Tensor]], folder: str) -> None:
        weights.pop()
        if accelerator.is_main_process:
            network = accelerator.unwrap_model(models[-1])
            trained = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
            save_file({name: weight.detach().contiguous() for name, weight in trained.items()}, _path(folder))

    def load_hook(models: list[nn.Module], folder: str) -> None:
        _, unknown = accelerator.unwrap_model(models.pop()).load_state_dict(load_file(_path(folder)), strict=False)
        if unknown:
            raise KeyError(f"{unknown[0]} is of another model")

    def _path(folder: str) -> Path:
        return Path(folder) / _TRAINED_FILE

    accelerator.register_save_state_pre_hook(save_hook)
    accelerator.register_load_state_pre_hook(load_hook)


def resume(state: TrainState, folder: Path) -> int:
    """Load the newest checkpoint that the main process sees. Returns its step; 0 if there is none.

    Raises ModelError if the checkpoint cannot be read.
    """
    newest: int = broadcast_object_list([max(_steps(folder), default=0)])[0]
    if not newest:
        return 0
    path = folder / f"step-{newest:06d}"
    try:
        state.accelerator.load_state(str(path))
        if state.ema:
            state.ema.load_state_dict(load_file(path / _EMA_FILE), steps=newest)
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError, CheckpointException) as error:
        raise ModelError(
            f"{path}: this checkpoint cannot be read: {error}.",
            cure="Remove that folder and run the same command again: it resumes from the checkpoint before.",
        ) from error
    return newest


def publish(source: Path, target: Path) -> None:
    """Sync a file or folder to disk, then move it to its final name. A folder of that name is replaced."""
    for path in [source, *source.rglob("*")] if source.is_dir() else [source]:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)


def publish_contents(source: Path, target: Path) -> None:
    """Publish each entry of a folder into another folder."""
    for path in sorted(source.iterdir()):
        publish(path, target / path.name)
    source.rmdir()


def _steps(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    matches = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(match[1]) for match in matches if match)
