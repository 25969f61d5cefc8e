"""One training step of ours against one in the style of diffusers' train_instruct_pix2pix.py, in one process.

    python benchmarks/train_step.py  # the small editor that ships, on the CPU
    python benchmarks/train_step.py --size sd15 --batch 1 --warmup 1 --steps 3  # Stable Diffusion 1.5: 20 GiB
    python benchmarks/train_step.py --size sd15 --device cuda --precision bf16 --batch 32 \\
        --compile --cuda-graphs --channels-last [--resolution 512]  # on one GPU

The reference encodes both pictures with the VAE and every text, "" too, with the text encoder in every step,
runs the U-Net in three separate passes (right, wrong, frozen), eager, and steps a plain AdamW. Both sides have
the same networks, losses, frozen parameters, batch and precision, and no files: the reference gets pictures as
tensors, our step gets latents and embeddings as the caches hold them. Stable Diffusion's weights are random, with
the sizes of the published configs.

vs_reference: how many times faster our step is with all three losses; vs_reference_static: with L_static alone.
flop_utilisation: the model's floating-point operations a second over those of a large matrix product, measured
in the same run.
"""

from __future__ import annotations

import copy
import gc
import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import DDPMScheduler
from harness import arguments, finish, machine, table
from networks import NOISE, Networks
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from actionpairs.configs import ActionLossConfig, LoopConfig, RegularizationConfig
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.editors import freezing
from actionpairs.editors.editor import Editor
from actionpairs.records import Entry
from actionpairs.storage import Folder
from actionpairs.training import devices, losses
from actionpairs.training.conditionings import Conditionings
from actionpairs.training.diffusion_batches import DiffusionBatches
from actionpairs.training.editor_task import EditorTask
from actionpairs.training.latents import Latents
from actionpairs.training.loss_terms import LossWeights
from actionpairs.training.state import compile_network, prepare
from actionpairs.training.train import train_step

PAIRS, ACTIONS = 64, 8
DTYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
ALL, STATIC = "all three losses", "L_static alone"
LOSSES = {"all": (False,), "static": (True,), "both": (False, True)}
Step = Callable[[int], object]


def our_step(networks: Networks, options: Namespace, accelerator: Accelerator, *, static: bool) -> Step:
    """The package's own task and training step, on arrays as its caches hold them."""
    config = LoopConfig(
        steps=1_000_000,
        batch_size=options.batch,
        learning_rate=1e-6,
        precision=options.precision,
        compile=options.compile,
        cuda_graphs=options.cuda_graphs,
    )
    unet, editor = networks.unet, networks.editor("action")
    if options.channels_last:
        unet.to(memory_format=torch.channels_last)
    freezing.freeze(unet, ["attn2"])
    reference = None if static else freezing.frozen_copy(unet, precision=options.precision)
    if reference and config.compile:
        compile_network(reference, cuda_graphs=config.cuda_graphs)
    weight = 0.0 if static else 0.1
    weights = LossWeights(ActionLossConfig(weight=weight), RegularizationConfig(weight=weight))
    drawn = batches(editor, options, static=static)
    task = EditorTask(editor, drawn, weights, accelerator=accelerator, reference=reference)
    state = prepare(accelerator, unet, config, ema_decay=0)
    return lambda step: train_step(task, state, config, step)


def batches(editor: Editor, options: Namespace, *, static: bool) -> DiffusionBatches:
    """Pairs that are names alone, and random latents and embeddings for them."""
    generator = np.random.default_rng(0)
    texts = ("", *(f"action {number}" for number in range(ACTIONS)))
    pairs = [Example(Folder("."), f"pair-{n:02d}", _entry(n, texts[1 + n % ACTIONS])) for n in range(PAIRS)]
    augmentation = Augmentation(flip=0.5, conditioning_dropout=0.05, negatives=int(not static), drawn_from="all")
    shape = editor.autoencoder.config.latent_channels, *[options.resolution // editor.factor] * 2
    values = generator.random((PAIRS, 2, 3, *shape), dtype=np.float32).astype(np.float16)
    length, width = editor.condition([""], np.empty((1, 0, 0, 3), np.uint8)).embeddings.shape[1:]
    tokens = generator.standard_normal((len(texts) * length, width), dtype=np.float32)
    sampler = BatchSampler(pairs, augmentation, seed=0, batch_size=options.batch)
    latents = Latents((values,), tuple((0, number) for number in range(PAIRS)))
    rows = {(text, -1, False): number for number, text in enumerate(texts)}
    embedded = Conditionings(rows, tokens, length * np.arange(len(texts) + 1), None, with_picture=False)
    return DiffusionBatches(sampler, latents, embedded, editor, editor.noise_process())


def _entry(number: int, text: str) -> Entry:
    return Entry(f"{number}", "train", "", text, text, "", text, "", 0, 0, 0, 0, 0, 0)


class Reference:
    """The step of diffusers' script, with the two further passes that EditAction's losses need."""

    def __init__(self, networks: Networks, options: Namespace, accelerator: Accelerator, *, static: bool) -> None:
        self._options, self._accelerator = options, accelerator
        self._half = DTYPES[options.precision]
        self._vae = networks.vae.to(self._half)
        self._text_encoder = networks.text_encoder.to(self._half)
        freezing.freeze(networks.unet, ["attn2"])
        self._frozen = None if static else copy.deepcopy(networks.unet).requires_grad_(False).to(self._half)
        self._trained = [parameter for parameter in networks.unet.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(self._trained, lr=1e-6)
        self._unet, self._optimizer = accelerator.prepare(networks.unet, optimizer)
        self._scheduler = DDPMScheduler(**NOISE)

    def __call__(self, number: int) -> None:
        torch.manual_seed(number)
        self._accelerator.backward(self._loss().mean())
        self._accelerator.clip_grad_norm_(self._trained, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()

    def _loss(self) -> Tensor:
        count, device = self._options.batch, self._accelerator.device
        edits, originals = self._latents(), self._latents()
        clean = edits.sample() * self._vae.config.scaling_factor
        noise = torch.randn_like(clean)
        times = torch.randint(1000, (count,), device=device)
        chance = torch.rand(count, device=device)
        texts = torch.where((chance < 0.1).view(-1, 1, 1), self._embedded(1), self._embedded(count))
        kept = (chance >= 0.1).view(-1, 1, 1, 1)
        inputs = torch.cat([self._scheduler.add_noise(clean, noise, times), originals.mode() * kept], 1)
        prediction = self._unet(inputs, times, texts).sample.float()
        right = losses.squared_errors(prediction, noise.float())
        if self._frozen is None:
            return right
        under_wrong = self._unet(inputs, times, self._embedded(count)).sample.float()
        wrong = losses.squared_errors(under_wrong, noise.float())[None]
        counted = torch.ones_like(wrong, dtype=torch.bool)
        action = losses.action_losses(right, wrong, counted, form="logistic", beta=1000, margin=0)
        with torch.no_grad():
            reference = self._frozen(inputs, times, texts).sample.float()
        return right + 0.1 * action + 0.1 * losses.squared_errors(prediction, reference)

    def _latents(self) -> Any:
        side, device = self._options.resolution, self._accelerator.device
        pictures = torch.rand(self._options.batch, 3, side, side, device=device, dtype=self._half)
        return self._vae.encode(pictures * 2 - 1).latent_dist

    def _embedded(self, count: int) -> Tensor:
        config = self._text_encoder.config
        shape = count, config.max_position_embeddings
        tokens = torch.randint(config.vocab_size, shape, device=self._accelerator.device)
        embedded: Tensor = self._text_encoder(tokens)[0]
        return embedded


@dataclass(frozen=True, slots=True)
class Measured:
    """A model's step: its median time, the most memory that its process or its GPU held, its operations."""

    seconds: float
    peak_bytes: int
    flops: int


def measure(step: Step, *, warmup: int, steps: int, device: torch.device) -> Measured:
    """Warm up, counting operations in the first step; then time each step."""
    _forget_peak(device)
    with FlopCounterMode(display=False) as counter:
        step(0)
    torch.compiler.reset()  # nothing is compiled while operations are counted, or after it without this
    for number in range(1, warmup):
        step(number)
    times = []
    for number in range(warmup, warmup + steps):
        _wait(device)
        begun = time.perf_counter()
        step(number)
        _wait(device)
        times.append(time.perf_counter() - begun)
    return Measured(statistics.median(times), _peak(device), counter.get_total_flops())


def profile(step: Step, *, device: torch.device) -> str:
    """Where the device's time goes in three steps: the kernels that take most."""
    activities = [getattr(torch.profiler.ProfilerActivity, device.type.upper())]
    with torch.profiler.profile(activities=activities) as profiler:
        for number in range(3):
            step(number)
        _wait(device)
    order = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    return profiler.key_averages().table(sort_by=order, row_limit=100, max_name_column_width=70)


def matrix_rate(device: torch.device, precision: str) -> float:
    """Floating-point operations a second of a large matrix product, the best of ten."""
    side = 8192 if device.type == "cuda" else 1024
    left, right = (torch.randn(side, side, device=device, dtype=DTYPES[precision]) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        _wait(device)
        begun = time.perf_counter()
        left @ right
        _wait(device)
        best = min(best, time.perf_counter() - begun)
    return 2 * side**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        Path("/proc/self/clear_refs").write_text("5")


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def contest(options: Namespace) -> tuple[dict[str, Measured], float]:
    """Measure every model, each with networks of its own; and the rate of the matrix product."""
    accelerator = devices.create_accelerator(options.device, precision=options.precision)
    device = accelerator.device
    measured = {}
    for static in LOSSES[options.losses]:
        for name, model in (("reference", Reference), ("actionpairs", our_step)):
            networks = Networks.of(options.size, device)
            step = model(networks, options, accelerator, static=static)
            label = f"{name}, {STATIC if static else ALL}"
            measured[label] = measure(step, warmup=options.warmup, steps=options.steps, device=device)
            if options.profile and model is our_step:
                print(f"{label}\n{profile(step, device=device)}")
            del networks, step
            accelerator.free_memory()
            gc.collect()
    return measured, matrix_rate(device, options.precision)


def figures(measured: dict[str, Measured], rate: float, *, batch: int) -> dict[str, float]:
    """The ratios and rates of our step."""
    values = {}
    if (theirs := measured.get(f"reference, {ALL}")) and (ours := measured.get(f"actionpairs, {ALL}")):
        values = {
            "vs_reference": theirs.seconds / ours.seconds,
            "flop_utilisation": ours.flops / ours.seconds / rate,
            "images_per_second": batch / ours.seconds,
            "peak_gib": ours.peak_bytes / 2**30,
        }
    if (theirs := measured.get(f"reference, {STATIC}")) and (ours := measured.get(f"actionpairs, {STATIC}")):
        values["vs_reference_static"] = theirs.seconds / ours.seconds
    return values


def main() -> None:
    """Print a table; with --json one line of JSON after it."""
    parser = arguments(__doc__)
    parser.add_argument("--size", choices=("tiny", "sd15"), default="tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default="no")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--resolution", type=int, help="pixels; 64 for tiny, 256 for sd15")
    parser.add_argument("--warmup", type=int, default=3, help="steps that are not timed")
    parser.add_argument("--steps", type=int, default=20, help="steps that are timed")
    parser.add_argument("--compile", action="store_true", help="our U-Nets")
    parser.add_argument("--cuda-graphs", action="store_true", help="our U-Nets, with --compile")
    parser.add_argument("--channels-last", action="store_true", help="our U-Nets")
    parser.add_argument("--losses", choices=tuple(LOSSES), default="both", help="all three, or L_static alone")
    parser.add_argument("--profile", action="store_true", help="print our slowest kernels")
    options = parser.parse_args()
    options.resolution = options.resolution or {"tiny": 64, "sd15": 256}[options.size]
    measured, rate = contest(options)
    print(machine("torch", "diffusers", "accelerate"))
    print(f"a large matrix product: {rate / 1e9:,.0f} GFLOP/s, {torch.get_num_threads()} threads\n")
    rows = []
    for name, one in measured.items():
        speeds = round(1e3 * one.seconds), options.batch / one.seconds
        rows.append([name, *speeds, one.peak_bytes / 2**30, one.flops / one.seconds / rate])
    print(table(["", "ms/step", "img/s", "peak GiB", "FLOP utilisation"], rows))
    finish(figures(measured, rate, batch=options.batch), as_json=options.json)


if __name__ == "__main__":
    main()
