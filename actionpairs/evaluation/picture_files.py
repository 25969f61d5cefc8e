"""Read pictures as people's tools write them, and say what was done to make 8-bit RGB of them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif"})
_ORIENTATION = 0x0112  # the EXIF tag
_EXCHANGED = 5  # from this orientation on, width and height are exchanged
_BROKEN = UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError
_DEEP_MODES = {"I;16", "I;16L", "I;16B", "I;16N", "I"}  # grey of 16 bits; Pillow makes 8 bits of 16-bit RGB itself


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """pixels: H W 3 uint8 RGB. treatments: what was done besides decoding, a phrase each."""

    pixels: np.ndarray
    treatments: tuple[str, ...]


def decode(data: bytes) -> DecodedPicture | None:
    """A PNG, JPEG, WebP or AVIF file as 8-bit RGB; None if it is no whole picture.

    EXIF orientation is applied. Colors of an embedded profile become sRGB. Transparency is laid on white, as
    browsers do. 16 bits become 8 by v / 257, rounded (RGB: the upper byte). Of an animation, only the first frame
    counts.
    """
    try:
        with _opened(data) as image:
            treatments = ["first frame of an animation"] if getattr(image, "n_frames", 1) > 1 else []
            image.load()
            return _to_rgb(image, treatments)
    except _BROKEN:
        return None


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height as `decode` gives them, from the head of the file; None if it is no picture."""
    try:
        with _opened(data) as image:
            turned = image.getexif().get(_ORIENTATION, 1) >= _EXCHANGED
            return (image.height, image.width) if turned else (image.width, image.height)
    except _BROKEN:
        return None


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # a large photo; twice that is an error
        with Image.open(io.BytesIO(data)) as image:
            if image.format == "EPS":  # Pillow would start Ghostscript, which runs the file as a program
                raise UnidentifiedImageError
            yield image


def _to_rgb(image: Image.Image, treatments: list[str]) -> DecodedPicture:
    if image.getexif().get(_ORIENTATION, 1) != 1:
        treatments.append("turned as its EXIF says")
    upright = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    if upright.mode in _DEEP_MODES:
        treatments.append("16 bits to 8")
        upright = Image.fromarray(
            (np.asarray(upright).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8)
        )
    if upright.mode == "CMYK":
        treatments.append("CMYK to RGB")
    if upright.has_transparency_data:
        layered = upright.convert("RGBA")
        if np.asarray(layered)[..., 3].min() < 255:
            treatments.append("transparency on white")
            layered = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
        upright = layered.convert("RGB")
    elif profile and not _is_srgb(profile):
        treatments.append("colors to sRGB")
        upright = _to_srgb(upright, profile)
    return DecodedPicture(np.array(upright.convert("RGB")), tuple(treatments))


def _is_srgb(profile: bytes) -> bool:
    try:
        return "srgb" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).lower()
    except (ImageCms.PyCMSError, OSError):
        return True  # a broken profile says nothing


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError:  # the profile is of another color space than the pixels
        return image
    return image if converted is None else converted
