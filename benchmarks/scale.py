"""More workers, ranks and segments: throughput, and what a segment costs as they grow a hundredfold.

Extracts from eight 1080p59.94 videos with one worker and with two. Reads 3,100 pairs at 256 px by one rank and by
two, a process with one thread each; the best of three counts. Plans tables (`--dry-run`) and shards pairs with
small pictures (one worker), from 1,000 segments to a million or --most; below a million the best of three counts.
The cost of a segment is the time of planning and sharding beyond that of a thousand, by the clock and in CPU
seconds, which other work on the machine changes less. Memory is the peak resident set in /proc, sampled every
20 ms.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from extract import RECIPE, render, spans
from harness import Run, arguments, finish, machine, table, watched
from shards import RECIPE as SHARD_RECIPE
from shards import make_pairs

from actionpairs.data import examples
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.loader import Loader
from actionpairs.stages.shard import shard
from actionpairs.storage import Folder

SECONDS, VIDEOS, FEWEST, MOST, ROUNDS = 60, 8, 1_000, 1_000_000, 3
RANKED_PAIRS, SHOW = 4_000, Augmentation(flip=0.5, conditioning_dropout=0.05, negatives=1, drawn_from="all")


def extract_copies(video: Path, work: Path, *, workers: int) -> Run:
    """Extract from eight copies of a video."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        folder = Path(name)
        rows = ["id,video,start,stop,text,verb,noun,group"]
        for copy in range(VIDEOS):
            os.link(video, folder / f"{copy}.mp4")
            rows += [
                f"{copy}-{number},{copy}.mp4,{each.start},{each.stop},do it,do,it,g"
                for number, each in enumerate(spans(SECONDS, copy))
            ]
        return watched(_command(folder, rows, "--videos", name, "--out", f"{name}/out", "--workers", str(workers)))


def plan(work: Path, count: int) -> Run:
    """Plan so many segments of a thousand videos."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        rows = ["id,video,start,stop,text,verb,noun,group"]
        for row in range(count):
            person, thing, start = f"P{row % 50:02d}", f"door {row % 97}", row / 1000
            video = f"{person}_{row % 1000}"
            rows.append(f"{video}_{row},{video}.mp4,{start},{start + 2},open {thing},open,{thing},{person}")
        return watched(_command(Path(name), rows, "--dry-run"))


def _command(folder: Path, rows: Sequence[str], *options: str) -> list[str]:
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "rows.csv").write_text("\n".join(rows))
    command = [sys.executable, "-m", "actionpairs", "extract", str(folder / "recipe.yaml")]
    return [*command, "--annotations", str(folder / "rows.csv"), *options]


def shard_pairs(work: Path, count: int) -> Run:
    """Shard so many pairs."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        folder = Path(name)
        make_pairs(Folder(folder / "pairs"), count, small=True)
        (folder / "recipe.yaml").write_text(SHARD_RECIPE)
        command = [sys.executable, "-m", "actionpairs", "shard", str(folder / "recipe.yaml")]
        return watched([*command, "--pairs", str(folder / "pairs"), "--out", str(folder / "shards")])


def ranked(work: Path) -> dict[int, float]:
    """Pairs per second of one rank and of two."""
    folder = work / "ranked"
    make_pairs(Folder(folder / "pairs"), RANKED_PAIRS)
    (folder / "recipe.yaml").write_text(SHARD_RECIPE)
    shard(folder / "recipe.yaml", pairs=str(folder / "pairs"), out=str(folder / "shards"))
    rates = {1: 0.0, 2: 0.0}
    for _ in range(ROUNDS):
        for ranks in rates:
            with ProcessPoolExecutor(ranks, mp_context=get_context("spawn")) as pool:
                shares = list(pool.map(partial(share, folder / "shards", ranks), range(ranks)))
            begun, ended, pairs = zip(*shares, strict=True)
            rates[ranks] = max(rates[ranks], sum(pairs) / (max(ended) - min(begun)))
    return rates


def share(folder: Path, ranks: int, rank: int) -> tuple[float, float, int]:
    """When a rank begins and ends its share of an epoch, and how many pairs that is."""
    batches = BatchSampler(examples.load_train([Folder(folder)]), SHOW, seed=0, batch_size=32)
    loader = Loader(batches, 256, workers=1, rank=rank, ranks=ranks)
    begun = time.time()
    pairs = sum(len(batch.originals) for batch in loader.batches(0, len(batches.examples)))
    return begun, time.time(), pairs


def best(run: Callable[[Path, int], Run], work: Path, count: int) -> Run:
    """The fastest of some runs, and the most memory of them all."""
    runs = [run(work, count) for _ in range(1 if count == MOST else ROUNDS)]
    least = (min(getattr(each, name) for each in runs) for name in ("wall_seconds", "cpu_seconds"))
    return Run(*least, *(max(getattr(each, name) for each in runs) for name in ("parent_mb", "child_mb")))


def growth(planned: dict[int, Run], sharded: dict[int, Run]) -> dict[str, float]:
    """The cost of a segment at each size relative to that at 10,000, and the memory of the main process."""

    def cost(count: int, seconds: str = "wall_seconds") -> float:
        spent = [getattr(runs[count], seconds) - getattr(runs[FEWEST], seconds) for runs in (planned, sharded)]
        return sum(spent) / (count - FEWEST)

    figures = {}
    for count in [count for count in planned if count > 10_000]:
        size = f"1e{len(str(count)) - 1}"
        figures[f"cost_{size}_over_1e4"] = cost(count) / cost(10_000)
        figures[f"cpu_{size}_over_1e4"] = cost(count, "cpu_seconds") / cost(10_000, "cpu_seconds")
        figures[f"driver_mb_{size}"] = max(planned[count].parent_mb, sharded[count].parent_mb)
    return figures


def main() -> None:
    """Render what is not there yet, run, print."""
    parser = arguments(__doc__)
    parser.add_argument("--most", type=int, default=MOST)
    chosen = parser.parse_args()
    print(machine("av", "opencv-python-headless", "pyarrow"))
    sizes = [count for count in (FEWEST, 10_000, 100_000, MOST) if count <= chosen.most]
    with tempfile.TemporaryDirectory(dir=chosen.work) as temporary:
        video = Path(chosen.work or temporary) / f"gop30-{SECONDS}s.mp4"
        if not video.exists():
            render(video.with_name("partial.mp4"), gop=30, seconds=SECONDS)
            video.with_name("partial.mp4").rename(video)
        one, two = (extract_copies(video, video.parent, workers=count) for count in (1, 2))
        rates = ranked(Path(temporary))
        planned = {count: best(plan, Path(temporary), count) for count in sizes}
        sharded = {count: best(shard_pairs, Path(temporary), count) for count in sizes}
    print(table(["", "pairs/s"], [(f"read, ranks: {ranks}", rate) for ranks, rate in rates.items()]), "\n")
    rows = [("extract, 1 worker", one), ("extract, 2 workers", two)]
    rows += [(f"plan {count:,}", run) for count, run in planned.items()]
    rows += [(f"shard {count:,}", run) for count, run in sharded.items()]
    print(
        table(
            ["", "wall s", "CPU s", "parent MiB", "largest child MiB"],
            [(name, run.wall_seconds, run.cpu_seconds, run.parent_mb, run.child_mb) for name, run in rows],
        )
    )
    figures = {
        "workers2_over_1": one.wall_seconds / two.wall_seconds,
        "ranks2_over_1": rates[2] / rates[1],
        "worker_mb": max(one.child_mb, two.child_mb),
    }
    finish(figures | growth(planned, sharded), as_json=chosen.json)


if __name__ == "__main__":
    main()
