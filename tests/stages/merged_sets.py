"""Small shards folders to merge: what stands in them is chosen by the test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from actionpairs import columns, manifest, measures, shards
from actionpairs.configs import ShardConfig
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.records import Sample, SampleMetadata, Segment, Subset
from actionpairs.storage import Folder

SIZE = 48


@dataclass(frozen=True)
class Pair:
    """One sample: its id, split, and the number from which its two pictures are drawn."""

    id: str
    split: str
    look: int
    video: str = ""
    text: str = "take the cup"
    extra: dict[str, Any] = field(default_factory=dict)


def picture(look: int) -> np.ndarray:
    """A picture of coarse noise: any two looks are far apart for a perceptual hash."""
    noise = np.random.default_rng(look).integers(0, 256, (6, 6, 3), np.uint8)
    return cv2.resize(noise, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def jpeg(look: int, quality: int = 95) -> bytes:
    return cv2.imencode(".jpg", picture(look), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def sample(pair: Pair, digest: str) -> Sample:
    video = pair.video or f"{pair.id}.mp4"
    segment = Segment(pair.id, video, 1.0, 2.5, f"annotated: {pair.text}", "take", "cup", "take cup", "P01")
    pictures = picture(2 * pair.look), picture(2 * pair.look + 1)
    metadata = SampleMetadata(
        segment=segment,
        before_seconds=1.0,
        after_seconds=2.4,
        before_pts=10,
        after_pts=24,
        before_early_seconds=0.0,
        after_early_seconds=0.1,
        decoded="planned",
        treatment="",
        width=SIZE,
        height=SIZE,
        measures=measures.measure(*pictures),
        split=pair.split,
        recipe_digest=digest,
    )
    originals = jpeg(2 * pair.look), jpeg(2 * pair.look + 1)
    return Sample(shards.key_of(pair.id), *originals, pair.text, metadata)


def write_set(
    path: Path,
    name: str,
    pairs: Sequence[Pair],
    *,
    tests: Sequence[str] = (),
    subsets: dict[str, Subset] | None = None,
    source: dict[str, str] | None = None,
    per_shard: int = 3,
    version: str | None = None,
) -> str:
    """Write a finished shards folder; its training split is NAME-train."""
    config = ShardConfig.model_validate(
        {
            "dataset": name,
            "source": source or {},
            "splits": {"train": f"{name}-train", "tests": dict.fromkeys(tests, 1)},
        }
    )
    folder, spec = Folder(path), StageSpec("shard", name, config, {"pairs": "made up"})
    counts: dict[str, int] = {}
    numbers = []
    for pair in pairs:
        counts[pair.split] = counts.get(pair.split, -1) + 1
        numbers.append((pair.split, counts[pair.split] // per_shard))
    with manifest.working(folder, spec):
        samples = [sample(pair, config.digest()) for pair in pairs]
        facts = columns.table(item.metadata for item in samples)
        texts = columns.table(
            replace(item.metadata, segment=replace(item.metadata.segment, instruction=item.edit_prompt))
            for item in samples
        )
        facts = facts.set_column(facts.schema.get_field_index("instruction"), "instruction", texts["instruction"])
        plan, info = shards.ShardPlan.of_shards(numbers), shards.DatasetInfo.of(config)
        index, files = shards.write_shards(folder, samples, facts, plan, info)
        files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
        manifest.finish(folder, spec, counts=index.samples_per_split, files=files, subsets=subsets)
    if version:
        content = json.loads((path / "manifest.json").read_text())
        content["package_version"] = version
        (path / "manifest.json").write_text(json.dumps(content))
    return str(path)


def two_sets(path: Path, **options: Any) -> list[str]:
    """LC with 8 training and 2 test samples, HC with 5 and 3. No two look alike; their keys are the same."""
    lc = [Pair(f"s{n}", "LC-train", n) for n in range(8)] + [Pair(f"t{n}", "LCtest", 10 + n) for n in range(2)]
    hc = [Pair(f"s{n}", "HC-train", 20 + n) for n in range(5)]
    hc += [Pair(f"t{n}", "HCtest", 30 + n, text="put the “é” <b>") for n in range(3)]
    return [
        write_set(path / "lc", "LC", lc, tests=["LCtest"], source={"name": "Kitchen A", "license": "cc-by-4.0"}),
        write_set(
            path / "hc", "HC", hc, tests=["HCtest"], source={"name": "Kitchen B", "terms": "Ask."}, **options
        ),
    ]
