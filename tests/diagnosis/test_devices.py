"""What torch says is asked in a process of its own: whatever happens to it, there is an answer."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from actionpairs.diagnosis import devices, torch_probe
from actionpairs.diagnosis.devices import DeviceProbe
from actionpairs.diagnosis.records import Device, Devices

H200 = asdict(Device("cuda", "NVIDIA H200", memory_bytes=150, free_bytes=140, compute="9.0", has_kernels=True))


def answer(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str, *, seconds: float = 60) -> Devices:
    """What comes of a probe that runs this code."""
    monkeypatch.setattr(devices, "version_of", lambda _: "2.9")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    (folder / "probe_of_test.py").write_text(code)
    return DeviceProbe(module="probe_of_test", seconds=seconds).result()


def test_the_answer_is_the_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.dumps({"built_for": "CUDA 12.8", "devices": [H200], "error": ""})
    result = answer(tmp_path, monkeypatch, f"print('a library says hello'); print({content!r})")
    assert result == Devices("CUDA 12.8", (Device(**H200),), "")


def test_a_broken_torch_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface/transformers#43576: there `transformers env` itself ends in a NameError."""
    result = answer(tmp_path, monkeypatch, "raise NameError(\"name 'TypeAdapter' is not defined\")")
    assert result.error == "NameError: name 'TypeAdapter' is not defined"


def test_a_torch_that_crashes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = answer(tmp_path, monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    assert result.error == "it ends with exit code -4"


def test_a_torch_that_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = answer(tmp_path, monkeypatch, "import time; time.sleep(600)", seconds=1)
    assert result.error == "importing torch takes longer than 1 s"


def test_an_answer_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no answer" in answer(tmp_path, monkeypatch, "print('bye')").error


def test_without_torch_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "version_of", lambda _: "")
    monkeypatch.setattr(devices.subprocess, "Popen", None)
    assert DeviceProbe().result() == Devices("", (), "")


@pytest.mark.parametrize(
    ("architectures", "runs"),
    [
        (["sm_80", "sm_90"], True),
        (["sm_70", "compute_70"], True),  # its PTX is compiled for later processors
        (["sm_80"], False),
        (["sm_90a"], True),
        (["sm_100", "sm_120"], False),
        (["gfx942"], True),
    ],
)
def test_a_build_without_kernels_for_a_device_is_told(
    monkeypatch: pytest.MonkeyPatch, architectures: list[str], runs: bool
) -> None:
    facts = SimpleNamespace(major=9, minor=0, name="NVIDIA H200", total_memory=150)
    cuda = SimpleNamespace(
        is_available=lambda: True,
        device_count=lambda: 1,
        get_arch_list=lambda: architectures,
        get_device_properties=lambda _: facts,
        mem_get_info=lambda _: (140, 150),
    )
    mps = SimpleNamespace(is_available=lambda: False)
    version = SimpleNamespace(cuda="12.8", hip=None)
    torch = SimpleNamespace(cuda=cuda, version=version, backends=SimpleNamespace(mps=mps))
    monkeypatch.setitem(sys.modules, "torch", torch)
    result = torch_probe.describe()
    assert result == Devices("CUDA 12.8", (Device(**{**H200, "has_kernels": runs}),), "")


def test_a_device_whose_memory_is_full_is_still_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> tuple[int, int]:
        raise RuntimeError("CUDA error: out of memory")

    facts = SimpleNamespace(major=9, minor=0, name="NVIDIA H200", total_memory=150)
    cuda = SimpleNamespace(
        device_count=lambda: 1,
        get_arch_list=lambda: ["sm_90"],
        get_device_properties=lambda _: facts,
        mem_get_info=full,
    )
    assert list(torch_probe.cuda_devices(cuda)) == [Device(**{**H200, "free_bytes": None})]
