"""A run gets the device that it names, or an error that says why not."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType

from actionpairs.errors import TrainingError
from actionpairs.training import devices


@pytest.mark.parametrize("name", ["abacus", "cuda:77"])
def test_a_missing_device_is_named(name: str) -> None:
    with pytest.raises(TrainingError, match=name):
        devices.create_accelerator(name)


def test_kernels_are_deterministic_only_on_request() -> None:
    devices.create_accelerator("cpu", deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
    devices.create_accelerator("cpu")
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_number_of_processes_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch script that exports an unset variable makes it empty."""
    monkeypatch.setenv("WORLD_SIZE", "")
    with pytest.raises(TrainingError, match="WORLD_SIZE is ''"):
        devices.create_accelerator("cpu")


def test_fsdp_on_one_device_is_refused() -> None:
    with pytest.raises(TrainingError, match="does not have them"):
        devices.create_accelerator("cpu", fsdp=True)


def test_fsdp_that_the_recipe_does_not_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Accelerator, "distributed_type", DistributedType.FSDP)
    with pytest.raises(TrainingError, match="the recipe is not"):
        devices.create_accelerator("cpu")
