"""The device of a run: CPU, CUDA or MPS, one process or several, in which precision."""

from __future__ import annotations

import os
from datetime import timedelta

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import (
    DistributedDataParallelKwargs,
    DistributedType,
    GradientAccumulationPlugin,
    InitProcessGroupKwargs,
    KwargsHandler,
)

from actionpairs.errors import TrainingError
from actionpairs.processes import world_size
from actionpairs.training.fsdp import plugin

_TIMEOUT = timedelta(hours=12)  # the first process encodes every picture; NCCL would give up after ten minutes


def create_accelerator(
    device: str,
    *,
    precision: str = "no",
    accumulation: int = 1,
    deterministic: bool = False,
    fsdp: bool = False,
    find_unused: bool = False,
) -> Accelerator:
    """An Accelerator on "auto", "cpu", "cuda", "cuda:1" or "mps". Under torchrun, each process takes its own GPU.

    deterministic: a GPU computes the same bits every time; otherwise cuDNN chooses the fastest kernels. fsdp:
    shard the model over the processes. find_unused: some parameters may get no gradient. Raises TrainingError if
    there is no such device, it does not support the precision, or there are no GPUs to shard a model over.
    """
    _choose_kernels(deterministic=deterministic)
    chosen = _parse_device(device)
    if chosen is not None and chosen.index is not None:
        torch.cuda.set_device(chosen)
    _check_processes(fsdp=fsdp)
    if not (PartialState._shared_state and PartialState().num_processes > 1):
        # accelerate keeps one state for the life of a process, but a second run may need another device.
        AcceleratorState._reset_state(reset_partial_state=True)
    try:
        accelerator = Accelerator(
            cpu=chosen is not None and chosen.type == "cpu",
            mixed_precision=precision,
            # a sharded model reduces its gradients after every part
            gradient_accumulation_plugin=GradientAccumulationPlugin(accumulation, sync_each_batch=fsdp),
            fsdp_plugin=plugin() if fsdp else None,
            kwargs_handlers=_handlers(find_unused=find_unused),
        )
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise TrainingError(
            f"Cannot compute on {device} with precision {precision}: {error}.",
            cure="Set `precision: no`, or choose another --device.",
        ) from error
    _check_fsdp(accelerator, fsdp=fsdp)
    return accelerator


def _handlers(*, find_unused: bool) -> list[KwargsHandler]:
    ddp = DistributedDataParallelKwargs(find_unused_parameters=find_unused)
    return [InitProcessGroupKwargs(timeout=_TIMEOUT), ddp]


def _check_processes(*, fsdp: bool) -> None:
    """Raise TrainingError if their number is none, or one for FSDP, before accelerate sees it."""
    if not os.environ.get("WORLD_SIZE", "1").isdecimal():
        raise TrainingError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']!r}, which is no number of processes.",
            cure="Unset it, or start the run with torchrun, which sets it.",
        )
    if fsdp and world_size() < 2:
        raise _fsdp_needs_gpus()  # accelerate would keep the plugin in the environment


def _choose_kernels(*, deterministic: bool) -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts; costs 24 MiB
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nobody reads it
    torch.backends.cudnn.benchmark = not deterministic


def _check_fsdp(accelerator: Accelerator, *, fsdp: bool) -> None:
    """Raise TrainingError where accelerate and the recipe do not agree on FSDP."""
    is_sharded = accelerator.distributed_type is DistributedType.FSDP
    if fsdp and not is_sharded:
        raise _fsdp_needs_gpus()
    if is_sharded and not fsdp:
        raise TrainingError(
            "accelerate is set up for FSDP, but the recipe is not.",
            cure="Set `fsdp: true` in an editor's recipe, and start the run with torchrun.",
        )


def _fsdp_needs_gpus() -> TrainingError:
    return TrainingError(
        "`fsdp` shards a model over several GPUs, and this run does not have them.",
        cure="Start it with torchrun on several GPUs, or set `fsdp: false`.",
    )


def _parse_device(device: str) -> torch.device | None:
    """The device of this name; None for "auto"."""
    if device == "auto":
        return None
    try:
        parsed = torch.device(device)
    except RuntimeError:
        raise TrainingError(f"No device is called {device!r}.", cure="Use auto, cpu, cuda or mps.") from None
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }.get(parsed.type, 0)
    if (parsed.index or 0) >= count:
        raise TrainingError(f"This machine has no {device}.", cure="Use --device auto or cpu.")
    return parsed
