"""The running average of a model's trained weights (EMA), which is what is kept in the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from actionpairs.training import fsdp


class EMA:
    """The average of the weights that train; those that are frozen are as they are.

    The decay grows from 0.18 to its full value, min(decay, (1 + n)/(10 + n)), so that short runs are averaged
    over what they learned and not over where they began.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        self._average = EMAModel(_trained(model), decay=decay, foreach=True)

    def update(self, model: nn.Module) -> None:
        """Take in the weights after a step."""
        self._average.step(_trained(model))

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Let the model have the averaged weights inside the block, and its own again after it."""
        parameters = _trained(model)
        own = [parameter.detach().clone() for parameter in parameters]
        self.copy_to(model)
        try:
            yield
        finally:
            _copy(own, parameters)

    def copy_to(self, model: nn.Module) -> None:
        """Give the model the averaged weights for good."""
        _copy(self._average.shadow_params, _trained(model))

    def tensors(self, *, kept: bool = True) -> dict[str, Tensor]:
        """The averaged weights by name, on the CPU, for the processes that keep them.

        Where processes share them out, all must ask.
        """
        found = ((name, fsdp.whole(own)) for name, own in self._named())
        return {name: tensor.cpu() for name, tensor in found if kept}

    def restore(self, tensors: dict[str, Tensor], *, steps: int) -> None:
        """Go on from averaged weights that were saved after so many steps."""
        for name, own in self._named():
            own.copy_(fsdp.parted(tensors[name], like=own))
        self._average.optimization_step = steps

    def _named(self) -> Iterator[tuple[str, Tensor]]:
        return zip(self._names, self._average.shadow_params, strict=True)


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


@torch.no_grad()
def _copy(values: Iterable[Tensor], parameters: Iterable[nn.Parameter]) -> None:
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)
