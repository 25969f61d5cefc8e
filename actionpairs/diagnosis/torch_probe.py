"""`python -m actionpairs.diagnosis.torch_probe`: what torch says of this machine, as JSON.

It is a process of its own: a build that does not fit the driver or the processor may hang or crash.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from actionpairs.diagnosis.records import Device, Devices


def describe() -> Devices:
    """The devices of torch, which this imports."""
    import torch

    cuda, rocm = torch.version.cuda, getattr(torch.version, "hip", None)
    built_for = f"ROCm {rocm}" if rocm else f"CUDA {cuda}" if cuda else "CPU"
    devices = list(cuda_devices(torch.cuda)) if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        devices.append(Device("mps", "Apple GPU", torch.mps.recommended_max_memory(), None, "", True))
    return Devices(built_for, tuple(devices), "")


def cuda_devices(cuda: Any) -> Iterator[Device]:
    """The devices of torch.cuda; where the memory of one is full, its free bytes are None."""
    architectures = cuda.get_arch_list()
    for number in range(cuda.device_count()):
        facts = cuda.get_device_properties(number)
        try:
            free = cuda.mem_get_info(number)[0]
        except RuntimeError:
            free = None
        # Kernels run on later processors of the same major version, and PTX (compute_…) on all later ones.
        has_kernels = "gfx" in "".join(architectures) or any(
            _runs(name, facts.major, facts.minor) for name in architectures
        )
        compute = f"{facts.major}.{facts.minor}"
        yield Device("cuda", facts.name, facts.total_memory, free, compute, has_kernels)


def _runs(architecture: str, major: int, minor: int) -> bool:
    kind, _, version = architecture.partition("_")
    digits = version.rstrip("af")
    built = int(digits[:-1] or 0), int(digits[-1])
    return built <= (major, minor) and (kind == "compute" or built[0] == major)


if __name__ == "__main__":
    print(json.dumps(asdict(describe())))
