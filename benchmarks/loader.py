"""How fast the loader feeds training at 256 px from JPEGs of 512 px, against three loops over the same pairs.

    python benchmarks/loader.py [--pairs 2000] [--rounds 3] [--workers 2] [--json]

Pictures of noisy natural content, all distinct, go through the package's own writer, of about 60 KB and of about
20 KB each. The four loops take turns, with the same number of workers. The first round is not counted:

- loader: shards on the disk → shuffled batches of 32, originals and edits side by side, mirrored, with texts
- bare decode: OpenCV threads over JPEGs that are in memory already, each decoded at half size
- bare full decode: the same, decoded in full and resized with INTER_AREA
- webdataset: WebDataset(…).decode("rgb8"), each picture resized alike, in a DataLoader's worker processes

vs_bare_decode, vs_webdataset: the loader's pairs per second over theirs at 60 KB, the median of the rounds.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import webdataset
from harness import arguments, finish, machine, table
from torch.utils.data import DataLoader

from actionpairs import columns, manifest, shards
from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.data import examples
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.loader import Loader
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.records import Measures, Sample, SampleMetadata, Segment
from actionpairs.storage import Folder

SIDE, SIZE, BATCH, SHARDS = 512, 256, 32, 8
QUALITIES = {"60 KB": 91, "20 KB": 52}
TRAIN = "BENCH-train"
AUGMENTATION = Augmentation(flip=0.5, conditioning_dropout=0.05, negatives=1, drawn_from="all")


def picture(number: int, quality: int) -> bytes:
    """Noise that falls off with frequency as in photographs, and a sensor's grain."""
    generator = np.random.default_rng(number)
    scene = np.full((SIDE, SIDE, 3), 128, np.float32)
    for octave, strength in ((7, 40), (6, 30), (5, 20), (4, 12), (3, 8), (2, 4), (1, 2), (0, 3)):
        noise = generator.standard_normal((SIDE >> octave, SIDE >> octave, 3), dtype=np.float32)
        scene += strength * cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(scene, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def sample(number: int, quality: int) -> Sample:
    """A pair of distinct pictures, with one of fifty texts."""
    text = f"action {number % 50}"
    segment = Segment(f"pair-{number:05d}", "v.mp4", 0.0, 1.0, text, text, "", text, "P01")
    no_measures = Measures(*([None] * len(Measures.__dataclass_fields__)))
    metadata = SampleMetadata(
        segment, 0.0, 0.9, 0, 9, 0.0, 0.1, "planned", "", SIDE, SIDE, no_measures, TRAIN, "none"
    )
    both = picture(2 * number, quality), picture(2 * number + 1, quality)
    return Sample(segment.id, *both, text, metadata)


def write_shards(path: Path, pairs: int, quality: int) -> Folder:
    """A finished shards folder, made once."""
    folder, config = Folder(path), ShardConfig(dataset="BENCH", splits=SplitConfig(train=TRAIN, tests={}))
    if folder.exists(manifest.MANIFEST_FILE):
        return folder
    spec = StageSpec("shard", "benchmark", config, {"pairs": f"{pairs}"})
    plan = shards.ShardPlan.of_shards([(TRAIN, number % SHARDS) for number in range(pairs)])
    with manifest.working(folder, spec), ThreadPoolExecutor(2) as pool:
        made = list(pool.map(partial(sample, quality=quality), range(pairs)))
        facts = columns.table(one.metadata for one in made)
        info = shards.DatasetInfo("BENCH", "none", train_split=TRAIN)
        index, files = shards.write_shards(folder, made, facts, plan, info)
        files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
        manifest.finish(folder, spec, counts=index.samples_per_split, files=files)
    return folder


def loader(folder: Folder, workers: int, epoch: int) -> int:
    """One epoch of ours, files and all."""
    sampler = BatchSampler(examples.load_train([folder]), AUGMENTATION, seed=0, batch_size=BATCH)
    count = len(sampler.examples)
    ours = Loader(sampler, SIZE, workers=workers).batches(epoch * count, (epoch + 1) * count)
    return sum(len(batch.originals) for batch in ours)


def bare(jpegs: Sequence[tuple[bytes, bytes]], workers: int, *, flags: int) -> int:
    """Decode and resize both pictures of each pair, a hundred pairs to a task, and drop them."""

    def work(some: Sequence[tuple[bytes, bytes]]) -> int:
        for both in some:
            for jpeg in both:
                picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags)
                if len(picture) != SIZE:
                    cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        return len(some)

    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(work, [jpegs[start : start + 100] for start in range(0, len(jpegs), 100)]))


def resized(sample: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures of a webdataset sample, resized alike."""
    before, after = (
        cv2.resize(sample[name], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        for name in (shards.ORIGINAL, shards.EDITED)
    )
    return before, after


def web(folder: Folder, workers: int) -> int:
    """One epoch of webdataset, in order."""
    urls = [folder.path(name) for name in folder.names(".tar")]
    dataset = webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8").map(resized).batched(BATCH)
    return sum(len(batch[0]) for batch in DataLoader(dataset, batch_size=None, num_workers=workers))


def rate(loop: Callable[[], int], pairs: int) -> float:
    """Pairs per second of a loop over all pairs; raises if it left some out."""
    begun = time.perf_counter()
    if (count := loop()) != pairs:
        raise RuntimeError(f"{count} of {pairs} pairs")
    return pairs / (time.perf_counter() - begun)


def contest(folder: Folder, options: Namespace) -> dict[str, list[float]]:
    """The rates of every loop, one a round; the first round warms up and is left out."""
    pairs = examples.load_train([folder])
    jpegs = [shards.load_pictures(pair.folder, pair.entry) for pair in pairs]
    workers = options.workers
    rates: dict[str, list[float]] = {}
    for number in range(options.rounds + 1):
        for name, loop in {
            "actionpairs": partial(loader, folder, workers, number),
            "bare decode at half size": partial(bare, jpegs, workers, flags=cv2.IMREAD_REDUCED_COLOR_2),
            "bare full decode": partial(bare, jpegs, workers, flags=cv2.IMREAD_COLOR),
            "webdataset": partial(web, folder, workers),
        }.items():
            rates.setdefault(name, []).append(rate(loop, len(pairs)))
    return {name: rounds[1:] for name, rounds in rates.items()}


def main() -> None:
    """Print a table; with --json one line of JSON after it."""
    parser = arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    print(machine("opencv-python-headless", "webdataset", "torch", "numpy"), "\n")
    rows, figures = [], dict[str, float]()
    with tempfile.TemporaryDirectory() as temporary:
        for label, quality in QUALITIES.items():
            path = Path(options.work or temporary, f"{options.pairs} pairs of {label}")
            folder = write_shards(path, options.pairs, quality)
            ours, *others = contest(folder, options).items()
            rows.append([f"{label}: {ours[0]}", statistics.median(ours[1]), ""])
            for (name, theirs), key in zip(others, ("bare_decode", "bare_full_decode", "webdataset"), strict=True):
                ratio = statistics.median(mine / other for mine, other in zip(ours[1], theirs, strict=True))
                rows.append([f"{label}: {name}", statistics.median(theirs), ratio])
                figures[f"vs_{key}" if label == "60 KB" else f"vs_{key}_20kb"] = ratio
            figures["pairs_per_second" if label == "60 KB" else "pairs_per_second_20kb"] = rows[-4][1]
    print(table(["", "pairs/s", "ours ÷ theirs"], rows))
    finish(figures, as_json=options.json)


if __name__ == "__main__":
    main()
