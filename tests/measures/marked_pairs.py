"""Pairs whose displacement was marked by eye, and rendered pairs with hands: truth for `displacement`.

    python -m tests.measures.marked_pairs [--videos DIR] [--out marked_pairs.png]

prints every pair with its true and its measured displacement, and draws all of them, the worst first.
marks.csv has no pictures. Its clips: bottle-detection of intel-iot-devkit/sample-videos @ 57978890 (CC BY 4.0);
02_cups, 03_blocks, 04_coffee and 05_default_juggle of facebookresearch/sam2 @ 2b90b9f5, demo/data/gallery
(Apache-2.0). Boxes are left, top, right, bottom in shares of width and height, read from a grid of 0.05 (± 0.01).
They were marked before the measure was changed; pairs of the part `held out` were measured after the last change.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import spearmanr

from actionpairs.measures import measure
from actionpairs.records import Measures
from actionpairs.synthetic import render_pairs
from actionpairs.synthetic.conditions import Conditions
from actionpairs.synthetic.episode import plan_episode
from actionpairs.synthetic.rendering import compute_cameras
from actionpairs.synthetic.video_truth import compute_video_truth
from actionpairs.video.decode import Video

MARKS = Path(__file__).with_name("marks.csv")
SURE = 0.5
SIZE = 640, 360  # of rendered pairs
_STILL = {"nothing", "hand only"}
_RENDERED_PARTS = {2: "tune", 9: "held out"}  # number of the rendered video → part
Box = tuple[float, ...]


@dataclass(frozen=True)
class MarkedPair:
    """A pair (H W 3 BGR), what happened, and the boxes of what moved farthest; None where it is not seen."""

    id: str
    part: str
    event: str
    before: np.ndarray
    after: np.ndarray
    boxes: tuple[Box | None, Box | None]
    measures: Measures

    @property
    def truth(self) -> float | None:
        """How far the thing's center moved, as a share of the diagonal; None if it cannot be measured."""
        if self.event in _STILL:
            return 0.0
        if self.event != "moved" or self.boxes[0] is None or self.boxes[1] is None:
            return None
        height, width = self.before.shape[:2]
        centers = (np.reshape(box, (2, 2)).mean(axis=0) * (width, height) for box in self.boxes)
        return float(np.linalg.norm(np.subtract(*centers))) / math.hypot(height, width)

    @property
    def is_sure(self) -> bool:
        """Whether the measure says that it is sure."""
        return (self.measures.displacement_confidence or 0.0) >= SURE

    @property
    def error(self) -> float:
        """How far the displacement is off."""
        return abs((self.measures.displacement or 0.0) - (self.truth or 0.0))


def load_marked(folder: Path) -> Iterator[MarkedPair]:
    """Measure the marked pairs of the clips in a folder; those of clips that are not there are left out."""
    with MARKS.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (folder / row["clip"]).exists()]
    for row in rows:
        with Video(str(folder / row["clip"]), short_side=512) as video:
            times = float(row["start_seconds"]), float(row["stop_seconds"])
            ends = video.timeline.on_screen_at(times[0]), video.timeline.last_before(times[1])
            pictures = dict(video.pictures(list(ends)))
        before, after = (pictures[end].pixels for end in ends)
        boxes = _box(row["before"]), _box(row["after"])
        measures = measure(before, after)
        yield MarkedPair(row["id"], row["part"], row["event"], before, after, boxes, measures)


def _box(text: str) -> Box | None:
    return tuple(float(number) for number in text.split()) or None


def render_marked() -> Iterator[MarkedPair]:
    """Render and measure pairs of which most show a hand. Their truth is the renderer's."""
    for index, part in _RENDERED_PARTS.items():
        conditions = Conditions(hands=0.8, clutter=2)
        options = {"seed": 260, "index": index, "actions": 10, "size": SIZE, "frame_rate": 10}
        episode = plan_episode(camera_kind="fixed", conditions=conditions, **options)
        truth = compute_video_truth(episode, compute_cameras(episode, 260, index))
        segments = {segment.id: segment for segment in truth.segments}
        for plan, *rgb in render_pairs(camera="fixed", conditions=conditions, **options):
            before, after = (np.ascontiguousarray(picture[:, :, ::-1]) for picture in rgb)
            segment = segments[plan.id]
            moments = segment.first, segment.last
            things = (next(thing for thing in moment.things if thing.id == segment.acted) for moment in moments)
            first, last = (thing.box and tuple(np.array(thing.box) / (*SIZE, *SIZE)) for thing in things)
            event = "moved" if segment.moved else "nothing"
            name = f"{plan.id} {segment.verb} {segment.noun}"
            yield MarkedPair(name, part, event, before, after, (first, last), measure(before, after))


def rank_correlation(pairs: Sequence[MarkedPair]) -> float:
    """Spearman's correlation of the displacement with the truth, of the pairs that are sure and have a truth."""
    sure = [pair for pair in pairs if pair.is_sure and pair.truth is not None]
    return float(spearmanr([pair.measures.displacement for pair in sure], [pair.truth for pair in sure]).statistic)


def draw(pairs: Sequence[MarkedPair]) -> np.ndarray:
    """Draw all pairs: the true boxes green, the box of what changed yellow, and the figures.  H W 3 BGR"""
    rows = []
    for pair in pairs:
        pictures = []
        for picture, box in zip((pair.before, pair.after), pair.boxes, strict=True):
            small = cv2.resize(picture, (480, 270), interpolation=cv2.INTER_AREA)
            changed = [getattr(pair.measures, f"moved_{side}") for side in ("left", "top", "right", "bottom")]
            for corners, color in ((changed, (0, 220, 255)), (box, (0, 220, 0))):
                if corners and None not in corners:
                    left, top, right, bottom = (np.array(corners) * (480, 270, 480, 270)).round().astype(int)
                    cv2.rectangle(small, (left, top), (right, bottom), color, 2)
            pictures.append(small)
        row = np.hstack(pictures)
        for shift, color in ((1, (0, 0, 0)), (0, (255, 255, 255))):
            cv2.putText(row, describe(pair), (8 + shift, 20 + shift), cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, 1)
        rows.append(row)
    rows += [np.zeros_like(rows[0])] * (len(rows) % 2)
    return np.vstack([np.hstack(rows[index : index + 2]) for index in range(0, len(rows), 2)])


def describe(pair: MarkedPair) -> str:
    """A pair in one line."""
    truth = "not measurable" if pair.truth is None else f"true {pair.truth:.3f}"
    displacement, confidence = pair.measures.displacement, pair.measures.displacement_confidence
    if displacement is None or confidence is None:
        return f"{pair.id} ({pair.part}): {pair.event}, {truth}; no camera motion, so not measured"
    sure = "sure" if pair.is_sure else "unsure"
    return f"{pair.id} ({pair.part}): {pair.event}, {truth}, measured {displacement:.3f}, {sure} {confidence:.2f}"


def summarize(name: str, pairs: Sequence[MarkedPair]) -> str:
    """One line on a set of pairs."""
    measurable = [pair for pair in pairs if pair.truth is not None]
    sure = [pair for pair in measurable if pair.is_sure]
    lost = [pair for pair in pairs if pair.truth is None]
    return (
        f"{name}: {len(pairs)} pairs, {len(sure)} of {len(measurable)} that can be measured are sure, "
        f"rank correlation of these {rank_correlation(pairs):.3f}, "
        f"largest error {max(pair.error for pair in sure):.3f}; "
        f"{sum(pair.is_sure for pair in lost)} of {len(lost)} that cannot be measured are sure"
    )


def main() -> None:
    """Print the pairs and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, default=Path("../shared/data/videos"))
    parser.add_argument("--out", type=Path, default=Path("marked_pairs.png"))
    options = parser.parse_args()
    sets = {"real": list(load_marked(options.videos)), "rendered": list(render_marked())}
    pairs = sorted(
        (pair for each in sets.values() for pair in each), key=lambda pair: (-pair.is_sure, -pair.error)
    )
    for pair in pairs:
        print(describe(pair))
    for name, each in sets.items():
        for part in ("tune", "held out"):
            print(summarize(f"{name}, {part}", [pair for pair in each if pair.part == part]))
        print(summarize(name, each))
    cv2.imwrite(str(options.out), draw(pairs))


if __name__ == "__main__":
    main()
