"""Generation in batches against diffusers' pipeline one by one; the Fréchet term against torchmetrics and scipy.

`python benchmarks/eval.py --json` prints `batched_vs_single` and `frechet_vs_torchmetrics`, ratios of times in
one run on the same work.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import scipy.linalg
import torch
from diffusers import EulerAncestralDiscreteScheduler
from PIL import Image
from torchmetrics.image.fid import _compute_fid

from actionpairs.configs import TinyModel
from actionpairs.learning import tiny
from actionpairs.scoring import generate, metrics

SIDE, STEPS, COUNT, BATCH = 64, 20, 16, 16


def seconds(work: Callable[[], object], *, repeats: int = 1) -> float:
    """The least of some runs."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def generation() -> dict[str, float]:
    """Seconds for the same edits, both ways, of a tiny model."""
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (COUNT, SIDE, SIDE, 3), np.uint8)
    editor = tiny.build(
        TinyModel(tiny=True, autoencoder_steps=1), pictures, ["take cup"], seed=0, device=torch.device("cpu")
    )
    sampling = generate.Sampling("EulerAncestralDiscreteScheduler", STEPS, 1.5, 7.5)
    pipeline = editor.pipeline()
    pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(editor.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)

    def single() -> None:
        for seed, picture in enumerate(pictures):
            pipeline(
                "take cup",
                image=Image.fromarray(picture),
                num_inference_steps=STEPS,
                image_guidance_scale=1.5,
                guidance_scale=7.5,
                generator=torch.Generator().manual_seed(seed),
            )

    def batched() -> None:
        for start in range(0, COUNT, BATCH):
            part = pictures[start : start + BATCH]
            seeds = range(start, start + len(part))
            generate.edit(editor, part, ["take cup"] * len(part), seeds=seeds, sampling=sampling)

    return {"single_seconds": seconds(single), "batched_seconds": seconds(batched)}


def frechet() -> dict[str, float]:
    """Seconds and values for two sets of 500 × 2048."""
    draw = np.random.default_rng(0)
    x, y = draw.normal(0, 1, (500, 2048)), draw.normal(0.2, 1.2, (500, 2048))
    a, b = torch.from_numpy(x), torch.from_numpy(y)

    def peer() -> float:
        return float(_compute_fid(a.mean(0), torch.cov(a.T), b.mean(0), torch.cov(b.T)))

    def by_root() -> float:
        cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
        trace = np.trace(scipy.linalg.sqrtm(cov_x @ cov_y)).real
        return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * trace)

    return {
        "torchmetrics_seconds": seconds(peer),
        "sqrtm_seconds": seconds(by_root),
        "ours_seconds": seconds(lambda: metrics.frechet(x, y), repeats=3),
        "relative_difference": abs(metrics.frechet(x, y) - peer()) / peer(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="One line of JSON.")
    wanted = parser.parse_args()
    found = generation() | frechet()
    found["batched_vs_single"] = found["single_seconds"] / found["batched_seconds"]
    found["frechet_vs_torchmetrics"] = found["torchmetrics_seconds"] / found["ours_seconds"]
    if wanted.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{value:12.4g}  {name}")


if __name__ == "__main__":
    main()
