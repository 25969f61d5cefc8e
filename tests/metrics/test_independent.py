"""Scores of pictures equal implementations that share no line with ours, on odd sizes and on single colors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from actionpairs.metrics import clip, distances, features, inception, lpips, pixels
from actionpairs.metrics.clip import CMMD, ClipEncoder
from actionpairs.metrics.metric import MetricInputs, SetMetric
from tests.metrics import independent
from tests.metrics.independent import SHAPES

RELATIVE = 1e-4


class Convolutions(nn.Module):
    """As NVlabs' Inception file: `layers` takes (x − 128)/128 and gives features, which see edges and colors."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 12, 9, stride=5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers((images.float() - 128) / 128)


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("inception") / "inception.pt"
    torch.jit.script(Convolutions()).save(str(path))
    return str(path)


def inception_features(pictures: np.ndarray) -> np.ndarray:
    """By an independent resize, in float64 up to the network."""
    network = Convolutions().double()
    small = np.stack([independent.resized(picture, 299) for picture in pictures])
    with torch.no_grad():
        return network.layers(torch.from_numpy((small - 128) / 128).permute(0, 3, 1, 2)).numpy()


def sets(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Edits and truths; both end with a picture of one color and one of stripes."""
    edits = independent.pictures(shape, count=20, seed=1)
    return edits, (independent.pictures(shape, count=20, seed=2) * 0.7 + 40).astype(np.uint8)


@pytest.mark.parametrize("shape", [*SHAPES, (400, 301)], ids=str)
@pytest.mark.parametrize("side", [32, 299])
def test_resizing_is_an_antialiased_bicubic_that_rounds_nothing(shape: tuple[int, int], side: int) -> None:
    for picture in independent.pictures(shape):
        expected = independent.resized(picture, side)
        np.testing.assert_allclose(features.resize(picture, side), expected, rtol=RELATIVE, atol=2e-3)
    rounded = independent.resized(independent.pictures(shape)[0], side).round()
    assert np.abs(features.resize(independent.pictures(shape)[0], side) - rounded).mean() > 0.1


@pytest.mark.slow
def test_a_resize_that_does_not_average_or_that_rounds_would_be_noticed(inception_file: str) -> None:
    """What other tools do (Parmar et al. 2022): both change FID by more than 1e-4."""
    edits, truths = sets((601, 455))
    network = Convolutions().eval()

    def fid(resize) -> float:  # type: ignore[no-untyped-def]
        made = [np.stack([resize(picture) for picture in each]).astype(np.float32) for each in (edits, truths)]
        with torch.no_grad():
            both = [network.layers((torch.from_numpy(x).permute(0, 3, 1, 2) - 128) / 128).numpy() for x in made]
        return independent.frechet(*both)

    def aliased(picture: np.ndarray) -> np.ndarray:
        channels_first = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
        small = nn.functional.interpolate(channels_first, size=(299, 299), mode="bilinear", align_corners=False)
        return small[0].permute(1, 2, 0).numpy()

    right = fid(lambda picture: independent.resized(picture, 299))
    assert abs(fid(aliased) / right - 1) > 10 * RELATIVE
    assert abs(fid(lambda picture: independent.resized(picture, 299).astype(np.uint8)) / right - 1) > RELATIVE
    [metric] = inception.LOADER.load(MetricInputs({"inception": inception_file}))
    assert isinstance(metric, SetMetric)
    estimate = metric.compare(metric.features(edits), metric.features(truths))["FID"]
    assert estimate.value == pytest.approx(right, rel=RELATIVE)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fid_and_kid_from_pictures_to_number(inception_file: str, shape: tuple[int, int]) -> None:
    [metric] = inception.LOADER.load(MetricInputs({"inception": inception_file}))
    assert isinstance(metric, SetMetric)
    edits, truths = sets(shape)
    ours = metric.compare(metric.features(edits), metric.features(truths))
    x, y = inception_features(edits), inception_features(truths)
    assert ours["FID"].value == pytest.approx(independent.frechet(x, y), rel=RELATIVE)
    assert ours["KID"].value == pytest.approx(independent.kernel(x, y), rel=RELATIVE)


def test_sets_of_one_color_have_the_distance_of_their_means(inception_file: str) -> None:
    """No spread at all: the Fréchet distance is the square of the shift, and SciPy's matrix root is of zeros."""
    [metric] = inception.LOADER.load(MetricInputs({"inception": inception_file}))
    assert isinstance(metric, SetMetric)
    edits, truths = (np.full((6, 35, 63, 3), level, np.uint8) for level in (80, 200))
    x, y = inception_features(edits), inception_features(truths)
    ours = metric.compare(metric.features(edits), metric.features(truths))
    assert ours["FID"].value == pytest.approx(((x[0] - y[0]) ** 2).sum(), rel=RELATIVE)
    assert ours["KID"].value == pytest.approx(independent.kernel(x, y), rel=RELATIVE)


def test_covariances_are_those_of_samples_and_not_of_a_population() -> None:
    """By hand: {0, 2} and {0, 4} have means 1 and 2 and variances 2 and 8 (population: 1 and 4).

    In one dimension the distance is (1 − 2)² + (√2 − √8)² = 1 + 2 = 3; with population variances it were 2.
    """
    x, y = np.array([[0.0], [2.0]]), np.array([[0.0], [4.0]])
    assert distances.frechet(x, y) == pytest.approx(3)


def test_kid_leaves_out_each_picture_with_itself() -> None:
    """By hand, x = {0, 1}, y = {0, 1} in one dimension: k(0, 0) = k(0, 1) = 1, k(1, 1) = 8.

    Without the diagonals 1 + 1 − 2 · (1 + 1 + 1 + 8)/4 = −3.5; with them it were 0.
    """
    both = np.array([[0.0], [1.0]])
    assert distances.kernel_distance(both, both) == pytest.approx(-3.5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cmmd_from_pictures_to_number(weights: Mapping[str, str], shape: tuple[int, int]) -> None:
    edits, truths = sets(shape)
    [metric] = [m for m in clip.LOADER.load(MetricInputs({"clip": weights["clip"]})) if isinstance(m, SetMetric)]
    ours = metric.compare(metric.features(edits), metric.features(truths))[CMMD.name].value
    encoder = ClipEncoder(weights["clip"])._network.double()
    mean, deviation = np.array(clip._MEAN), np.array(clip._DEVIATION)

    def embedded(pictures: np.ndarray) -> np.ndarray:
        small = np.stack([independent.resized(picture, 32) for picture in pictures]) / 255
        pixels = torch.from_numpy((small - mean) / deviation).permute(0, 3, 1, 2)
        with torch.no_grad():
            made = encoder(pixels).image_embeds.numpy()
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    assert ours == pytest.approx(independent.cmmd(embedded(edits), embedded(truths)), rel=RELATIVE)


def test_cmmd_of_two_points_is_known() -> None:
    """By hand: x = {a}, y = {b} at a right angle: 1000 · (1 + 1 − 2 exp(−2/200)) = 19.900…"""
    x, y = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert clip.gaussian_distance(x, y) == pytest.approx(2000 * (1 - np.exp(-0.01)), rel=1e-9)
    assert clip.gaussian_distance(x, y) == pytest.approx(19.9003, abs=1e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ssim_and_psnr_equal_their_formulas(shape: tuple[int, int]) -> None:
    edits, truths = independent.pictures(shape), independent.pictures(shape, seed=3)
    pairs = list(zip(edits, truths, strict=True))
    assert pixels.psnr(edits, truths) == pytest.approx([independent.psnr(*pair) for pair in pairs], rel=RELATIVE)
    expected = [independent.ssim(*pair) for pair in pairs]
    assert pixels.ssim(edits, truths) == pytest.approx(expected, rel=RELATIVE, abs=1e-6)


def test_ssim_and_psnr_of_two_single_colors_are_known() -> None:
    """No structure is left: (2ab + c₁)/(a² + b² + c₁) with a, b in [0, 1]; PSNR of a step of 55 levels."""
    one, other = (np.full((1, 33, 47, 3), level, np.uint8) for level in (100, 155))
    a, b = 100 / 255, 155 / 255
    expected = (2 * a * b + 1e-4) / (a**2 + b**2 + 1e-4)
    assert pixels.ssim(one, other) == pytest.approx([expected], rel=RELATIVE)
    assert pixels.psnr(one, other) == pytest.approx([20 * np.log10(255 / 55)], rel=RELATIVE)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_lpips_equals_its_formula_on_alexnet(tmp_path: Path, shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    network = lpips._alexnet()
    torch.save({f"features.{name}": value for name, value in network.state_dict().items()}, tmp_path / "alexnet")
    saved = torch.load(lpips._LINEAR_FILE, map_location="cpu", weights_only=True)
    linear = [saved[f"lin{layer}.model.1.weight"].numpy().astype(np.float64) for layer in range(5)]
    layers = [
        (each.weight.detach().numpy().astype(np.float64), each.bias.detach().numpy().astype(np.float64))
        for each in network
        if isinstance(each, nn.Conv2d)
    ]
    edits, truths = independent.pictures(shape), independent.pictures(shape, seed=3)
    expected = [independent.lpips(*pair, layers, linear) for pair in zip(edits, truths, strict=True)]
    assert lpips.Lpips(str(tmp_path / "alexnet")).distance(edits, truths) == pytest.approx(expected, rel=RELATIVE)
