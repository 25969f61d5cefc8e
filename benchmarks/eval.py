"""Generation in batches against diffusers' pipeline one by one; the Fréchet term against torchmetrics and scipy.

    python benchmarks/eval.py [--json]  # the small editor that ships, on the CPU
    python benchmarks/eval.py --size sd15 --device cuda [--resolution 512] --steps 100  # on one GPU

Both sides sample the same edits with the same weights, scheduler and guidance.

batched_vs_single: how many times faster a batch is; frechet_vs_torchmetrics: our Fréchet term of two sets of
500 × 2048 against torchmetrics'. images_per_second: of the batches.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable

import numpy as np
import scipy.linalg
import torch
from diffusers import EulerAncestralDiscreteScheduler
from harness import arguments, finish, machine, table
from networks import Networks
from PIL import Image
from torchmetrics.image.fid import _compute_fid

from actionpairs.editors import sampling as editing
from actionpairs.editors.editor import Editor, Sampling, rebuilt
from actionpairs.metrics import distances

TEXT, IMAGE_GUIDANCE, TEXT_GUIDANCE = "take cup", 1.5, 7.5


def seconds(work: Callable[[], object], *, repeats: int = 1) -> float:
    """The time of the fastest of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def make_editor(options: Namespace) -> Editor:
    """An editor with a tokenizer of letters and the words of TEXT."""
    editor = Networks.of(options.size, torch.device(options.device)).editor(TEXT)
    editor.denoiser.eval()
    return editor


def generation(options: Namespace) -> dict[str, float]:
    """Seconds for the same edits, one by one and in batches, each warmed up with one batch."""
    shape = options.count, options.resolution, options.resolution, 3
    pictures, editor = np.random.default_rng(0).integers(0, 256, shape, np.uint8), make_editor(options)
    sampling = Sampling("EulerAncestralDiscreteScheduler", options.steps, IMAGE_GUIDANCE, TEXT_GUIDANCE)
    scheduler = EulerAncestralDiscreteScheduler.from_config(editor.pipeline.scheduler.config)
    pipeline = rebuilt(editor.pipeline, scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)

    def single(count: int = options.count) -> None:
        for seed, picture in enumerate(pictures[:count]):
            pipeline(
                TEXT,
                image=Image.fromarray(picture),
                num_inference_steps=options.steps,
                image_guidance_scale=IMAGE_GUIDANCE,
                guidance_scale=TEXT_GUIDANCE,
                generator=torch.Generator().manual_seed(seed),
            )

    def batched(count: int = options.count) -> None:
        for start in range(0, count, options.batch):
            part = pictures[start : start + options.batch]
            seeds = range(start, start + len(part))
            editing.sample(editor, part, [TEXT] * len(part), seeds=seeds, sampling=sampling)

    single(1)
    batched(options.batch)
    return {"single_seconds": seconds(single), "batched_seconds": seconds(batched)}


def frechet() -> dict[str, float]:
    """Seconds and values for two sets of 500 × 2048."""
    draw = np.random.default_rng(0)
    x, y = draw.normal(0, 1, (500, 2048)), draw.normal(0.2, 1.2, (500, 2048))
    a, b = torch.from_numpy(x), torch.from_numpy(y)

    def torchmetrics_frechet() -> float:
        return float(_compute_fid(a.mean(0), torch.cov(a.T), b.mean(0), torch.cov(b.T)))

    def scipy_frechet() -> float:
        cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
        trace = np.trace(scipy.linalg.sqrtm(cov_x @ cov_y)).real
        return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * trace)

    return {
        "torchmetrics_seconds": seconds(torchmetrics_frechet),
        "sqrtm_seconds": seconds(scipy_frechet),
        "frechet_seconds": seconds(lambda: distances.frechet(x, y), repeats=3),
        "relative_difference": abs(distances.frechet(x, y) / torchmetrics_frechet() - 1),
    }


def main() -> None:
    """Print a table; with --json one line of JSON after it."""
    parser = arguments(__doc__)
    parser.add_argument("--size", choices=("tiny", "sd15"), default="tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resolution", type=int, help="pixels; 64 for tiny, 256 for sd15")
    parser.add_argument("--steps", type=int, default=20, help="of the scheduler")
    parser.add_argument("--count", type=int, default=16, help="edits")
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    options.resolution = options.resolution or {"tiny": 64, "sd15": 256}[options.size]
    editing_times, distance = generation(options), frechet()
    print(machine("torch", "diffusers", "torchmetrics", "scipy"), "\n")
    single, batched = editing_times["single_seconds"], editing_times["batched_seconds"]
    term = distance["frechet_seconds"]
    rows = [
        [f"{options.count} edits, one by one with diffusers' pipeline", single, single / batched],
        [f"the same in batches of {options.batch}", batched, ""],
        ["Fréchet term, torchmetrics", distance["torchmetrics_seconds"], distance["torchmetrics_seconds"] / term],
        ["Fréchet term, scipy's matrix root", distance["sqrtm_seconds"], distance["sqrtm_seconds"] / term],
        ["Fréchet term, ours", term, ""],
    ]
    print(table(["", "s", "theirs ÷ ours"], rows))
    figures = editing_times | distance
    figures["batched_vs_single"] = single / batched
    figures["images_per_second"] = options.count / batched
    figures["frechet_vs_torchmetrics"] = distance["torchmetrics_seconds"] / term
    finish(figures, as_json=options.json)


if __name__ == "__main__":
    main()
