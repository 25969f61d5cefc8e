"""Scores once more, in a few lines of NumPy and SciPy from each paper or its own code, and pictures to try."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.ndimage

Shape = tuple[int, int]
SHAPES: tuple[Shape, ...] = ((33, 47), (63, 35), (101, 99))  # no side is even


def pictures(shape: Shape, *, count: int = 4, seed: int = 0) -> np.ndarray:
    """Soft pictures, then one of a single color, then stripes of one pixel: N H W 3 uint8."""
    draw = np.random.default_rng(seed)
    soft = scipy.ndimage.gaussian_filter(draw.normal(size=(count, *shape, 3)), (0, 3, 3, 0))
    made = (128 + 40 * soft / soft.std()).clip(0, 255).astype(np.uint8)
    made[-2] = draw.integers(0, 256, 3)
    made[-1] = 0
    made[-1, seed % 2 :: 2] = 255
    return made


def resized(picture: np.ndarray, side: int) -> np.ndarray:
    """Bicubic (Keys, a = −1/2), widened by the scale where it shrinks, borders renormalized; H W 3 → side side 3.

    What clean-fid takes from Pillow (GaParmar/clean-fid, cleanfid/resize.py): float, clipped, and not rounded.
    """
    down, across = (_weights(length, side) for length in picture.shape[:2])
    channels = [down @ picture[..., channel].astype(np.float64) @ across.T for channel in range(3)]
    return np.stack(channels, axis=-1).clip(0, 255)


def _weights(length: int, side: int) -> np.ndarray:
    scale = length / side
    reach = max(scale, 1.0)
    middles = (np.arange(side) + 0.5) * scale
    distance = np.abs(np.arange(length) + 0.5 - middles[:, None]) / reach
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """FID as clean-fid has it: np.cov, a matrix root by SciPy, the real part."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    one, other = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    shift = x.mean(0) - y.mean(0)
    return float(shift @ shift + np.trace(one + other - 2 * np.real(scipy.linalg.sqrtm(one @ other))))


def kernel(x: np.ndarray, y: np.ndarray) -> float:
    """KID by the sums of its definition (arXiv 1801.01401), term by term."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    n, m, width = len(x), len(y), x.shape[1]
    own_x = sum((x[i] @ x[j] / width + 1) ** 3 for i in range(n) for j in range(n) if i != j)
    own_y = sum((y[i] @ y[j] / width + 1) ** 3 for i in range(m) for j in range(m) if i != j)
    both = sum((a @ b / width + 1) ** 3 for a in x for b in y)
    return float(own_x / (n * (n - 1)) + own_y / (m * (m - 1)) - 2 * both / (n * m))


def cmmd(x: np.ndarray, y: np.ndarray) -> float:
    """google-research/google-research, cmmd/distance.py: σ = 10, times 1000, the diagonals included."""
    x, y = x.astype(np.float64), y.astype(np.float64)

    def mean_kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([[np.exp(-((p - q) ** 2).sum() / (2 * 10**2)) for q in b] for p in a]))

    return 1000 * (mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y))


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Wang et al. 2004: Gaussian window of 11, σ = 1.5, K = 0.01 and 0.03, population moments; borders mirrored.

    H W 3 uint8 each; the mean over channels and positions.
    """
    at = np.arange(11) - 5
    window = np.exp(-(at**2) / (2 * 1.5**2))
    window = np.outer(window, window) / window.sum() ** 2
    values = []
    for channel in range(3):
        x, y = one[..., channel] / 255.0, other[..., channel] / 255.0
        padded = (np.pad(each, 5, mode="reflect") for each in (x, y))
        patches = [np.lib.stride_tricks.sliding_window_view(each, (11, 11)) for each in padded]
        mean_x, mean_y = (np.einsum("ijkl,kl->ij", each, window) for each in patches)
        square_x, square_y = (np.einsum("ijkl,kl->ij", each**2, window) for each in patches)
        product = np.einsum("ijkl,kl->ij", patches[0] * patches[1], window)
        spread_x, spread_y, common = square_x - mean_x**2, square_y - mean_y**2, product - mean_x * mean_y
        c1, c2 = 0.01**2, 0.03**2
        values.append(
            (2 * mean_x * mean_y + c1)
            * (2 * common + c2)
            / ((mean_x**2 + mean_y**2 + c1) * (spread_x + spread_y + c2))
        )
    return float(np.mean(values))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """10 log₁₀ of 255² over the mean square error of all pixels and channels."""
    return float(10 * np.log10(255**2 / ((one.astype(np.float64) - other) ** 2).mean()))


def convolved(
    pixels: np.ndarray, weights: np.ndarray, bias: np.ndarray, *, stride: int, margin: int
) -> np.ndarray:
    """C H W through one layer of a network: what its neurons see, zeros outside."""
    padded = np.pad(pixels, ((0, 0), (margin, margin), (margin, margin)))
    size = weights.shape[-1]
    patches = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ocij->ohw", patches, weights, optimize=True) + bias[:, None, None]


def pooled(pixels: np.ndarray) -> np.ndarray:
    """The largest of every 3×3, every second one; a rest at the border is left out."""
    return np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(-1, -2))


def lpips(
    one: np.ndarray, other: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]], linear: list[np.ndarray]
) -> float:
    """arXiv 1801.03924, equation 1, on AlexNet: layers: weights and bias of its five convolutions."""
    shift = np.array([-0.030, -0.088, -0.188])
    scale = np.array([0.458, 0.448, 0.450])
    total = 0.0
    pair = [((picture / 127.5 - 1 - shift) / scale).transpose(2, 0, 1) for picture in (one, other)]
    for number, (weights, bias) in enumerate(layers):
        if number in (1, 2):
            pair = [pooled(each) for each in pair]
        stride, margin = ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))[number]
        pair = [np.maximum(convolved(each, weights, bias, stride=stride, margin=margin), 0) for each in pair]
        units = [each / np.sqrt((each**2).sum(axis=0, keepdims=True) + 1e-8) for each in pair]
        weighed = ((units[0] - units[1]) ** 2 * linear[number].reshape(-1, 1, 1)).sum(axis=0)
        total += float(weighed.mean())
    return total
