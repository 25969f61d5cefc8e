"""The page of pairs shows what is kept and what is dropped. It is safe, small, and the same every time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpairs import manifest, pairs
from actionpairs.configs import FilterConfig, ShardConfig, SplitConfig, SubsetConfig
from actionpairs.extraction.summary import summarize
from actionpairs.manifest import StageSpec
from actionpairs.records import FramePair, Measures, PairFacts, Segment
from actionpairs.report import pairs_page
from actionpairs.stages.shard import shard
from actionpairs.storage import Folder
from tests.measures.measured import measured

NASTY = """<script>alert("x")</script> the 'cup' & saucer"""
FILTERS = FilterConfig(
    min_change=0.05,
    min_sharpness=0.55,
    max_dark=0.5,
    max_overexposed=0.5,
    max_cut=0.5,
    max_camera_shift=0.02,
    min_displacement=0.01,
    near_duplicate_bits=2,
)
SPLITS = SplitConfig(
    train="train", tests={"test": 30}, subsets={"far": SubsetConfig(of="test", count=9, max_per_action=2)}
)
CONFIG = ShardConfig(dataset="page", filters=FILTERS, splits=SPLITS)
COUNTS = {"rows": 0, "selected": 0, "videos": 1, "pairs": 0, "read_through": 0, "rejected": 0}


def noise(side: int, seed: int) -> bytes:
    """A picture that a JPEG can hardly make smaller."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side * 16 // 9, 3), np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def random_measures(rng: np.random.Generator) -> Measures:
    """Measures such that every filter drops some pairs, and one in ten is a near-duplicate."""
    pick = rng.random(7)
    number = int(rng.integers(1 << 62)) if pick[6] > 0.1 else 0
    return measured(
        change=0.2 if pick[0] > 0.05 else 0.0,
        sharpness_after=0.5 + 0.25 * pick[1],
        dark=float(pick[2] > 0.97),
        overexposed=float(pick[3] > 0.97),
        cut=0.6 * pick[4],
        camera_shift=None if pick[5] > 0.99 else 0.025 * pick[5],
        displacement=float(rng.random() ** 2),
        hash_before=f"{number:016x}",
        hash_after=f"{number * 3 % (1 << 64):016x}",
    )


def make_pairs(path: Path, count: int, *, side: int = 32, instruction: str = "take the cup") -> Folder:
    """A finished pairs folder of one video."""
    folder, rng = Folder(path), np.random.default_rng(4)
    pictures = [noise(side, seed) for seed in range(5)]
    made = []
    for number in range(count):
        segment = Segment(
            f"s{number:05d}", "v.mp4", number, number + 1, instruction, "take", "cup", f"a{number % 70}", "P01"
        )
        facts = PairFacts(
            segment,
            number,
            number + 0.9,
            10,
            19,
            0.0,
            0.1,
            "planned",
            "",
            side * 16 // 9,
            side,
            random_measures(rng),
        )
        made.append(FramePair(facts, pictures[number % 5], pictures[(number + 1) % 5]))
    spec = StageSpec("extract", "page", CONFIG, {})
    counts = {**COUNTS, "rows": count, "selected": count, "pairs": count}
    with manifest.working(folder, spec):
        files = {
            pairs.file_name("v.mp4"): pairs.write(folder, pairs.file_name("v.mp4"), made, pairs.VideoNotes(()))
        }
        files[pairs_page.PAGE_FILE] = pairs_page.write_extracted(
            folder, summarize(str(path), counts, [], {}, rate=None), []
        )
        manifest.finish(folder, spec, counts=counts, files=files)
    return folder


def make_shards(path: Path, source: Path) -> str:
    """Shard a pairs folder; returns the text of its page."""
    recipe = path.with_suffix(".yaml")
    recipe.write_text(
        f"extract: {{annotations: {{format: ssv2}}}}\nshard: {CONFIG.model_dump_json(exclude={'expected'})}"
    )
    shard(recipe, pairs=str(source), out=str(path))
    return (path / pairs_page.PAGE_FILE).read_text(encoding="utf-8")


def test_instructions_are_shown_as_text(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 200, instruction=NASTY)
    extracted = (tmp_path / "pairs" / pairs_page.PAGE_FILE).read_text(encoding="utf-8")
    for page in (extracted, make_shards(tmp_path / "shards", tmp_path / "pairs")):
        assert "<script" not in page
        assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; the &#39;cup&#39; &amp; saucer" in page


def test_same_pairs_same_page(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_pairs(tmp_path / name, 200)
        make_shards(tmp_path / f"{name}-shards", tmp_path / name)
    for folder in ("", "-shards"):
        one, two = ((tmp_path / f"{name}{folder}" / pairs_page.PAGE_FILE).read_bytes() for name in ("one", "two"))
        assert one == two


def test_every_reason_and_threshold_has_its_sheet(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 400)
    page = make_shards(tmp_path / "shards", tmp_path / "pairs")
    reasons = [
        "blurred",
        "too dark",
        "overexposed",
        "nothing changed",
        "scene cut",
        "camera moved",
        "near duplicate",
    ]
    for reason in [*reasons, "moved too little", "unmeasured"]:
        assert f"<h2>Dropped: {reason}</h2>" in page
    for threshold in ("cut ≤ 0.5", "camera shift ≤ 0.02", "sharpness ≥ 0.55", "displacement ≥ 0.01"):
        assert f"<h2>Nearest to the threshold: {threshold}</h2>" in page
    assert page.count('class="threshold"') == 7
    assert "at most 2 of one action; ties by id." in page
    assert "repeat a pair that is held out of train." in page


@pytest.mark.slow
def test_forty_thousand_pairs_fit_into_eight_megabytes(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 40_000, side=96)
    make_shards(tmp_path / "shards", tmp_path / "pairs")
    for folder in ("pairs", "shards"):
        assert 500_000 < (tmp_path / folder / pairs_page.PAGE_FILE).stat().st_size < 8_000_000
