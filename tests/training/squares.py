"""Shards of synthetic pictures: a colored square that moves as the text says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from actionpairs import columns, manifest, shards
from actionpairs.configs import ShardConfig, SplitConfig, TinyModel
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.records import Sample, SampleMetadata, Segment
from actionpairs.storage import Folder
from tests.measures.measured import measured

SIDE = 32
WAYS = {"left": (0, -9), "right": (0, 9), "away": (-9, 0), "near": (9, 0)}
COLORS = {"red": (40, 40, 220), "blue": (220, 60, 40), "green": (50, 180, 50)}
SIZES = TinyModel(
    tiny=True,
    unet_channels=(8, 16),
    unet_heads=2,
    text_width=16,
    text_layers=1,
    autoencoder_channels=(8, 8),
    autoencoder_steps=2,
    autoencoder_batch_size=4,
)


def write_squares(
    path: Path, count: int = 24, *, tests: int = 4, ways: tuple[str, ...] = tuple(WAYS), name: str = "SQ"
) -> None:
    """A finished shards folder. The first `tests` pairs are its test split."""
    splits = SplitConfig(train=f"{name}-train", tests={f"{name}test{tests}": tests} if tests else {})
    samples = [_sample(number, ways, splits, held_out=number < tests) for number in range(count)]
    write_samples(path, samples, splits, name=name)


def write_samples(path: Path, samples: list[Sample], splits: SplitConfig, *, name: str) -> None:
    """A finished shards folder of any samples, one shard per split."""
    folder, config = Folder(path), ShardConfig(dataset=name, splits=splits)
    spec = StageSpec("shard", "squares", config, {"pairs": f"{len(samples)}"})
    with manifest.working(folder, spec):
        facts = columns.table(sample.metadata for sample in samples)
        plan = shards.ShardPlan.of_shards([(sample.metadata.split, 0) for sample in samples])
        index, files = shards.write_shards(folder, samples, facts, plan, shards.DatasetInfo.of(config))
        files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
        manifest.finish(folder, spec, counts=index.samples_per_split, files=files)


def _sample(number: int, ways: tuple[str, ...], splits: SplitConfig, *, held_out: bool) -> Sample:
    generator = np.random.default_rng(number)
    way, color = ways[number % len(ways)], list(COLORS)[number // len(ways) % len(COLORS)]
    corner = generator.integers(10, SIDE - 16, size=2)
    verb = f"move {way}"
    segment = Segment(
        id=f"square-{number:04d}",
        video="squares.mp4",
        start_seconds=number,
        stop_seconds=number + 1,
        instruction=f"move the {color} square {way}",
        verb=verb,
        noun=f"{color} square",
        action=verb,
        group="one",
    )
    split = next(iter(splits.tests)) if held_out else splits.train
    return sample(segment, split, _jpeg(corner, color), _jpeg(corner + WAYS[way], color), side=SIDE)


def sample(segment: Segment, split: str, before: bytes, after: bytes, *, side: int) -> Sample:
    """A sample of two JPEGs, as if they came from a video."""
    return Sample(
        key=segment.id,
        original_image=before,
        edited_image=after,
        edit_prompt=segment.instruction,
        metadata=SampleMetadata(
            segment=segment,
            split=split,
            before_seconds=segment.start_seconds,
            after_seconds=segment.stop_seconds - 0.1,
            before_pts=round(10 * segment.start_seconds),
            after_pts=round(10 * segment.stop_seconds) - 1,
            before_early_seconds=0.0,
            after_early_seconds=0.1,
            decoded="planned",
            treatment="",
            width=side,
            height=side,
            measures=measured(),
            recipe_digest="none",
        ),
    )


def _jpeg(corner: np.ndarray, color: str) -> bytes:
    picture = np.full((SIDE, SIDE, 3), 200, np.uint8)
    top, left = np.clip(corner, 0, SIDE - 8)
    picture[top : top + 8, left : left + 8] = COLORS[color]
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
