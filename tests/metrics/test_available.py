"""The list of metrics: what it loads, names by digest, and says is missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from actionpairs.errors import ScoreError, StorageError
from actionpairs.metrics import available
from actionpairs.metrics.metric import MetricInputs


def test_without_weights_the_scores_that_need_none_still_come() -> None:
    names = [column.name for metric in available.load_all(MetricInputs({})) for column in metric.columns]
    assert {"motion alignment", "SSIM", "PSNR", "background PSNR"} <= set(names)
    assert not {"FID", "LPIPS", "Acc top-1"} & set(names)


def test_every_missing_kind_has_one_note_with_its_flag() -> None:
    notes = available.missing_notes(())
    for flag in ("--recognizer", *(f"--features {kind}=" for kind in ("inception", "lpips", "clip", "dinov2"))):
        assert sum(flag in note for note in notes) == 1
    assert len(available.missing_notes({"clip"})) == len(notes) - 1


def test_digests_follow_the_files_and_need_no_loading(weights: Mapping[str, str], tmp_path: Path) -> None:
    assert available.digests(weights) == available.digests(weights)
    (tmp_path / "no-network").write_bytes(b"x")
    assert len(available.digests({"inception": str(tmp_path / "no-network")})["inception"]) == 64


def test_a_kind_that_no_metric_takes_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ScoreError, match=r"vgg: no metric takes such weights\. Choose one of: clip, dinov2,"):
        available.digests({"vgg": "x"})


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"absent\.pt is not there"):
        available.digests({"inception": str(tmp_path / "absent.pt")})
