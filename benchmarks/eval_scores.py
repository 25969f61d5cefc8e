"""Scoring of edits that are there, by every score that needs no weights: time and memory.

    python benchmarks/eval_scores.py [--json] [--samples 500] [--models 4] [--side 256]

The edits of each model are the real last frames, moved and recolored a little. The peer computes the two scores
that it has, PSNR and SSIM of torchmetrics, on the same pictures, read and decoded alike.

seconds, cpu_seconds, peak_mb: of `actionpairs eval`, all scores of all rows, with the page. peer_seconds: of PSNR
and SSIM alone. milliseconds_per_edit: of `eval`. all_scores_vs_two: seconds ÷ peer_seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from harness import arguments, finish, machine, table, watched
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.shards import load_entries
from actionpairs.storage import Folder
from actionpairs.synthetic.synthetic_shards import ACTIONS_PER_SCENE, SyntheticSet, write_synthetic_shards

SPLIT = "actions-test"


def render(root: Path, samples: int, models: int, side: int) -> None:
    """Shards with a test split, and a folder of edits for each model."""
    scenes = -(-samples // ACTIONS_PER_SCENE)
    spec = SyntheticSet("actions", "fixed", "actions", 1, scenes, side, 1)
    write_synthetic_shards(spec, out=str(root / "shards"))
    source = Folder(root / "shards")
    draw = np.random.default_rng(0)
    for entry in load_entries(source, SPLIT):
        truth = examples.load_pair(Example(source, entry.key, entry), side)[1]
        for model in range(models):
            shift = np.array([[1, 0, draw.uniform(-3, 3)], [0, 1, draw.uniform(-3, 3)]])
            moved = cv2.warpAffine(truth, shift, (side, side), borderMode=cv2.BORDER_REPLICATE)
            edit = np.clip(moved * draw.uniform(0.9, 1.1) + draw.normal(0, 4, moved.shape), 0, 255).astype(
                np.uint8
            )
            path = root / f"model{model}" / f"{entry.key}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), cv2.cvtColor(edit, cv2.COLOR_RGB2BGR))


def read(path: Path) -> np.ndarray:
    """A picture: H W 3 uint8 RGB."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def peer(root: Path, samples: int, models: int, side: int) -> None:
    """PSNR and SSIM of torchmetrics, 16 edits at a time."""
    source = Folder(root / "shards")
    entries = load_entries(source, SPLIT)[:samples]
    for model in range(models):
        for start in range(0, len(entries), 16):
            part = entries[start : start + 16]
            truths = np.stack([examples.load_pair(Example(source, each.key, each), side)[1] for each in part])
            edits = np.stack([read(root / f"model{model}" / f"{each.key}.png") for each in part])
            one, two = (
                torch.from_numpy(each.copy()).permute(0, 3, 1, 2).float() / 255 for each in (edits, truths)
            )
            peak_signal_noise_ratio(one, two, data_range=1.0, reduction="none", dim=(1, 2, 3))
            structural_similarity_index_measure(one, two, data_range=1.0, reduction="none")


def measure(root: Path, options: argparse.Namespace) -> dict[str, float]:
    """Run both, each in a process of its own."""
    (root / "recipe.yaml").write_text(f"eval: {{resolution: {options.side}}}\n")
    edits = [f"--predictions=model{n}={root / f'model{n}'}" for n in range(options.models)]
    where = ["--shards", str(root / "shards"), "--split", SPLIT, "--out", str(root / "report")]
    where += ["--limit", str(options.samples)]
    command = [
        sys.executable,
        "-m",
        "actionpairs",
        "eval",
        str(root / "recipe.yaml"),
        *edits,
        *where,
        "--device=cpu",
    ]
    ours = watched(command)
    again = [sys.executable, __file__, "--peer", str(root), f"--samples={options.samples}"]
    again += [f"--models={options.models}", f"--side={options.side}"]
    theirs = watched(again)
    count = min(options.samples, len(load_entries(Folder(root / "shards"), SPLIT)))
    return {
        "samples": count,
        "seconds": ours.wall_seconds,
        "cpu_seconds": ours.cpu_seconds,
        "peak_mb": max(ours.parent_mb, ours.child_mb),
        "peer_seconds": theirs.wall_seconds,
        "peer_peak_mb": max(theirs.parent_mb, theirs.child_mb),
        "milliseconds_per_edit": 1000 * ours.wall_seconds / count / (options.models + 2),
        "all_scores_vs_two": ours.wall_seconds / theirs.wall_seconds,
    }


def main() -> None:
    """Print a table; with --json one line of JSON after it."""
    parser = arguments(__doc__)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        peer(options.peer, options.samples, options.models, options.side)
        return
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        render(Path(folder), options.samples, options.models, options.side)
        figures = measure(Path(folder), options)
    print(machine("torch", "torchmetrics", "opencv-python-headless"), "\n")
    rows = [
        ["actionpairs eval, every score without weights", figures["seconds"], figures["peak_mb"]],
        ["torchmetrics, PSNR and SSIM", figures["peer_seconds"], figures["peer_peak_mb"]],
        ["ours ÷ theirs", figures["all_scores_vs_two"], figures["peak_mb"] / figures["peer_peak_mb"]],
    ]
    count = f"{figures['samples']:,.0f} samples × {options.models} models, {options.side}²"
    print(table([count, "s", "peak MB"], rows))
    finish(figures, as_json=options.json)


if __name__ == "__main__":
    main()
