"""What a training step holds in memory besides weights, measured on the step's own code.

Tensors without data (PyTorch's fake tensors) have shapes and types, and operations on them take microseconds. So
the loss of a network of 12 B parameters, and its backward pass, run on a laptop, and all that they allocate is
counted. On real tensors the same count comes out.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def without_data() -> FakeTensorMode:
    """A context in which new tensors, those of new networks too, have no data. They say that they are on the CPU.

    Tensors of different contexts cannot meet; one may be entered several times.
    """
    return FakeTensorMode(allow_non_fake_inputs=True)


@dataclass(frozen=True, slots=True)
class Activations:
    """Bytes of a step besides weights and gradients. kept: between the forward and the backward pass.

    peak: the most at any time of both passes. With gradient checkpointing, that is while a block runs once more.
    """

    kept: int
    peak: int


def measure(losses: Callable[[], Tensor], network: nn.Module) -> Activations:
    """Run a loss and its backward pass, and count. The network gets no gradients in the end."""
    with ExitStack() as stack:
        count = stack.enter_context(LiveBytes())
        for parameter in network.parameters():
            if parameter.requires_grad:
                hook = parameter.register_post_accumulate_grad_hook(count.leave_out_gradient)  # type: ignore[no-untyped-call]
                stack.callback(hook.remove)
        total = losses()
        kept = count.live
        total.backward()  # type: ignore[no-untyped-call]
    network.zero_grad(set_to_none=True)
    return Activations(kept, count.peak)


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that operations in its context create, for as long as they live.

    live: now. peak: the most at one time. Views and results in place take no more.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation, and count its results."""
        before = {_address(each) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and _address(tensor) not in before:
                self._add(tensor.untyped_storage())
        return result

    def leave_out_gradient(self, parameter: Tensor) -> None:
        """Count a parameter's gradient no longer."""
        assert parameter.grad is not None
        address = _address(parameter.grad)
        self.live -= self._sizes.get(address, 0)
        self._sizes[address] = 0

    def _add(self, storage: torch.UntypedStorage) -> None:
        address = storage._cdata
        if address in self._sizes:
            return
        self._sizes[address] = storage.nbytes()
        weakref.finalize(storage, self._drop, address)
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)

    def _drop(self, address: int) -> None:
        self.live -= self._sizes.pop(address, 0)


def _address(tensor: Tensor) -> int:
    address: int = tensor.untyped_storage()._cdata
    return address
