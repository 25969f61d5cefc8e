"""stats counts what is there, and says what the tests share with the training split."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from actionpairs.cli import main
from actionpairs.errors import StorageError
from actionpairs.shards.statistics import distribution, quantiles
from actionpairs.shards.statistics_text import format_statistics
from actionpairs.stages.merge import NEAR_DUPLICATE_BITS
from actionpairs.stages.stats import stats
from tests.stages.merged_sets import SIZE, Pair, two_sets, write_set


@pytest.fixture
def leaky(tmp_path: Path) -> str:
    pairs = [
        Pair("a", "L-train", 1, video="one.mp4", text="take the red cup"),
        Pair("b", "L-train", 1, video="one.mp4", text="take the red cup"),
        Pair("c", "L-train", 2, video="two.mp4", text="open it"),
        Pair("d", "Ltest", 2, video="three.mp4", text="open it"),
        Pair("e", "Ltest", 3, video="one.mp4", text="close it \x1b[31m"),
        Pair("f", "Ltest", 4, video="four.mp4", text="shut it"),
    ]
    return write_set(tmp_path / "leaky", "L", pairs, tests=["Ltest"])


def test_the_leak_report_counts_held_out_samples(leaky: str) -> None:
    [overlap] = stats(leaky).overlaps
    assert (overlap.split, overlap.samples, overlap.same_id) == ("Ltest", 3, 0)
    assert (overlap.same_video, overlap.same_instruction, overlap.near_duplicate) == (1, 1, 1)
    assert overlap.same_group == 3


def test_a_split_s_numbers(leaky: str) -> None:
    split = stats(leaky).splits["L-train"]
    assert (split.samples, split.videos, split.groups, split.near_duplicates) == (3, 2, 1, 1)
    assert split.sizes == {f"{SIZE} × {SIZE}": 3}
    assert split.aspects == {"1.00": 3}
    assert split.seconds.values["50"] == 1.5
    assert split.words.values == {"5": 2.2, "25": 3.0, "50": 4.0, "75": 4.0, "95": 4.0}
    assert split.instructions.top == {"take the red cup": 2, "open it": 1}
    assert split.actions.names == 1


def test_the_effective_number_is_exp_of_the_entropy() -> None:
    assert distribution(["a", "b", "c", "d"]).effective == 4.0
    assert distribution(["a"] * 9 + ["", "b"]).effective == pytest.approx(
        np.exp(-0.9 * np.log(0.9) - 0.1 * np.log(0.1)), abs=0.01
    )
    assert (distribution([]).names, distribution([""]).effective) == (0, 0.0)


def test_missing_measures_are_counted_and_not_averaged() -> None:
    result = quantiles(np.array([1.0, np.nan, 3.0]))
    assert (result.values["50"], result.missing) == (2.0, 1)
    assert quantiles(np.array([np.nan])).values == {}


def test_the_command_prints_tables_and_json(leaky: str) -> None:
    text = CliRunner().invoke(main, ["stats", leaky]).output
    assert "\x1b" not in text
    [row] = [line for line in text.splitlines() if line.startswith("Ltest") and line.count("%") > 1]
    assert row.split() == ["Ltest", "3", "0.0", "%", "33.3", "%", "100.0", "%", "33.3", "%", "33.3", "%"]
    parsed = json.loads(CliRunner().invoke(main, ["stats", leaky, "--json"]).stdout)
    assert parsed["overlaps"][0]["same_video"] == 1
    assert parsed["near_duplicate_bits"] == NEAR_DUPLICATE_BITS


def test_a_set_without_a_training_split_has_no_leak_report(tmp_path: Path) -> None:
    path = write_set(tmp_path / "t", "T", [Pair("t", "Ttest", 1)], tests=["Ttest"])
    statistics = stats(path)
    assert statistics.overlaps == ()
    assert "quantiles of Ttest" in format_statistics(statistics)


def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not finished"):
        stats(str(tmp_path))


def test_merge_and_mix_work_from_the_command_line(tmp_path: Path) -> None:
    lc, hc = two_sets(tmp_path)
    both = [
        "merge",
        lc,
        f"new={hc}",
        "--rename",
        "new/HCtest=Htest",
        "--out",
        str(tmp_path / "both"),
        "--workers",
        "1",
    ]
    assert "13  LC-new-train" in CliRunner().invoke(main, both).output
    mixed = ["mix", f"{lc}=3", f"new={hc}=1", "--samples", "8", "--out", str(tmp_path / "mixed"), "--workers", "1"]
    summary = json.loads(CliRunner().invoke(main, [*mixed, "--json"]).stdout)
    assert summary["trained_from"] == {"LC": 6, "new": 2}
    for wrong in ([f"{lc}"], [f"{lc}=x"], [f"{lc}=1", f"{lc}=2"], ["=1"]):
        assert CliRunner().invoke(main, ["mix", *wrong, "--out", str(tmp_path / "no")]).exit_code == 2
