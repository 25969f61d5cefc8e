"""The benchmark of a LoRA step on a large flow-matching model, with a tiny one on the CPU."""

from __future__ import annotations

import importlib
import json
import sys
import weakref
from argparse import Namespace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from actionpairs.training import memory
from actionpairs.training.editor_setup import prepare_denoiser

OPTIONS = Namespace(size="tiny", height=64, width=112, rank=32, dry_run_estimate=True)
SETTINGS = ("batch1", "batch1_checkpointed", "batch4", "batch4_checkpointed")


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    return importlib.import_module("train_flow")


@pytest.mark.slow
def test_the_command_compares_every_setting_on_a_cpu(
    benchmark_module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--size", "tiny", "--peak-tflops", "0.1", "--json"]
    monkeypatch.setattr(sys, "argv", ["train_flow.py", *arguments])
    genuine, denoisers, alive = benchmark_module.klein, [], []

    def build(size: str, device: torch.device) -> Any:
        alive.append(sum(each() is not None for each in denoisers))
        editor = genuine(size, device)
        if device.type != "meta":
            denoisers.append(weakref.ref(editor.denoiser))
        return editor

    monkeypatch.setattr(benchmark_module, "klein", build)
    benchmark_module.main()
    assert len(denoisers) == 3 * len(SETTINGS)
    assert not any(alive)  # else the peak of one would contain another
    text, _, last = capsys.readouterr().out.rstrip().rpartition("\n")
    values = json.loads(last)
    for setting in SETTINGS:
        peer, static, both = (values[f"milliseconds_{side}_{setting}"] for side in ("peer", "static", "all"))
        assert values[f"vs_peer_static_{setting}"] == pytest.approx(peer / static, abs=1e-3)
        assert values[f"all_vs_peer_static_{setting}"] == pytest.approx(both / peer, abs=1e-3)
        assert values[f"mfu_all_{setting}"] > 0
        assert f"peak_gib_all_{setting}" not in values  # memory of a GPU
    assert text.count("not measured") == (3 + 2) * len(SETTINGS)  # of three sides and of two ratios


def test_the_table_has_estimates_of_our_side_without_a_step(
    benchmark_module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--batch", "1", "--steps", "0", "--dry-run-estimate", "--json"]
    monkeypatch.setattr(sys, "argv", ["train_flow.py", *arguments])
    benchmark_module.main()
    values = json.loads(capsys.readouterr().out.rstrip().rpartition("\n")[2])
    one, all_terms, checkpointed = (
        values[f"estimated_gib_{name}"] for name in ("static_batch1", "all_batch1", "all_batch1_checkpointed")
    )
    assert 0 < one < all_terms
    assert checkpointed < all_terms
    assert not [name for name in values if "peer" in name or "milliseconds" in name]


def test_a_setting_that_does_not_fit_is_told_from_one_that_was_not_run(benchmark_module: ModuleType) -> None:
    def too_large(number: int) -> None:
        raise torch.OutOfMemoryError(f"step {number}")

    options = Namespace(**vars(OPTIONS) | {"warmup": 1, "steps": 1})
    assert benchmark_module.measure(too_large, options, torch.device("cpu")) is None
    settings = [benchmark_module.Setting(4, checkpointing=False)]
    assert benchmark_module.report(settings, {}, options).count("out of memory") == 3
    assert "out of memory" not in benchmark_module.report(settings, {}, Namespace(**vars(options) | {"steps": 0}))


@pytest.mark.parametrize("static", [True, False], ids=["L_static", "all losses"])
def test_counted_operations_are_those_of_a_real_step_with_attention_spelled_out(
    benchmark_module: ModuleType, static: bool
) -> None:
    config = benchmark_module.Setting(1, checkpointing=False).config(OPTIONS, static=static)
    editor = benchmark_module.klein("tiny", torch.device("cpu"))
    prepare_denoiser(editor, config)
    batch = memory.batch_of(editor, config, (OPTIONS.height, OPTIONS.width))
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        memory.run_step(editor, config, batch)
    assert benchmark_module.operations(OPTIONS, static=static) == counter.get_total_flops()


def test_both_sides_train_adapters_of_the_same_layers(benchmark_module: ModuleType) -> None:
    accelerator = benchmark_module.devices.create_accelerator("cpu", precision="bf16")
    names = []
    for make in (benchmark_module.Peer, benchmark_module.our_step):
        editor = benchmark_module.klein("tiny", torch.device("cpu"))
        config = benchmark_module.Setting(1, checkpointing=True).config(OPTIONS, static=True)
        step = make(editor, config, OPTIONS, accelerator)
        before = {name: each.detach().clone() for name, each in editor.denoiser.named_parameters()}
        step(0)
        step(1)
        changed = {name for name, each in editor.denoiser.named_parameters() if not each.equal(before[name])}
        names.append(changed)
    assert names[0] == names[1]
    assert all("lora_" in name for name in names[0])
    assert len(names[0]) == 2 * (4 + 1)  # A and B of one double block and one single block


@pytest.mark.parametrize(
    ("device", "peak"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA GB200", 2500),
        ("NVIDIA H200 MIG 1g.18gb", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("Tesla T4", None),
    ],
)
def test_the_peak_is_that_of_the_device_by_name(
    benchmark_module: ModuleType, device: str, peak: float | None
) -> None:
    assert benchmark_module.peak_of(device) == peak
