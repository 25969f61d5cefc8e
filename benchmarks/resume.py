"""Compare a training run that is killed and resumed several times with an uninterrupted one.

    python benchmarks/resume.py  # the editor that ships, on the CPU
    python benchmarks/resume.py --device cuda --precision bf16 --batch 32 --steps 3200 --kills 4 --together

Both runs are `actionpairs train` with all three losses on synthetic pairs. SIGKILL comes at random steps; the same
command is then run again. diffusers' train_instruct_pix2pix.py differs by 1.5e-3 after 60 + 60 steps.

resume_weight_difference: the largest difference of a weight at the end. resume_loss_difference: the largest
difference of a loss term at any step. Both are 0 if resuming is exact.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from harness import arguments, finish, machine, table
from safetensors.torch import load_file

from actionpairs.synthetic.synthetic_shards import SyntheticSet, write_synthetic_shards
from actionpairs.training import metric_log

PAIRS = SyntheticSet("LC", "fixed", "actions", scenes=60, test_scenes=4, side=64, seed=12)
SPEED = "images_per_second"


def train_command(options: Namespace, work: Path, out: Path) -> list[str]:
    """The `actionpairs train` command, with the recipe of both runs."""
    recipe = work / "resume.yaml"
    config = {
        "task": "editor",
        "model": {"source": "tabletop"},
        "steps": options.steps,
        "batch_size": options.batch,
        "learning_rate": 1e-4,
        "warmup_steps": 10,
        "resolution": PAIRS.side,
        "precision": options.precision,
        "deterministic": True,
        "checkpoint_every": max(1, options.steps // 20),
        "sample_every": options.steps,
    }
    recipe.write_text(yaml.safe_dump({"train": config}))
    asked = ["--shards", str(work / PAIRS.name), "--out", str(out), "--device", options.device]
    return [sys.executable, "-m", "actionpairs", "train", str(recipe), *asked]


def train(command: list[str]) -> float:
    """Run a command to its end; returns the minutes."""
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    return (time.perf_counter() - begun) / 60


def train_under_kills(command: list[str], out: Path, options: Namespace) -> int:
    """Kill a command at random steps, then run it to its end; returns how often it was killed."""
    places = sorted(random.Random(options.steps).sample(range(1, options.steps), options.kills))
    kills = sum(interrupt(command, out, at=step) for step in places)
    train(command)
    return kills


def interrupt(command: list[str], out: Path, *, at: int) -> bool:
    """Run a command and kill it when its metric log has `at` steps; returns whether it was still running."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if steps_done(out) >= at:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.02)
    if process.returncode not in (0, -signal.SIGKILL):
        raise subprocess.CalledProcessError(process.returncode, command)
    return process.returncode != 0


def steps_done(out: Path) -> int:
    """How many steps the metric log holds."""
    try:
        return (out / metric_log.TABLE_FILE).read_bytes().count(b"\n") - 1
    except FileNotFoundError:
        return 0


def weight_difference(one: Path, other: Path) -> float:
    """The largest difference of a U-Net's weights."""
    left, right = (load_file(out / "unet/diffusion_pytorch_model.safetensors") for out in (one, other))
    return max(float((left[name] - right[name]).abs().max()) for name in left)


def loss_difference(one: Path, other: Path) -> float:
    """The largest difference of a loss term over all steps; infinite if steps are missing."""
    left, right = (metric_log.load_rows(out / metric_log.TABLE_FILE) for out in (one, other))
    if len(left) != len(right):
        return float("inf")
    pairs = zip(left, right, strict=True)
    return max(abs(row[name] - again[name]) for row, again in pairs for name in row if name != SPEED)


def compare(options: Namespace, work: Path) -> dict[str, float]:
    """Train once without kills and once with."""
    write_synthetic_shards(PAIRS, out=str(work / PAIRS.name))
    whole, parts = work / "whole", work / "parts"
    with ThreadPoolExecutor(max_workers=2 if options.together else 1) as runs:
        uninterrupted = runs.submit(train, train_command(options, work, whole))
        killed = runs.submit(train_under_kills, train_command(options, work, parts), parts, options)
        minutes, kills = uninterrupted.result(), killed.result()
    return {
        "resume_weight_difference": weight_difference(whole, parts),
        "resume_loss_difference": loss_difference(whole, parts),
        "steps": options.steps,
        "kills": kills,
        "minutes": minutes,
    }


def main() -> None:
    """Print a table; with --json one line of JSON after it."""
    parser = arguments(__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default="no")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--together", action="store_true", help="both runs at once, on a machine with room for it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(options.work or folder)
        work.mkdir(parents=True, exist_ok=True)
        figures = compare(options, work)
    print(machine("torch", "diffusers", "accelerate"))
    print(table(["", "measured"], [[name, value] for name, value in figures.items()]))
    finish(figures, as_json=options.json)


if __name__ == "__main__":
    main()
