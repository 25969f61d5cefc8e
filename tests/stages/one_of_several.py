"""A process that trains with others, as torchrun starts it: RECIPE SHARDS OUT [STOP_AFTER].

The recipe's `fsdp` is for GPUs: accelerate is made to believe that it has several. All processes but the first
are slow to write their part of a checkpoint.
"""

from __future__ import annotations

import sys
import time

import yaml
from accelerate import Accelerator
from accelerate.state import PartialState
from accelerate.utils import DistributedType

from actionpairs.stages.train import train


def write_late(accelerator: Accelerator, folder: str, save=Accelerator.save_state) -> None:
    if not accelerator.is_main_process:
        time.sleep(0.3)
    save(accelerator, folder)


if __name__ == "__main__":
    recipe, shards, out, *stop_after = sys.argv[1:]
    state = PartialState(cpu=True)
    with open(recipe, encoding="utf-8") as file:
        if yaml.safe_load(file)["train"].get("fsdp"):
            state.distributed_type = DistributedType.MULTI_GPU
    Accelerator.save_state = write_late
    train(recipe, shards=[shards], out=out, device="cpu", stop_after=int(stop_after[0]) if stop_after else None)
