"""What each rule of `extract.frames` costs: CPU seconds per pair, against the first and the last frame.

Renders a 1080p59.94 H.264 video (GOP 30, B-frames) and draws 15 segments a minute of 1 to 4 s for each of three
copies of it, as benchmarks/extract.py does. Every rule extracts all copies in this process with one thread: packet
table, decode, conversion, choice, JPEG, measures and Parquet. Start and imports do not count.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_video import render
from extract import COPIES, RECIPE, spans
from harness import arguments, finish, machine, table

from actionpairs.recipe import load
from actionpairs.stages.extract import extract

SECONDS, GOP = 40, 30
RULES: dict[str, dict[str, Any]] = {
    "first and last": {},
    "sharpest within 0.2 s": {"choose": "sharpest", "within_seconds": 0.2},
    "still within 0.5 s": {"choose": "still", "within_seconds": 0.5},
    "ahead 0.5 s, 3 pairs": {"rule": "ahead", "seconds": 0.5, "pairs": 3},
    "ahead 0.5 s, 3 pairs, sharpest within 0.2 s": {
        "rule": "ahead",
        "seconds": 0.5,
        "pairs": 3,
        "choose": "sharpest",
        "within_seconds": 0.2,
    },
}


@dataclass(frozen=True, slots=True)
class RuleCost:
    """What one rule took. pairs: how many it gave."""

    pairs: int
    cpu_seconds: float

    @property
    def per_pair(self) -> float:
        """CPU seconds per pair."""
        return self.cpu_seconds / self.pairs


def write_table(path: Path, seconds: int) -> None:
    """The segments of all copies."""
    rows = ["id,video,start,stop,text,verb,noun,group"]
    for copy in range(COPIES):
        for number, span in enumerate(spans(seconds, copy)):
            rows.append(f"{copy}-{number},{copy}.mp4,{span.start},{span.stop},do it,do,it,g")
    path.write_text("\n".join(rows))


def measure(rule: dict[str, Any], folder: Path, out: Path) -> RuleCost:
    """Extract all copies with a rule."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.replace("extract:\n", f"extract:\n  frames: {json.dumps(rule)}\n", 1))
    loaded = load(recipe)
    begun = time.process_time()
    annotations = [str(folder / "rows.csv")]
    summary = extract(loaded, videos=str(folder), annotations=annotations, out=str(out), executor="serial")
    return RuleCost(summary.pairs, time.process_time() - begun)


def main() -> None:
    """Render a missing video, run every rule, print."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="length of the video")
    chosen = parser.parse_args()
    work = Path(chosen.work or tempfile.mkdtemp(prefix="actionpairs-bench-"))
    video = work / f"gop{GOP}-{chosen.seconds}s" / "video.mp4"
    if not video.exists():
        video.parent.mkdir(parents=True)
        partial = video.with_name("partial.mp4")
        render(partial, gop=GOP, seconds=chosen.seconds)
        partial.rename(video)
    with tempfile.TemporaryDirectory(dir=work) as inside:
        folder = Path(inside) / "input"
        folder.mkdir()
        for copy in range(COPIES):
            (folder / f"{copy}.mp4").hardlink_to(video)
        write_table(folder / "rows.csv", chosen.seconds)
        measure({}, folder, Path(inside) / "warm")  # imports and first use of the libraries
        costs = {name: measure(rule, folder, Path(inside) / name) for name, rule in RULES.items()}
    plain = costs["first and last"].per_pair
    print(machine("av", "opencv-python-headless"))
    rows = [
        (name, cost.pairs, cost.cpu_seconds, cost.per_pair, cost.per_pair / plain) for name, cost in costs.items()
    ]
    print(table(["", "pairs", "CPU s", "CPU s per pair", "÷ first and last"], rows))
    if not chosen.work:
        shutil.rmtree(work)
    names = {name: name.replace(",", "").replace(" ", "_") for name in costs}
    finish({f"{names[name]}_cpu_s_per_pair": cost.per_pair for name, cost in costs.items()}, as_json=chosen.json)


if __name__ == "__main__":
    main()
