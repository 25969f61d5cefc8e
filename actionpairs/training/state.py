"""A model in training: its weights, its optimizer, their average, and the processes that share the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import convert_outputs_to_fp32
from torch import nn

from actionpairs.configs import LoopConfig
from actionpairs.errors import TrainingError
from actionpairs.training.ema import EMA


@dataclass(frozen=True, slots=True)
class TrainState:
    """What a training step changes. model: as accelerate wraps it. ema: None if no average is kept."""

    accelerator: Accelerator
    model: nn.Module
    optimizer: Any
    ema: EMA | None

    @property
    def unwrapped_model(self) -> nn.Module:
        """The model without accelerate's wrapper."""
        model: nn.Module = self.accelerator.unwrap_model(self.model)
        return model

    @property
    def is_sharded(self) -> bool:
        """Whether each process holds a part of every weight (FSDP), so that all must take part in each pass."""
        sharded: bool = self.accelerator.is_fsdp2
        return sharded


def prepare(accelerator: Accelerator, model: nn.Module, config: LoopConfig, *, ema_decay: float) -> TrainState:
    """Make a model ready for training. ema_decay: 0 keeps no average.

    Raises TrainingError if the batch cannot be divided evenly, or every parameter is frozen.
    """
    check_division(accelerator, config)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise TrainingError("Every parameter is frozen.", cure="Name less in `freeze`.")
    optimizer = torch.optim.AdamW(trainable, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
    model.train()
    if config.compile:
        compile_network(model, cuda_graphs=config.cuda_graphs)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    if accelerator.is_fsdp2:  # accelerate adds no autocast to these models
        wrapped.forward = convert_outputs_to_fp32(accelerator.autocast()(wrapped.forward))
    return TrainState(accelerator, wrapped, optimizer, EMA(wrapped, ema_decay) if ema_decay else None)


def check_division(accelerator: Accelerator, config: LoopConfig) -> None:
    """Raise TrainingError if the batch cannot be divided evenly."""
    parts = accelerator.num_processes * config.accumulation
    if config.batch_size % parts:
        raise TrainingError(
            f"A batch of {config.batch_size} cannot be divided evenly into {parts} parts "
            f"({accelerator.num_processes} processes × accumulation {config.accumulation}).",
            cure="Choose a batch_size that is a multiple.",
        )


def compile_network(network: nn.Module, *, cuda_graphs: bool) -> None:
    """Let torch.compile write a network's kernels when it first runs."""
    torch.compiler.reset()  # after eight compilations in a process, torch silently stops compiling
    network.compile(mode="reduce-overhead" if cuda_graphs else "default")
