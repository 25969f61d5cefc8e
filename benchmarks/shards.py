"""Sharding compared with plain tar: 38,000 pairs, filtered, split, written and hashed, and the same files by tar.

The pairs are made here: pictures of about 60 KB, from a few hundred of noise and gradients. `tar` packs the very
members that our shards hold, from loose files into as many tars, on the same disk; both write through to the disk.
The two take turns, and the best of each counts. Needs about 15 GB; --pairs takes fewer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from harness import arguments, finish, machine, table, watched

from actionpairs import manifest, pairs, shards
from actionpairs.manifest import StageSpec
from actionpairs.recipe import load
from actionpairs.records import FramePair, Measures, PairFacts, Segment
from actionpairs.storage import Folder

PER_VIDEO, PICTURES, SIDE, ROUNDS = 1000, 400, (512, 910), 3
RECIPE = "extends: table\nshard: {filters: {min_change: 0.01}, splits: {tests: {tabletest: 500}}}\n"


def jpegs(count: int) -> list[bytes]:
    """Pictures of about 60 KB: gradients under noise, each its own."""
    pictures = []
    for number in range(count):
        rng = np.random.default_rng(number)
        coarse = rng.integers(0, 256, (9, 16, 3), np.uint8)
        picture = cv2.resize(coarse, SIDE[::-1], interpolation=cv2.INTER_CUBIC).astype(np.int16)
        noisy = picture + cv2.resize(rng.integers(-6, 7, SIDE, np.int16), SIDE[::-1])[..., None]
        pictures.append(cv2.imencode(".jpg", noisy.clip(0, 255).astype(np.uint8), [1, 80])[1].tobytes())
    return pictures


def small_jpeg() -> bytes:
    """A gray picture of less than a kilobyte."""
    return cv2.imencode(".jpg", np.full((36, 64, 3), 128, np.uint8))[1].tobytes()


def videos(count: int, pictures: Sequence[bytes]) -> Iterator[tuple[str, list[FramePair]]]:
    """Pairs video by video; a tenth of them change too little for the filter."""
    measures = Measures(
        change=0.1, sharpness_before=0.7, sharpness_after=0.7, dark=0.0, overexposed=0.0, ssim=0.9, cut=0.02,
        camera_shift=0.001, camera_rotation_degrees=0.0, camera_zoom=1.0, camera_inliers=200, displacement=0.12,
        displacement_confidence=0.9,
        moved_area=0.05, moved_left=0.2, moved_top=0.3, moved_right=0.6, moved_bottom=0.7,
        hash_before="0123456789abcdef", hash_after="fedcba9876543210",
    )  # fmt: skip
    for first in range(0, count, PER_VIDEO):
        video, frame_pairs = f"P{first // PER_VIDEO:02d}_01", []
        for number in range(first, min(count, first + PER_VIDEO)):
            verb, noun = ("open", "close", "take", "put")[number % 4], f"thing {number % 97}"
            start = float(number % PER_VIDEO)
            segment = Segment(
                f"{video}_{number}",
                video,
                start,
                start + 1,
                f"{verb} {noun}",
                verb,
                noun,
                f"{verb} {noun}",
                video[:3],
            )
            facts = PairFacts(
                segment, start, start + 0.9, number, number + 54, 0.0, 0.02, "planned", "", SIDE[1], SIDE[0],
                replace(measures, change=0.001 if number % 10 == 0 else 0.1),
            )  # fmt: skip
            frame_pairs.append(
                FramePair(facts, pictures[number % len(pictures)], pictures[(number * 7 + 1) % len(pictures)])
            )
        yield video, frame_pairs


def make_pairs(folder: Folder, count: int, *, small: bool = False) -> None:
    """A finished pairs folder, as `extract` leaves it."""
    pictures = [small_jpeg()] if small else jpegs(PICTURES)
    spec = StageSpec("extract", "benchmark", load("table").extract, {})
    with manifest.working(folder, spec):
        files = {
            pairs.file_name(name): pairs.write(folder, pairs.file_name(name), frame_pairs, pairs.VideoNotes(()))
            for name, frame_pairs in videos(count, pictures)
        }
        files[pairs.REJECTED_FILE] = pairs.write_rejections(folder, [])
        manifest.finish(folder, spec, counts={"rows": count, "selected": count, "pairs": count}, files=files)


def ours(work: Path, name: str) -> tuple[float, float]:
    """Seconds and peak MiB of the command."""
    recipe = work / "recipe.yaml"
    recipe.write_text(RECIPE)
    command = [sys.executable, "-m", "actionpairs", "shard", str(recipe)]
    run = watched([*command, "--pairs", str(work / "pairs"), "--out", str(work / name)])
    return run.wall_seconds, run.parent_mb + run.child_mb


def unpack(work: Path) -> list[str]:
    """Our shards as loose files, a folder each; gives their names."""
    names = [shard.name for shard in shards.load_index(Folder(work / "shards")).shards]
    for name in names:
        (work / "loose" / name).mkdir(parents=True)
        subprocess.run(["tar", "-xf", work / "shards" / name, "-C", work / "loose" / name], check=True)
    return names


def plain_tar(work: Path, names: list[str]) -> float:
    """Seconds that tar needs for the same members into as many tars, written through to the disk."""
    out = work / "tars"
    out.mkdir()
    begun = time.perf_counter()
    for name in names:
        subprocess.run(["tar", "--format=ustar", "-cf", out / name, "-C", work / "loose" / name, "."], check=True)
        with (out / name).open("rb") as file:
            os.fsync(file.fileno())
    seconds = time.perf_counter() - begun
    shutil.rmtree(out)
    return seconds


def main() -> None:
    """Make the pairs, take turns, print."""
    parser = arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=38_000)
    chosen = parser.parse_args()
    print(machine("pyarrow", "opencv-python-headless"))
    with tempfile.TemporaryDirectory(dir=chosen.work) as temporary:
        work = Path(temporary)
        make_pairs(Folder(work / "pairs"), chosen.pairs)
        first = ours(work, "shards")
        names = unpack(work)
        size = sum((work / "shards" / name).stat().st_size for name in names) / 1e6
        runs, tars = [first], []
        for _ in range(ROUNDS):
            tars.append(plain_tar(work, names))
            runs.append(ours(work, "again"))
            shutil.rmtree(work / "again")
    seconds, tar_seconds, peak = min(wall for wall, _ in runs), min(tars), max(mb for _, mb in runs)
    rows = [("actionpairs shard", seconds, size / seconds, peak), ("tar", tar_seconds, size / tar_seconds, "")]
    print(table(["", "s", "MB/s", "peak MiB"], rows))
    print(f"{chosen.pairs:,} pairs, {size:,.0f} MB of shards; every run: ours {runs}, tar {tars}")
    finish({"write_vs_tar": tar_seconds / seconds, "parent_mb": peak}, as_json=chosen.json)


if __name__ == "__main__":
    main()
