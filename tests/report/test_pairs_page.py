"""The page of pairs shows what is kept and what is dropped. It is safe, small, and the same every time."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpairs import manifest, pairs
from actionpairs.configs import FilterConfig, ShardConfig, SplitConfig, SubsetConfig
from actionpairs.extraction.summary import summarize
from actionpairs.manifest import StageSpec
from actionpairs.records import FramePair, Measures, PairFacts, Reason, Rejection, Segment
from actionpairs.report import measure_texts, pairs_page, rejection_rows
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
        displacement_confidence=float(rng.random()),
        hash_before=f"{number:016x}",
        hash_after=f"{number * 3 % (1 << 64):016x}",
    )


REJECTIONS = (
    Rejection("r0", "far.mp4", "extract", Reason.PAST_END, "5.00 to 9.00 s, but the video ends at 4.00 s"),
    Rejection("r1", "gone.mp4", "extract", Reason.VIDEO_MISSING, "no such file in the folder"),
)
REJECTED = (
    Segment("r0", "far.mp4", 5.0, 9.0, "wait", "wait", "cup", "wait", "P01"),
)  # the times of one are known


def make_pairs(
    path: Path,
    count: int,
    *,
    side: int = 32,
    instruction: str = "take the cup",
    rejections: Sequence[Rejection] = REJECTIONS,
    id_of: Callable[[int], str] = "s{:05d}".format,
) -> Folder:
    """A finished pairs folder of one video."""
    folder, rng = Folder(path), np.random.default_rng(4)
    pictures = [noise(side, seed) for seed in range(5)]
    made = []
    for number in range(count):
        segment = Segment(
            id_of(number), "v.mp4", number, number + 1, instruction, "take", "cup", f"a{number % 70}", "P01"
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
            folder, summarize(str(path), counts, rejections, {}, rate=None), rejections, REJECTED
        )
        files[pairs.REJECTED_FILE] = pairs.write_rejections(folder, rejections)
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
        assert page.count("<script") == 1  # the page's own
        assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; the &#39;cup&#39; &amp; saucer" in page


def test_same_pairs_same_page(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_pairs(tmp_path / name / "pairs", 200)
        make_shards(tmp_path / name / "shards", tmp_path / name / "pairs")
    for folder in ("pairs", "shards"):
        one, two = ((tmp_path / name / folder / pairs_page.PAGE_FILE).read_bytes() for name in ("one", "two"))
        assert one == two


def titles(page: str) -> list[str]:
    """The kinds of pairs that a page lets choose, in its order."""
    return re.findall(r'<option value="\d+" data-text="[^"]*">([^<]*)</option>', page)


def embedded(page: str) -> list[np.ndarray]:
    """Every picture inside a page."""
    texts = re.findall(r'src="data:image/\w+;base64,([^"]+)"', page)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR) for text in texts]


def test_every_reason_and_threshold_has_its_sheet(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 400)
    page = make_shards(tmp_path / "shards", tmp_path / "pairs")
    kinds = " | ".join(titles(page))
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
        assert f"Dropped: {reason} (" in kinds
    for threshold in (
        "scene cut, at most 0.5",
        "shift of the camera, at most 2 %",
        "sharpness of the less sharp frame, at least 0.55",
        "displacement of things, at least 1 %",
    ):
        assert f"Nearest to the threshold: {threshold} (8)" in kinds
    assert "shard.filters.min_displacement: 0.01" in page
    assert page.count('class="threshold"') == 7
    assert "at most 2 of one action, of confidence at least 0.5; ties by id." in page
    assert "too unsure to be ranked for far" in page
    assert "repeat a pair that is held out of train." in page


def test_measures_are_called_by_their_titles(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 200)
    page = make_shards(tmp_path / "shards", tmp_path / "pairs")
    text = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(camera_shift|moved_area|sharpness_before|camera_inliers) ", text)
    assert measure_texts.in_words("cut 0.7 > 0.5 (by 0.2); no camera_shift: only 3 features agree") == (
        "scene cut: 0.7, above 0.5 by 0.2; no shift of the camera: only 3 features agree"
    )
    assert re.search(r"displacement of things: 0\.\d+ %, below 1 % by 0\.\d+ %", text)


def test_a_pair_stands_once_however_many_reasons_show_it(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 20)
    page = (tmp_path / "pairs" / pairs_page.PAGE_FILE).read_text(encoding="utf-8")
    assert page.count('<figure class="set"') == 20
    assert len(embedded(page)) == 40
    assert "All 20 pairs are on this page" in page


def test_pictures_are_as_stored_where_they_fit_and_as_large_as_fits_where_not(tmp_path: Path) -> None:
    make_pairs(tmp_path / "few", 8, side=256)
    few = (tmp_path / "few" / pairs_page.PAGE_FILE).read_text(encoding="utf-8")
    assert {picture.shape for picture in embedded(few)} == {(256, 455, 3)}
    make_pairs(tmp_path / "many", 60, side=256)
    many = (tmp_path / "many" / pairs_page.PAGE_FILE).read_text(encoding="utf-8")
    [(height, width, _)] = {picture.shape for picture in embedded(many)}
    assert 128 <= width < 455
    assert width / height == pytest.approx(16 / 9, rel=0.01)
    assert f"at most\n{width} pixels" in many


def test_rejections_are_listed_with_their_videos_and_times(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 100)
    page = (tmp_path / "pairs" / pairs_page.PAGE_FILE).read_text(encoding="utf-8")
    rows = [re.findall("<td[^>]*>([^<]*)</td>", row) for row in re.findall("<tr data-reason.*</tr>", page)]
    assert rows == [
        ["past end", "far.mp4", "5.00 to 9.00 s", "r0", "5.00 to 9.00 s, but the video ends at 4.00 s"],
        ["video missing", "gone.mp4", "–", "r1", "no such file in the folder"],
    ]
    sharded = make_shards(tmp_path / "shards", tmp_path / "pairs")
    rows = [re.findall("<td[^>]*>([^<]*)</td>", row) for row in re.findall("<tr data-reason.*</tr>", sharded)]
    assert rows
    for _, video, seconds, segment, _ in rows:
        number = int(segment[1:])
        assert (video, seconds) == ("v.mp4", f"{number}.00 to {number}.90 s")


def test_a_long_list_has_some_of_every_reason(tmp_path: Path) -> None:
    rejections = [
        Rejection(f"t{n}", "v.mp4", "extract", Reason.TOO_SHORT if n % 3 else Reason.TOO_LONG, "")
        for n in range(9_000)
    ]
    rejections.append(REJECTIONS[0])
    rows = rejection_rows.rejection_rows(rejections, {})
    counts = Counter(row.reason for row in rows)
    assert counts["past end"] == 1
    assert len(rows) == 1_000
    assert abs(counts["too short"] - counts["too long"]) <= 1
    assert len({row.segment_id for row in rows}) == 1_000


def test_a_text_of_any_length_or_bytes_cannot_break_the_page(tmp_path: Path) -> None:
    rejection = Rejection(
        "r\udcff", "v\udcff.mp4" + "x" * 1_000_000, "extract", Reason.VIDEO_FAILED, "y" * 1_000_000
    )
    folder = make_pairs(tmp_path / "pairs", 4, instruction="z" * 1_000_000, rejections=[])
    counts = {**COUNTS, "rows": 4, "selected": 4, "pairs": 4}
    summary = summarize(str(tmp_path), counts, [], {}, rate=None)
    pairs_page.write_extracted(folder, summary, [rejection])
    page = folder.read_bytes(pairs_page.PAGE_FILE).decode()
    assert len(page) < 200_000
    assert "v\\udcff.mp4" in page


def test_axes_of_counts_end_at_even_numbers(tmp_path: Path) -> None:
    tops = {most: pairs_page._even_top(most) for most in (0, 1, 2, 3, 9, 10, 11, 25, 99, 101, 39_871)}
    assert tops == {0: 2, 1: 2, 2: 2, 3: 4, 9: 10, 10: 10, 11: 20, 25: 40, 99: 100, 101: 200, 39_871: 40_000}
    make_pairs(tmp_path / "pairs", 3)
    page = (tmp_path / "pairs" / pairs_page.PAGE_FILE).read_text(encoding="utf-8")
    axes = re.findall(r'<text x="62" y="\d+" text-anchor="end">([^<]*)</text>', page)
    assert axes
    assert all(text.isdigit() for text in axes)


def test_pages_of_different_sets_have_different_titles(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 200)
    extracted = (tmp_path / "pairs" / pairs_page.PAGE_FILE).read_text(encoding="utf-8")
    sharded = make_shards(tmp_path / "shards", tmp_path / "pairs")
    assert "<title>page: extracted frame pairs</title>" in extracted
    assert "<title>shards · page: filtered and split pairs</title>" in sharded


def captions(page: str) -> list[list[str]]:
    """The lines below each pair of a page."""
    figures = re.findall(r"<figcaption><span data-title>.*?</figcaption>", page, flags=re.DOTALL)
    return [re.findall(r"data-text>([^<]*)<", figure) for figure in figures]


def test_every_pair_of_a_page_has_the_same_measures(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 200)
    extracted = (tmp_path / "pairs" / pairs_page.PAGE_FILE).read_text(encoding="utf-8")
    sharded = make_shards(tmp_path / "shards", tmp_path / "pairs")
    for page, count in ((extracted, 4), (sharded, 7)):
        titles_of = {tuple(line.partition(":")[0] for line in lines[1 : count + 1]) for lines in captions(page)}
        assert len(titles_of) == 1
        assert set(*titles_of) <= {measure.title for measure in measure_texts.MEASURES}
    assert "Shift of the camera: not measured, fails" in sharded
    assert measure_texts.MEASURES[0].text(float("nan")) == "not measured"


def test_pairs_stand_in_the_order_of_their_times(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 12, id_of=lambda number: f"v.mp4_{number}.0")
    page = (tmp_path / "pairs" / pairs_page.PAGE_FILE).read_text(encoding="utf-8")
    assert [lines[-1] for lines in captions(page)] == [f"v.mp4_{number}.0" for number in range(12)]


def test_the_lines_of_a_warning_stay_lines(tmp_path: Path) -> None:
    folder = make_pairs(tmp_path / "pairs", 4)
    summary = summarize(str(tmp_path), {**COUNTS, "pairs": 4}, [], {}, rate=None)
    notes = ("guessed; put this into the recipe:\nextract:\n  unit: <b>null", "one line")
    pairs_page.write_extracted(folder, replace(summary, notes=notes), [])
    page = folder.read_bytes(pairs_page.PAGE_FILE).decode()
    assert "put this into the recipe:</p><pre>extract:\n  unit: &lt;b&gt;null</pre>" in page
    assert "one line.</p></div>" in page


@pytest.mark.slow
def test_forty_thousand_pairs_fit_into_five_megabytes(tmp_path: Path) -> None:
    make_pairs(tmp_path / "pairs", 40_000, side=96)
    make_shards(tmp_path / "shards", tmp_path / "pairs")
    for folder in ("pairs", "shards"):
        assert 500_000 < (tmp_path / folder / pairs_page.PAGE_FILE).stat().st_size < 5_000_000
