"""Two sets of different cameras, rendered by the package, become one that the trainer and verify read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from actionpairs import measures, shards, synthetic
from actionpairs.curation.between_sets import Role, find_set_duplicates
from actionpairs.curation.duplicates import pack_hashes
from actionpairs.stages.merge import NEAR_DUPLICATE_BITS, merge
from actionpairs.stages.verify import verify
from actionpairs.storage import Folder
from actionpairs.synthetic.synthetic_shards import SyntheticSet, write_synthetic_shards

SETS = (SyntheticSet("LC", "fixed", "actions", 2, 1, 48, 4), SyntheticSet("HC", "head", "actions", 2, 1, 48, 4))
AGAIN = SyntheticSet("Again", "fixed", "actions", 3, 1, 48, 4)  # its last training scene is LC's test scene


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("rendered")
    for spec in (*SETS, AGAIN):
        write_synthetic_shards(spec, out=str(path / spec.name), workers=1)
    return {spec.name: str(path / spec.name) for spec in (*SETS, AGAIN)}


@pytest.mark.slow
def test_rendered_sets_become_one_that_is_trained_on_and_tested_with(
    rendered: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    from actionpairs.data import examples

    summary = merge([rendered["LC"], rendered["HC"]], out=str(tmp_path / "out"), workers=1)
    folder = Folder(tmp_path / "out")
    assert verify(str(tmp_path / "out"), workers=1) == sum(summary.samples.values())
    trained, tested = examples.load_train([folder]), examples.load_test([folder])
    assert {example.entry.split for example in trained} == {"LC-HC-train"}
    assert {example.entry.split for example in tested} == {"LC-test", "HC-test"}
    assert examples.load_pair(trained[0], 32).shape == (2, 32, 32, 3)
    assert sum(summary.dropped.values()) == 0


@pytest.mark.slow
def test_a_scene_that_one_set_trains_on_and_another_tests_with_is_not_trained_on(
    rendered: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    merge([rendered["Again"], rendered["LC"]], out=str(out), workers=1, keep_duplicates=True)
    tested = {entry.key for entry in shards.load_entries(Folder(rendered["LC"]), "LC-test")}
    trained = {facts.segment.id for facts in shards.load_facts(Folder(out), "Again-LC-train").values()}
    assert tested
    assert trained
    assert not {f"Again/{key}" for key in tested} & trained


def test_the_same_pair_in_another_size_and_quality_is_a_near_duplicate() -> None:
    """The default number of bits: all of these are found."""
    hashes, sets = [], []
    for _, before, after in synthetic.render_pairs(
        camera="fixed", actions=8, seed=4, index=0, size=(640, 360), frame_rate=10
    ):
        pictures = [np.ascontiguousarray(each[:, :, ::-1]) for each in (before, after)]
        other: list[NDArray[np.uint8]] = []
        for each in pictures:
            small = cv2.resize(each, (320, 180), interpolation=cv2.INTER_AREA)
            coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
            other.append(cv2.imdecode(coded, cv2.IMREAD_COLOR))  # type: ignore[arg-type]
        for number, (first, last) in enumerate((pictures, other)):
            measured = measures.measure(first, last)
            hashes.append((measured.hash_before, measured.hash_after))
            sets.append(number)
    order = np.argsort(sets, kind="stable")
    packed, of_set = pack_hashes(hashes)[order], np.array(sets)[order]
    roles = np.zeros(len(sets), np.int8)
    duplicates = find_set_duplicates(packed, of_set, roles, max_bits=NEAR_DUPLICATE_BITS)
    assert {item.index for item in duplicates.repeated} == set(np.flatnonzero(of_set == 1).tolist())


def test_a_dropped_sample_is_no_reason_to_drop_another() -> None:
    """a is near b and b near c, but a is not near c: with b gone, c stays."""
    a, b, c = ("0000000000000000", "0000000000000003", "000000000000000f")
    packed = pack_hashes([(each, "0" * 16) for each in (a, b, c)])
    roles = np.full(3, Role.TRAIN, np.int8)
    duplicates = find_set_duplicates(packed, np.arange(3), roles, max_bits=2)
    assert [(item.index, item.kept_index, item.bits) for item in duplicates.repeated] == [(1, 0, 2)]
    roles[0] = Role.HELD_OUT
    duplicates = find_set_duplicates(packed, np.arange(3), roles, max_bits=2)
    assert [(item.index, item.kept_index) for item in duplicates.leaking] == [(1, 0)]
    assert not duplicates.repeated
