"""Fully sharded data parallel (FSDP2, through accelerate): each process holds a part of every weight."""

from __future__ import annotations

from collections.abc import Sequence

from accelerate import Accelerator, FullyShardedDataParallelPlugin
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy
from torch.distributed.tensor import DTensor, distribute_tensor


def plugin() -> FullyShardedDataParallelPlugin:
    """How accelerate shards a network: block by block, so that few weights are whole at a time.

    Weights travel in float32, and autocast rounds them where it does in one process. Without gradient
    checkpointing, the rounded ones stay whole until the backward pass.
    """
    return FullyShardedDataParallelPlugin(
        fsdp_version=2,
        auto_wrap_policy="transformer_based_wrap",
        mixed_precision_policy=MixedPrecisionPolicy(),
        cpu_ram_efficient_loading=False,  # every process has loaded the model by itself
    )


def name_blocks(accelerator: Accelerator, blocks: Sequence[str]) -> None:
    """Say which classes are sharded one by one, before a network is prepared."""
    if accelerator.is_fsdp2:
        accelerator.state.fsdp_plugin.transformer_cls_names_to_wrap = list(blocks)


def reshard(model: nn.Module) -> None:
    """Free the whole weights that a pass without gradients leaves behind, before the weights change."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def gather(tensor: Tensor) -> Tensor:
    """The whole of a sharded tensor. All processes must call it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a tensor that every process holds whole, sharded as `like` is."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
