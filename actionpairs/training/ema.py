"""The exponential moving average (EMA) of a model's trained weights. The published model uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from actionpairs.training import fsdp


class EMA:
    """The average of the weights that train. Frozen weights are not part of it.

    The decay grows from 0.18 to its full value, min(decay, (1 + n)/(10 + n)), so that the average of a short run
    does not consist of its first weights.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        self._average = EMAModel(_trainable(model), decay=decay, foreach=True)

    def update(self, model: nn.Module) -> None:
        """Add the weights after a step to the average."""
        self._average.step(_trainable(model))

    @contextmanager
    def average_parameters(self, model: nn.Module) -> Iterator[None]:
        """A context in which the model has the averaged weights. Afterwards it has its own again."""
        parameters = _trainable(model)
        own = [parameter.detach().clone() for parameter in parameters]
        self.copy_to(model)
        try:
            yield
        finally:
            _copy(own, parameters)

    def copy_to(self, model: nn.Module) -> None:
        """Overwrite the model's weights with the averaged ones."""
        _copy(self._average.shadow_params, _trainable(model))

    def state_dict(self, *, keep: bool = True) -> dict[str, Tensor]:
        """The averaged weights by name, on the CPU; empty in processes that do not `keep` them.

        Under FSDP, all processes must call it.
        """
        gathered = ((name, fsdp.gather(average)) for name, average in self._named())
        return {name: tensor.cpu() for name, tensor in gathered if keep}

    def load_state_dict(self, state: dict[str, Tensor], *, steps: int) -> None:
        """Continue from averaged weights that were saved after so many steps."""
        for name, average in self._named():
            average.copy_(fsdp.shard(state[name], like=average))
        self._average.optimization_step = steps

    def _named(self) -> Iterator[tuple[str, Tensor]]:
        return zip(self._names, self._average.shadow_params, strict=True)


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


@torch.no_grad()
def _copy(values: Iterable[Tensor], parameters: Iterable[nn.Parameter]) -> None:
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)
