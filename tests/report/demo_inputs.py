"""What the demo's page is made of, without the demo: pairs of noise, and folders as training leaves them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from actionpairs import shards
from actionpairs.evaluation.records import EditScores, Report, ReportRow, ReportSample, Score
from actionpairs.extraction.summary import ExtractSummary
from actionpairs.report import demo_page
from actionpairs.report.demo_page import DemoSet
from actionpairs.stages.shard import shard
from actionpairs.storage import Folder
from tests.report.test_pairs_page import make_pairs

SPLIT = "LCtest8"
RECIPE = f"""
extract: {{annotations: {{format: ssv2}}}}
shard: {{dataset: LC, splits: {{train: LC-train, tests: {{{SPLIT}: 8}}}}}}
"""

# As many scores as the real demo has, with intervals as wide.
SCORES = ("Acc top-1", "Acc top-5", "discrimination", "FID", "KID", "SSIM", "PSNR", "LPIPS", "background PSNR",
          "shift drift", "zoom drift", "color drift", "FD (recognizer)", "motion error")  # fmt: skip
ROWS = (("model", "model"), ("copy of the input", "copy"), ("the real last frame", "truth"))


def render_demo(root: Path) -> str:
    """The page of a demo with one set, LC, in this folder."""
    for name in ("model", "recognizer"):
        (root / name).mkdir(parents=True)
        (root / name / "losses.csv").write_text("step,static,loss,discrimination\n1,2.0,3.0,0.5\n2,1.0,2.0,0.6\n")
    config = {"model": {"source": "base"}, "regularization": {"weight": 0.1}}
    (root / "model/recipe.json").write_text(json.dumps({"config": config}))
    (root / "model/model_index.json").write_text('{"_class_name": "StableDiffusionInstructPix2PixPipeline"}')
    make_pairs(root / "LC/pairs", 30)
    (root / "LC.yaml").write_text(RECIPE)
    sharded = shard(root / "LC.yaml", pairs=str(root / "LC/pairs"), out=str(root / "LC/shards"))
    demo_set = DemoSet("LC", "fixed", _extracted(root), sharded)
    report = _report([entry.key for entry in shards.load_entries(Folder(sharded.out), SPLIT)])
    edits = root / "LC/report/predictions/model"
    edits.mkdir(parents=True)
    for number, sample in enumerate(report.samples):
        cv2.imwrite(str(edits / f"{sample.key}.png"), np.full((64, 64, 3), 25 * number, np.uint8))
    return demo_page.render_page(root, [demo_set], [report])


def _extracted(root: Path) -> ExtractSummary:
    return ExtractSummary(str(root / "LC/pairs"), 9, 9, 1, 8, 8, 0, {"past_end": 1}, {}, {}, ())


def _report(keys: Sequence[str]) -> Report:
    samples = tuple(ReportSample(key, f"take the cup {key}", "take cup") for key in keys)
    edits = tuple(EditScores(key, {}, {"Acc top-1": "take cup"}) for key in keys)
    scores = tuple(Score(name, 12.345, 10.1, 14.2, 8, "higher", "picture", "dB", "mean") for name in SCORES)
    rows = tuple(ReportRow(name, kind, scores, edits) for name, kind in ROWS)
    return Report("LC", SPLIT, samples, rows, (), (), ("A note.",), "abc")
