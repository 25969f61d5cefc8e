"""How fast the loader feeds training at 256 px from JPEGs of 512 px, against three loops over the same pairs.

    python benchmarks/loader.py [--pairs 2000] [--rounds 3] [--workers 2] [--json]

Pictures of noisy natural content, all distinct, go through the package's own writer, of about 60 KB and of about
20 KB each. Contestants take turns, with the same number of workers, and every round's first epoch is its own:

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
from contest import arguments, finish, machine, table
from torch.utils.data import DataLoader

from actionpairs import manifest, shards
from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.data import examples
from actionpairs.data.batches import Augmentation, Batches
from actionpairs.data.loader import Loader
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.records import Measures, Sample, SampleMetadata, Segment
from actionpairs.storage import Folder

SIDE, WANTED, BATCH, SHARDS = 512, 256, 32, 8
QUALITIES = {"60 KB": 91, "20 KB": 52}
TRAIN = "BENCH-train"
SHOW = Augmentation(flip=0.5, conditioning_dropout=0.05, wrong_texts=1, drawn_from="all")


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
    """A pair of pictures that are like no other, with one of fifty texts."""
    text = f"action {number % 50}"
    segment = Segment(f"pair-{number:05d}", "v.mp4", 0.0, 1.0, text, text, "", text, "P01")
    unknown = Measures(*([None] * len(Measures.__dataclass_fields__)))  # nobody reads them here
    metadata = SampleMetadata(segment, 0.0, 0.9, 0, 9, 0.0, 0.1, "planned", "", SIDE, SIDE, unknown, TRAIN, "none")
    both = picture(2 * number, quality), picture(2 * number + 1, quality)
    return Sample(segment.id, *both, text, metadata)


def written(path: Path, pairs: int, quality: int) -> Folder:
    """A finished shards folder, made once."""
    folder, config = Folder(path), ShardConfig(dataset="BENCH", splits=SplitConfig(train=TRAIN, tests={}))
    if folder.exists(manifest.MANIFEST_FILE):
        return folder
    order = StageSpec("shard", "benchmark", config, {"pairs": f"{pairs}"})
    shard_of = {(TRAIN, f"pair-{n:05d}"): shards.shard_name(TRAIN, n % SHARDS) for n in range(pairs)}
    with manifest.working(folder, order), ThreadPoolExecutor(2) as pool:
        made = pool.map(partial(sample, quality=quality), range(pairs))
        index, files = shards.write(folder, made, shard_of=shard_of, dataset="BENCH", recipe_digest="none")
        files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
        manifest.finish(folder, order, counts=index.samples_per_split, files=files)
    return folder


def loader(folder: Folder, workers: int, epoch: int) -> int:
    """One epoch of ours, files and all."""
    batches = Batches(examples.training([folder]), SHOW, seed=0, batch_size=BATCH)
    count = len(batches.examples)
    ours = Loader(batches, WANTED, workers=workers).batches(epoch * count, (epoch + 1) * count)
    return sum(len(batch.originals) for batch in ours)


def bare(jpegs: Sequence[tuple[bytes, bytes]], workers: int, *, flags: int) -> int:
    """Decode and resize both pictures of each pair, a hundred pairs to a task, and drop them."""

    def work(some: Sequence[tuple[bytes, bytes]]) -> int:
        for both in some:
            for jpeg in both:
                shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags)
                if len(shown) != WANTED:
                    cv2.resize(shown, (WANTED, WANTED), interpolation=cv2.INTER_AREA)
        return len(some)

    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(work, [jpegs[start : start + 100] for start in range(0, len(jpegs), 100)]))


def resized(sample: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures of a webdataset sample, resized alike."""
    before, after = (
        cv2.resize(sample[name], (WANTED, WANTED), interpolation=cv2.INTER_AREA)
        for name in (shards.ORIGINAL, shards.EDITED)
    )
    return before, after


def web(folder: Folder, workers: int) -> int:
    """One epoch of webdataset, in order."""
    urls = [folder.path(name) for name in folder.names(".tar")]
    found = webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8").map(resized).batched(BATCH)
    return sum(len(batch[0]) for batch in DataLoader(found, batch_size=None, num_workers=workers))


def rate(model: Callable[[], int], pairs: int) -> float:
    """Pairs per second; raises where a model left some out."""
    begun = time.perf_counter()
    if (shown := model()) != pairs:
        raise RuntimeError(f"{shown} of {pairs} pairs")
    return pairs / (time.perf_counter() - begun)


def contest(folder: Folder, options: Namespace) -> dict[str, list[float]]:
    """Every model's rates, one a round, taking turns; the first round warms up and is left out."""
    pairs = examples.training([folder])
    jpegs = [shards.read_pictures(pair.folder, pair.entry) for pair in pairs]
    workers = options.workers
    rates: dict[str, list[float]] = {}
    for number in range(options.rounds + 1):
        for name, model in {
            "actionpairs": partial(loader, folder, workers, number),
            "bare decode at half size": partial(bare, jpegs, workers, flags=cv2.IMREAD_REDUCED_COLOR_2),
            "bare full decode": partial(bare, jpegs, workers, flags=cv2.IMREAD_COLOR),
            "webdataset": partial(web, folder, workers),
        }.items():
            rates.setdefault(name, []).append(rate(model, len(pairs)))
    return {name: found[1:] for name, found in rates.items()}


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
            folder = written(path, options.pairs, quality)
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
