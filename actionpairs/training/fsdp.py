"""A model that is shared out among processes (FSDP2, by accelerate): each holds a part of every weight."""

from __future__ import annotations

from accelerate import FullyShardedDataParallelPlugin
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy
from torch.distributed.tensor import DTensor, distribute_tensor


def plugin() -> FullyShardedDataParallelPlugin:
    """How accelerate is to share a U-Net out: block by block, so that few of its weights are whole at a time.

    Weights travel in float32, and autocast rounds them where it does in one process; without gradient
    checkpointing, the rounded ones stay whole until the backward pass.
    """
    return FullyShardedDataParallelPlugin(
        fsdp_version=2,
        auto_wrap_policy="transformer_based_wrap",
        transformer_cls_names_to_wrap=["BasicTransformerBlock", "ResnetBlock2D"],
        mixed_precision_policy=MixedPrecisionPolicy(),
        cpu_ram_efficient_loading=False,  # every process has loaded the model by itself
    )


def part_again(model: nn.Module) -> None:
    """Drop what a pass without gradients has left whole of a model, before its weights change."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor, put together from the parts of all processes, which must all ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def parted(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a tensor that every process has, as another one is shared out."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
