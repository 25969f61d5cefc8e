"""Writes a frame's index into its pixels, as black and white cells at the bottom left, and decodes it."""

import numpy as np
import numpy.typing as npt

CELLS = 12  # bits, the most significant first
CELL_SIZE = 12  # pixels

Pixels = npt.NDArray[np.uint8]


def stamp_frame_index(picture: Pixels, index: int) -> None:
    """Write a frame's index into its picture (H W 3), in place. Raises ValueError above twelve bits."""
    if not 0 <= index < 2**CELLS:
        raise ValueError(f"frame index {index} does not fit into {CELLS} cells")
    for cell in range(CELLS):
        bit = index >> (CELLS - 1 - cell) & 1
        picture[-CELL_SIZE:, cell * CELL_SIZE : (cell + 1) * CELL_SIZE] = 255 * bit


def decode_frame_index(picture_rgb: Pixels, *, original_height: int | None = None) -> int:
    """Decode a frame's index from its picture (H W 3 RGB).

    original_height: in pixels, if the picture was resized.
    """
    height = picture_rgb.shape[0]
    size = CELL_SIZE * height / (original_height or height)
    row = int(height - size / 2)
    index = 0
    for cell in range(CELLS):
        column = int((cell + 0.5) * size)
        reach = int(size / 4)
        center = picture_rgb[row - reach : row + reach + 1, column - reach : column + reach + 1]
        index = index << 1 | int(center.mean() > 127)
    return index
