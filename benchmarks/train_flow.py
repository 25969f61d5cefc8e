"""One LoRA step on FLUX.2 klein: ours against one in the style of diffusers' own script, in one process.

    python benchmarks/train_flow.py  # a tiny transformer, on the CPU
    python benchmarks/train_flow.py --size klein-4b --device cuda --dry-run-estimate --json  # on one GPU
    python benchmarks/train_flow.py --size klein-4b --steps 0 --dry-run-estimate  # counts and estimates alone

The transformer has the sizes of FLUX.2-klein-base-4B and random weights in bfloat16. Pictures are 512 × 896, rank
is 32, and every combination runs: --batch 1 and 4, with and without gradient checkpointing, L_static alone and all
three losses (L_static + 0.1·L_action + 0.1·L_reg). The peer is a plain step in the style of diffusers'
train_dreambooth_lora_flux2_klein_img2img.py with its caches: L_static, peft's adapters in bfloat16, autocast,
plain AdamW, clipped gradients. Both sides adapt the same layers, and keep no average. The peer's latents and
embeddings lie on the device; our step draws its own on the CPU and moves them, as in a real run, and its adapters
have float32.

MFU: floating-point operations of the model a second, over the device's peak for dense bfloat16. They are counted
by FlopCounterMode on our step without data and without checkpointing: what a block computes twice counts once.
(6 · parameters · tokens would count gradients of frozen weights, which nobody computes.) Peak GiB is
torch.cuda.max_memory_allocated; beside it, the peak that `train --dry-run` expects of the same setting.

Names in the JSON end in the setting, such as _batch4_checkpointed. vs_peer_static: how many times faster our step
is than the peer's; memory_vs_peer_static: how many times less memory it takes; all_vs_peer_static: how many times
longer our step with all three losses takes than the peer's with one; memory_all_vs_peer_static: as much of memory.

Resuming InstructPix2Pix with `cuda_graphs`: benchmarks/resume.py compiles nothing. A test compares, on a GPU, a
run in two parts with an uninterrupted one:

    ACTIONPAIRS_NEEDS_CUDA=1 python -m pytest tests/stages/test_train_on_cuda.py -k graphs
"""

from __future__ import annotations

import gc
import itertools
import statistics
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from flow_steps import Peer, Setting, Step, our_step
from harness import arguments, finish, machine, table
from networks import KLEIN, klein
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from actionpairs.training import activations, devices, memory
from actionpairs.training.editor_setup import prepare_denoiser
from actionpairs.training.without_weights import let_run

SHAPES = {"klein-4b": (512, 896), "tiny": (64, 112)}
PEER, STATIC, ALL = "peer, L_static", "actionpairs, L_static", "actionpairs, all losses"
SIDES = {PEER: "peer", STATIC: "static", ALL: "all"}  # as JSON has them
RATIOS = {  # of a quantity: which side's over which side's
    "vs_peer_static": ("milliseconds", "peer", "static"),
    "memory_vs_peer_static": ("peak_gib", "peer", "static"),
    "all_vs_peer_static": ("milliseconds", "all", "peer"),
    "memory_all_vs_peer_static": ("peak_gib", "all", "peer"),
}
GIB, MISSING = 2**30, "not measured"
# TFLOP/s of dense bfloat16 with float32 sums: half of what NVIDIA's data sheets give with sparsity for data-center
# GPUs, and as the Ada and Blackwell whitepapers have it for GeForce. The first name that a device's contains.
PEAK_TFLOPS = {
    "GB200": 2500,
    "B200": 2250,
    "H200 NVL": 835,
    "H100 NVL": 835,
    "H100 PCIe": 756,
    "H200": 989,  # GH200 too
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "RTX 4090": 165,
    "RTX 5090": 209,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A step: its median time, and the most memory that tensors held on the GPU; None on a CPU."""

    seconds: float
    peak_bytes: int | None


def measure(step: Step, options: Namespace, device: torch.device) -> Measured | None:
    """Warm up, then time each step. None if the GPU's memory does not suffice."""
    is_cuda, times = device.type == "cuda", []
    if is_cuda:
        torch.cuda.reset_peak_memory_stats(device)
    try:
        for number in range(options.warmup + options.steps):
            begun = time.perf_counter()
            step(number)
            if is_cuda:
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - begun)
    except torch.OutOfMemoryError:
        return None
    peak = torch.cuda.max_memory_allocated(device) if is_cuda else None
    return Measured(statistics.median(times[options.warmup :]), peak)


def contest(options: Namespace, settings: list[Setting]) -> dict[tuple[Setting, str], Measured | None]:
    """Measure every side in every setting, each with a transformer of its own; only one is in memory at a time."""
    measured = {}
    for setting, (side, make) in itertools.product(settings, [(PEER, Peer), (STATIC, our_step), (ALL, our_step)]):
        accelerator = devices.create_accelerator(options.device, precision="bf16")
        editor = klein(options.size, accelerator.device)
        step: Any = make(editor, setting.config(options, static=side != ALL), options, accelerator)
        measured[setting, side] = measure(step, options, accelerator.device)
        del editor, step, accelerator
        gc.collect()
        torch.cuda.empty_cache()  # does nothing without a GPU
    return measured


def operations(options: Namespace, *, static: bool) -> int:
    """Floating-point operations of our step for one pair, forward and backward, on tensors without data."""
    aten = torch.ops.aten
    # torch 2.13 has no formula for attention on a CPU, and would count nothing (pytorch/pytorch#195460).
    attention = {
        aten._scaled_dot_product_flash_attention_for_cpu: _forward_attention,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward_attention,
    }
    config = Setting(1, checkpointing=False).config(options, static=static)
    editor = klein(options.size, torch.device("meta"))
    prepare_denoiser(editor, config)
    with activations.without_data():
        for network in (editor.denoiser, editor.autoencoder):
            let_run(network)
        batch = memory.batch_of(editor, config, (options.height, options.width))
        with FlopCounterMode(display=False, custom_mapping=attention) as counter:
            memory.run_step(editor, config, batch)
    return int(counter.get_total_flops())


def _forward_attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


def _backward_attention(_gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return 2 * int(
        sdpa_flop_count(query, key, value)
    )  # torch's own formula adds what a fused kernel computes twice


def estimate(options: Namespace, setting: Setting, side: str) -> int | None:
    """What `train --dry-run` would say of the peak of training; it knows our side alone."""
    if side == PEER or not options.dry_run_estimate:
        return None
    config = setting.config(options, static=side == STATIC)
    editor = klein(options.size, torch.device("meta"))
    return memory.measure(editor, config, (options.height, options.width)).phases["training"]


def peak_of(device_name: str) -> float | None:
    """The peak TFLOP/s of a GPU by the name that torch gives it; None if unknown, or if it is a part of one."""
    if "MIG" in device_name or device_name.endswith((" D", "Laptop GPU")):
        return None
    return next((peak for name, peak in PEAK_TFLOPS.items() if name in device_name), None)


# 4 parameters: what was measured and counted of every side in every setting
def figures(
    measured: Mapping[tuple[Setting, str], Measured | None],
    estimates: Mapping[tuple[Setting, str], int | None],
    flops: Mapping[str, int],
    peak_tflops: float | None,
) -> dict[str, float]:
    """All numbers by flat names. What was not measured is left out."""
    values = {f"tflop_per_pair_{SIDES[side]}": count / 1e12 for side, count in flops.items() if side != PEER}
    for (setting, side), one in measured.items():
        name = f"{SIDES[side]}_{setting.name}"
        if expected := estimates[setting, side]:
            values[f"estimated_gib_{name}"] = expected / GIB
        if one is None:
            continue
        values[f"milliseconds_{name}"] = 1e3 * one.seconds
        values[f"pairs_per_second_{name}"] = setting.batch / one.seconds
        if peak_tflops:
            values[f"mfu_{name}"] = setting.batch * flops[side] / one.seconds / (1e12 * peak_tflops)
        if one.peak_bytes:
            values[f"peak_gib_{name}"] = one.peak_bytes / GIB
    for setting in dict.fromkeys(setting for setting, _ in measured):
        for ratio, (quantity, over, under) in RATIOS.items():
            above, below = (f"{quantity}_{side}_{setting.name}" for side in (over, under))
            if above in values and below in values:
                values[f"{ratio}_{setting.name}"] = values[above] / values[below]
    return values


def report(settings: Sequence[Setting], values: Mapping[str, float], options: Namespace) -> str:
    """Two tables: every side in every setting, and the ratios."""
    columns = {"ms/step": "milliseconds", "pairs/s": "pairs_per_second", "MFU": "mfu", "peak GiB": "peak_gib"}
    columns |= {"estimated GiB": "estimated_gib"} if options.dry_run_estimate else {}
    missing = {"milliseconds": "out of memory"} if options.steps else {}
    rows = [
        [f"batch {setting.batch}, {'' if setting.checkpointing else 'no '}checkpointing: {label}"]
        + [values.get(f"{each}_{side}_{setting.name}", missing.get(each, MISSING)) for each in columns.values()]
        for setting in settings
        for label, side in SIDES.items()
    ]
    names = [setting.name for setting in settings]
    ratios = [[ratio, *(values.get(f"{ratio}_{name}", MISSING) for name in names)] for ratio in RATIOS]
    return f"{table(['', *columns], rows)}\n\n{table(['', *names], ratios)}"


def parse() -> Namespace:
    """The options, with what depends on the size and on the device."""
    parser = arguments(__doc__)
    parser.add_argument("--size", choices=tuple(KLEIN), default="tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--height", type=int, help="pixels; 512, or 64 for tiny")
    parser.add_argument("--width", type=int, help="pixels; 896, or 112 for tiny")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--warmup", type=int, help="steps that are not timed; 3, or 1 for tiny")
    parser.add_argument("--steps", type=int, help="steps that are timed; 10, or 3 for tiny; 0 runs none")
    parser.add_argument("--peak-tflops", type=float, help="of the device, for MFU; default: by its name")
    parser.add_argument("--dry-run-estimate", action="store_true", help="also what `train --dry-run` expects")
    options = parser.parse_args()
    defaults = {"height": SHAPES[options.size][0], "width": SHAPES[options.size][1]}
    defaults |= {"warmup": 1, "steps": 3} if options.size == "tiny" else {"warmup": 3, "steps": 10}
    for name, value in defaults.items():
        setattr(options, name, value if getattr(options, name) is None else getattr(options, name))
    if options.peak_tflops is None and options.device.startswith("cuda"):
        options.peak_tflops = peak_of(torch.cuda.get_device_name(options.device))
    return options


def main() -> None:
    """Print two tables; with --json one line of JSON after them."""
    options = parse()
    settings = [Setting(batch, on) for batch, on in itertools.product(options.batch, (False, True))]
    cells = list(itertools.product(settings, SIDES))
    static, whole = operations(options, static=True), operations(options, static=False)
    estimates = {cell: estimate(options, *cell) for cell in cells}
    measured = contest(options, settings) if options.steps else dict.fromkeys(cells)
    flops = {PEER: static, STATIC: static, ALL: whole}
    values = figures(measured, estimates, flops, options.peak_tflops)
    print(machine("torch", "diffusers", "peft", "accelerate"))
    on = torch.cuda.get_device_name(options.device) if options.device.startswith("cuda") else options.device
    peak = f"{options.peak_tflops:,.0f} TFLOP/s" if options.peak_tflops else MISSING
    print(f"{options.size} on {on}, {options.height} × {options.width} pixels, rank {options.rank}; peak: {peak}")
    print(f"{static / 1e12:,.3g} TFLOP a pair with L_static, {whole / 1e12:,.3g} with all losses\n")
    print(report(settings, values, options))
    finish(values, as_json=options.json)


if __name__ == "__main__":
    main()
