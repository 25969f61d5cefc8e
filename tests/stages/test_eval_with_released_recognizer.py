"""eval with a released video classifier: its labels are mapped by name, or it is refused at once."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import yaml

from actionpairs.data import examples
from actionpairs.errors import ScoreError, StorageError
from actionpairs.evaluation import samples
from actionpairs.evaluation.records import Report
from actionpairs.stages.eval import evaluate
from actionpairs.storage import Folder
from tests.evaluation.conftest import MOVES, SPLIT, make_shards
from tests.recognition.tiny import SSV2, as_published, released, save

LABELS = dict(zip(MOVES, (SSV2[3], SSV2[4], SSV2[2], SSV2[0]), strict=True))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of 8 samples, a folder of edits that are the real last frames, and a VideoMAE."""
    root = tmp_path_factory.mktemp("world")
    make_shards(root / "shards")
    (root / "edits").mkdir()
    for sample in samples.select(Folder(root / "shards"), SPLIT):
        edit = examples.load_pair(sample, 64)[1]
        cv2.imwrite(str(root / f"edits/{sample.entry.key}.png"), edit[..., ::-1])
    (root / "videomae").mkdir()
    save(released("videomae"), root / "videomae", **as_published((0.45,) * 3, (0.225,) * 3))
    (root / "labels.yaml").write_text(yaml.safe_dump(LABELS))
    return root


def run(world: Path, out: Path, labels: object) -> Report:
    (out.parent / "recipe.yaml").write_text(
        yaml.safe_dump({"eval": {"resolution": 64, "gallery": 1, "recognizer": {"labels": labels}}})
    )
    return evaluate(
        str(out.parent / "recipe.yaml"),
        predictions={"theirs": str(world / "edits")},
        shards=str(world / "shards"),
        split=SPLIT,
        out=str(out),
        recognizer=str(world / "videomae"),
        device="cpu",
    )


def test_a_file_and_a_mapping_score_alike_and_the_report_says_what_the_score_is_worth(
    world: Path, tmp_path: Path
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    report = run(world, tmp_path / "one/report", str(world / "labels.yaml"))
    again = run(world, tmp_path / "other/report", LABELS)
    assert report.rows == again.rows
    theirs, _, truth = report.rows
    assert theirs.scores[0].value == truth.scores[0].value  # they are the same pictures
    assert set(truth.edits[0].texts.values()) <= set(SSV2)
    made = report.recognition
    assert made is not None
    assert (made.top_1.count, made.temperature, made.calibration_error) == (8, None, made.raw_calibration_error)
    share = made.shares[0]
    assert share.value == (100 if made.top_1.value else None)
    assert "no temperature was fitted" in report.notes[1]
    text = (tmp_path / "one/report/index.html").read_text()
    assert "real last frames right" in text
    (world / "labels.yaml").write_text(yaml.safe_dump({**LABELS, "move left": SSV2[5]}))
    with pytest.raises(StorageError, match=r"made (by another recipe|from other inputs)"):
        run(world, tmp_path / "one/report", str(world / "labels.yaml"))


def test_names_of_another_data_set_are_refused_before_anything_is_scored(world: Path, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"4 of 4 actions are no label of it: 'move away', 'move left'"):
        run(world, tmp_path / "report", None)
    assert not (tmp_path / "report/report.json").exists()
