"""Every metric is right on wide and on tall pictures: the same pixels score the same, and no side is lost."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
import pytest

from actionpairs.data.examples import Shape
from actionpairs.metrics import available, drift, motion, optical_flow
from actionpairs.metrics.background import unchanged
from actionpairs.metrics.clip import ClipEncoder
from actionpairs.metrics.dinov2 import Dinov2Encoder
from actionpairs.metrics.features import Encoder, resize
from actionpairs.metrics.inception import TorchScriptEncoder
from actionpairs.metrics.metric import AnyMetric, EditBatch, Metric, MetricInputs, SetMetric
from actionpairs.metrics.recognizer_distance import RecognizerEncoder
from actionpairs.metrics.side import side_of
from actionpairs.recognition import families
from tests.evaluation.conftest import MOVES, moved
from tests.metrics.test_drift import texture

WIDE, CLASSIC, TALL = (144, 256), (168, 224), (256, 144)  # of about one area
SHAPES = WIDE, CLASSIC, TALL
TOLERANCE = 0.35  # pixels


def scene(shape: Shape, *, at: float = 0.3) -> np.ndarray:
    """A red box on a textured ground; `at` is where its left edge stands, in shares of the width."""
    picture = texture(288, 0)[: shape[0], : shape[1]].copy()
    top, left, size = round(0.4 * shape[0]), round(at * shape[1]), 24
    picture[top : top + size, left : left + size] = 200, 40, 30
    return picture


def shifted(picture: np.ndarray, right: float, down: float) -> np.ndarray:
    """By so many pixels."""
    matrix, size = np.array([[1, 0, right], [0, 1, down]], np.float64), picture.shape[1::-1]
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("pixels", [(6, 0), (0, 6), (-9, 5), (0, -14), (16, 0)], ids=str)
def test_drift_is_the_shift_in_pixels_whatever_the_shape(shape: Shape, pixels: tuple[int, int]) -> None:
    original, truth = scene(shape), scene(shape, at=0.55)
    shift, zoom, color = drift.drift(original, shifted(original, *pixels), truth)
    assert shift / 100 * side_of(original) == pytest.approx(math.hypot(*pixels), abs=TOLERANCE)
    assert zoom < 0.4
    assert color < 1.5


@pytest.mark.parametrize("shape", [*SHAPES, (96, 288)], ids=str)
@pytest.mark.parametrize("zoom", [-4, 3])
def test_drift_is_the_zoom_in_per_cent_whatever_the_shape(shape: Shape, zoom: float) -> None:
    original, factor = scene(shape), 1 + zoom / 100
    middle = [(length - 1) / 2 * (1 - factor) for length in shape]
    matrix = np.array([[factor, 0, middle[1]], [0, factor, middle[0]]])
    edit = cv2.warpAffine(original, matrix, shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    assert drift.drift(original, edit, scene(shape, at=0.55))[:2] == pytest.approx((0, abs(zoom)), abs=0.4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_drift_of_a_copy_is_zero_and_of_a_lost_background_the_worst(shape: Shape) -> None:
    original, truth = scene(shape), scene(shape, at=0.55)
    assert drift.drift(original, original, truth) == (0, 0, 0)
    assert drift.drift(original, 255 - original, truth)[:2] == (drift.WORST, drift.WORST)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("pixels", [(5, 0), (0, -5), (3, 4)], ids=str)
def test_flow_is_the_shift_in_pixels_whatever_the_shape(shape: Shape, pixels: tuple[int, int]) -> None:
    flow = optical_flow.between(scene(shape), shifted(scene(shape), *pixels))
    inside = flow[20:-20, 20:-20].reshape(-1, 2)
    assert np.median(inside, axis=0) == pytest.approx(pixels, abs=TOLERANCE)
    assert motion.alignment(flow, np.broadcast_to(np.array(pixels, np.float32), flow.shape), still=1) > 0.9


def whole(original: np.ndarray, edit: np.ndarray, truth: np.ndarray) -> EditBatch:
    """A batch of one sample."""
    return EditBatch(("s",), ("x",), ("x",), original[None], edit[None], truth[None])


@pytest.mark.parametrize("pixels", [0.8, 1.6])
def test_the_same_motion_counts_in_wide_and_in_tall_pictures(pixels: float) -> None:
    """Of the width, 0.5 % would be 1.3 pixels of the wide picture and 0.7 of the tall one."""
    counts = []
    for shape in (WIDE, TALL):
        original = texture(256, 0)[: shape[0], : shape[1]]
        batch = whole(original, original, shifted(original, pixels, 0))
        counts.append(not np.isnan(motion.MotionAlignment().score(batch).values["motion alignment"][0]))
    assert counts[0] == counts[1]


def test_as_much_is_unchanged_in_a_picture_on_its_side() -> None:
    upright = scene(WIDE), scene(WIDE, at=0.55)
    turned = (np.ascontiguousarray(picture.transpose(1, 0, 2)) for picture in upright)
    assert unchanged(*turned).mean() == pytest.approx(unchanged(*upright).mean(), abs=0.01)


@pytest.fixture(scope="module")
def metrics(weights: Mapping[str, str]) -> tuple[AnyMetric, ...]:
    others = available.load_all(
        MetricInputs({kind: path for kind, path in weights.items() if kind != "inception"})
    )
    return (*others, *available.load_all(MetricInputs({"inception": weights["inception"]})))


def batch(shape: Shape, edits: str) -> EditBatch:
    """Four samples whose edits are their inputs, the truths or noise."""
    pairs = [moved(action, shape=shape, seed=seed) for seed, action in enumerate(MOVES)]
    originals, truths = (np.stack(each) for each in zip(*pairs, strict=True))
    noise = np.random.default_rng(0).integers(0, 256, truths.shape, np.uint8)
    made = {"input": originals, "truth": truths, "noise": noise}[edits]
    return EditBatch(tuple(MOVES), tuple(MOVES), tuple(MOVES), originals, made, truths)


PERFECT = {
    "SSIM": 1,
    "PSNR": 100,
    "LPIPS": 0,
    "CLIP similarity": 1,
    "DINOv2 similarity": 1,
    "motion alignment": 100,
}


@pytest.mark.parametrize("shape", [(72, 128), (96, 128), (128, 72)], ids=str)
def test_the_truth_is_perfect_and_noise_is_not(metrics: tuple[AnyMetric, ...], shape: Shape) -> None:
    seen = set()
    for metric in metrics:
        if isinstance(metric, Metric):
            best, worst = (metric.score(batch(shape, edits)).values for edits in ("truth", "noise"))
            for name in PERFECT.keys() & best.keys():
                assert best[name] == pytest.approx(PERFECT[name], abs=1e-5), name
                assert (np.abs(worst[name] - PERFECT[name]) > 1e-4).all(), name
                seen.add(name)
    assert seen == set(PERFECT)


def test_sets_of_mixed_shapes_have_distances(metrics: tuple[AnyMetric, ...]) -> None:
    parts = [(batch(shape, "noise").edits, batch(shape, "noise").truths) for shape in ((72, 128), (128, 72))]
    for metric in metrics:
        if isinstance(metric, SetMetric):
            edits, truths = (np.concatenate([metric.features(part[i]) for part in parts]) for i in range(2))
            for column in metric.columns:
                far, near = (metric.compare(each, truths)[column.name].value for each in (edits, truths))
                assert far > near


def test_a_batch_scores_as_its_samples_alone(metrics: tuple[AnyMetric, ...]) -> None:
    together = batch((72, 128), "noise")
    alone = [
        EditBatch(*(getattr(together, name)[i : i + 1] for name in EditBatch.__slots__[:6]))
        for i in range(len(together))
    ]
    for metric in metrics:
        if isinstance(metric, Metric):
            values, singles = metric.score(together).values, [metric.score(each).values for each in alone]
            for name in values:
                expected = [single[name][0] for single in singles]
                assert values[name] == pytest.approx(expected, rel=1e-3, abs=1e-5, nan_ok=True), name


def encoder(kind: str, weights: Mapping[str, str]) -> Encoder:
    if kind == "recognizer":
        return RecognizerEncoder(families.load(weights[kind]), digest="abc")
    kinds = {"clip": ClipEncoder, "dinov2": Dinov2Encoder, "inception": TorchScriptEncoder}
    made: Encoder = kinds[kind](weights[kind])
    return made


@pytest.mark.parametrize("kind", ["clip", "dinov2", "inception", "recognizer"])
def test_what_moves_at_the_side_counts_but_not_for_the_recognizer(kind: str, weights: Mapping[str, str]) -> None:
    """CLIP's own processor crops the center square: at 16:9, what happens at the sides would never count."""
    pictures = np.stack([scene(WIDE)] * 2)
    pictures[1, :, :40] = 255  # outside of the center square
    network = encoder(kind, weights)
    one, other = network(pictures)
    assert np.allclose(one, other, atol=1e-6) == (kind == "recognizer")
    assert ("center square" if kind == "recognizer" else "whole pictures") in network.resizing


def test_resizing_keeps_left_and_top_where_they_are() -> None:
    picture = np.zeros((40, 90, 3), np.uint8)
    picture[:, :45], picture[:20, 45:] = 200, 100  # left; top right
    small = resize(picture, 30)[..., 0]
    assert (small[15, 5], small[5, 25], small[25, 25]) == pytest.approx((200, 100, 0), abs=1)


def test_notes_say_what_becomes_of_pictures_that_are_not_square(metrics: tuple[AnyMetric, ...]) -> None:
    note_of = {column.name: metric.note for metric in metrics for column in metric.columns}
    for name in ("FD", "KID", "CMMD", "CLIP similarity", "DINOv2 similarity", "FD-DINOv2"):
        if name in note_of:
            assert "those that are not square too" in note_of[name]
    for name in ("Acc top-1", "FD (recognizer)"):
        assert "the center square of e" in note_of[name]
    assert "not resized" in note_of["LPIPS"]
    assert "not resized" in note_of["SSIM"]
    assert "square of the picture's area" in note_of["shift drift"]
