"""mix draws by weight, exactly and without replacement, and a larger draw keeps a smaller one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpairs.curation.mixing import apportion
from actionpairs.errors import ShardError
from actionpairs.stages.mix import mix
from actionpairs.stages.verify import verify
from tests.stages.merged_sets import Pair, two_sets, write_set
from tests.stages.test_merge import samples


def drawn(inputs: list[str], out: Path, *weights: float, **options: object) -> set[str]:
    mix(dict(zip(inputs, weights, strict=True)), out=str(out), workers=1, **options)  # type: ignore[arg-type]
    return set(samples(out, "LC-HC-train"))


def test_shares_are_the_weights_and_tests_stay_whole(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    ids = drawn(inputs, tmp_path / "out", 0.7, 0.3, samples=10)
    assert sorted(each[:2] for each in ids) == ["HC"] * 3 + ["LC"] * 7
    assert len(samples(tmp_path / "out", "LCtest")) == 2
    assert verify(str(tmp_path / "out"), workers=1) == 15


def test_more_samples_keep_all_that_fewer_take(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    draws = [drawn(inputs, tmp_path / f"{count}", 3, 2, samples=count) for count in (1, 4, 7, 11)]
    assert [len(ids) for ids in draws] == [1, 4, 7, 11]
    assert draws[0] < draws[1] < draws[2] < draws[3]


def test_another_seed_draws_others(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    draws = [drawn(inputs, tmp_path / f"{seed}", 1, 1, samples=6, seed=seed) for seed in range(3)]
    assert len({frozenset(ids) for ids in draws}) > 1


def test_without_a_number_the_first_used_up_input_ends_the_draw(tmp_path: Path) -> None:
    ids = drawn(two_sets(tmp_path), tmp_path / "out", 1, 1)
    assert [sum(each.startswith(name) for each in ids) for name in ("LC", "HC")] == [6, 5]


def test_too_few_samples_are_an_error_that_says_how_many_there_can_be(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    with pytest.raises(ShardError, match="HC: 5 training pairs are too few for 13") as caught:
        drawn(inputs, tmp_path / "out", 1, 1, samples=13)
    assert "at most 11 samples" in caught.value.cure
    assert len(drawn(inputs, tmp_path / "most", 1, 1, samples=11)) == 11


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_an_error(tmp_path: Path, weight: float) -> None:
    with pytest.raises(ShardError, match="is no weight"):
        drawn(two_sets(tmp_path), tmp_path / "out", 1, weight)


def test_an_input_without_training_samples_is_an_error_not_a_skewed_mix(tmp_path: Path) -> None:
    empty = write_set(tmp_path / "t", "T", [Pair("t", "Ttest", 1)], tests=["Ttest"])
    with pytest.raises(ShardError, match="T: no training pair is left"):
        drawn([two_sets(tmp_path)[1], empty], tmp_path / "out", 1, 1)


def test_a_sample_that_leaks_is_never_drawn(tmp_path: Path) -> None:
    leak = [Pair("leak", "X-train", 11), Pair("fine", "X-train", 50)]
    inputs = [two_sets(tmp_path)[0], write_set(tmp_path / "x", "X", leak)]
    summary = mix({inputs[0]: 8, inputs[1]: 1}, out=str(tmp_path / "out"), samples=9, workers=1)
    assert summary.trained_from == {"LC": 8, "X": 1}
    assert "X/leak" not in samples(tmp_path / "out")


weights_and_sizes = st.lists(st.tuples(st.floats(0.01, 100), st.integers(1, 40)), min_size=1, max_size=5)


@given(weights_and_sizes, st.data())
def test_counts_follow_the_weights_and_never_shrink(cases: list[tuple[float, int]], data: st.DataObject) -> None:
    weights = {str(number): weight for number, (weight, _) in enumerate(cases)}
    sizes = {str(number): size for number, (_, size) in enumerate(cases)}
    most = sum(apportion(weights, sizes, samples=None).values())
    before = dict.fromkeys(weights, 0)
    for count in range(1, most + 1):
        counts = apportion(weights, sizes, samples=count)
        assert sum(counts.values()) == count
        assert all(before[name] <= counts[name] <= sizes[name] for name in weights)
        # What a divisor method promises: no source deserves another's last sample more.
        assert all(
            (counts[one] - 0.5) / weights[one] <= (counts[two] + 0.5) / weights[two] * (1 + 1e-9)
            for one in weights
            for two in weights
            if counts[one]
        )
        before = counts
    with pytest.raises(ShardError, match="too few"):
        apportion(weights, sizes, samples=most + 1)
