"""Where training runs: one process or several, on a CPU or on accelerators, in which precision."""

from __future__ import annotations

import os
from datetime import timedelta

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType, GradientAccumulationPlugin, InitProcessGroupKwargs

from actionpairs.errors import TrainingError
from actionpairs.training import fsdp as sharing

_PATIENCE = timedelta(hours=12)  # while the first process encodes every picture; NCCL would give up in ten minutes


def begin(
    device: str,
    *,
    precision: str = "no",
    accumulation: int = 1,
    deterministic: bool = False,
    fsdp: bool = False,
) -> Accelerator:
    """Take a device: "auto", "cpu", "cuda", "cuda:1" or "mps"; under torchrun, each process takes its own.

    deterministic: let a GPU compute the same bits every time; without, cuDNN takes what is fastest here. fsdp:
    share the model out among the processes. Raises TrainingError where this machine has no such device, it
    cannot compute in this precision, or there are no GPUs to share a model out among.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts; costs 24 MiB
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nobody reads it
    torch.backends.cudnn.benchmark = not deterministic
    wanted = _checked(device)
    if wanted is not None and wanted.index is not None:
        torch.cuda.set_device(wanted)
    if fsdp and int(os.environ.get("WORLD_SIZE", "1")) < 2:
        raise _alone()  # before accelerate hears of it, which would remember it in the environment
    if not (PartialState._shared_state and PartialState().num_processes > 1):
        # accelerate keeps one state per process for good; a second run may want another device.
        AcceleratorState._reset_state(reset_partial_state=True)
    try:
        accelerator = Accelerator(
            cpu=wanted is not None and wanted.type == "cpu",
            mixed_precision=precision,
            # a model that is shared out shares its gradients out after every part
            gradient_accumulation_plugin=GradientAccumulationPlugin(accumulation, sync_each_batch=fsdp),
            fsdp_plugin=sharing.plugin() if fsdp else None,
            kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
        )
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise TrainingError(
            f"Cannot compute on {device} with precision {precision}: {error}.",
            cure="Set `precision: no`, or choose another --device.",
        ) from error
    is_shared = accelerator.distributed_type is DistributedType.FSDP
    if fsdp and not is_shared:
        raise _alone()
    if is_shared and not fsdp:
        raise TrainingError(
            "accelerate was told to use FSDP, and the recipe was not.",
            cure="Set `fsdp: true` in an editor's recipe, and start it with torchrun.",
        )
    return accelerator


def _alone() -> TrainingError:
    return TrainingError(
        "`fsdp` shares a model out among several GPUs, and this run has not got them.",
        cure="Start it with torchrun on several GPUs, or set `fsdp: false`.",
    )


def _checked(device: str) -> torch.device | None:
    """The device by its name, None where any will do."""
    if device == "auto":
        return None
    try:
        wanted = torch.device(device)
    except RuntimeError:
        raise TrainingError(f"No device is called {device!r}.", cure="Say auto, cpu, cuda or mps.") from None
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }.get(wanted.type, 0)
    if (wanted.index or 0) >= count:
        raise TrainingError(f"This machine has no {device}.", cure="Leave --device at auto, or say cpu.")
    return wanted
