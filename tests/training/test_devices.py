"""A run gets the device that it asks for, or a word why not."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType

from actionpairs.errors import TrainingError
from actionpairs.training import devices


@pytest.mark.parametrize("name", ["abacus", "cuda:77"])
def test_a_device_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(TrainingError, match=name):
        devices.begin(name)


def test_only_a_recipe_that_asks_for_it_gets_deterministic_kernels() -> None:
    devices.begin("cpu", deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
    devices.begin("cpu")
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_model_is_not_shared_out_on_one_device() -> None:
    with pytest.raises(TrainingError, match="has not got them"):
        devices.begin("cpu", fsdp=True)


def test_a_model_is_not_shared_out_unless_the_recipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Accelerator, "distributed_type", DistributedType.FSDP)
    with pytest.raises(TrainingError, match="the recipe was not"):
        devices.begin("cpu")
