"""Pictures as people's tools write them become the same 8-bit RGB, or nothing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageCms

from actionpairs.evaluation import picture_files

RNG = np.random.default_rng(0)
SMOOTH = np.stack(np.meshgrid(np.linspace(20, 220, 40), np.linspace(40, 200, 24)), -1)
RGB = np.concatenate([SMOOTH, SMOOTH[..., :1] / 2 + 50], -1).round().astype(np.uint8)  # 24 40 3


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def decoded(data: bytes) -> picture_files.DecodedPicture:
    picture = picture_files.decode(data)
    assert picture is not None
    assert (picture.pixels.dtype, picture.pixels.shape[2]) == (np.uint8, 3)
    return picture


@pytest.mark.parametrize(
    ("kind", "options", "largest"),
    [("PNG", {}, 0), ("WEBP", {"lossless": True}, 0), ("JPEG", {"quality": 95}, 6), ("AVIF", {"quality": 95}, 8)],
)
def test_every_kind_of_file_gives_the_picture(kind: str, options: dict[str, Any], largest: int) -> None:
    picture = decoded(encoded(Image.fromarray(RGB), kind, **options))
    assert np.abs(picture.pixels.astype(int) - RGB).max() <= largest
    assert picture.treatments == ()


def test_no_file_is_given_to_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may open the page of `app` could send one."""
    started: list[object] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *a: started.append(a) or Image.fromarray(RGB).im)
    data = encoded(Image.fromarray(RGB), "EPS")
    assert (picture_files.decode(data), picture_files.size(data), started) == (None, None, [])


def test_grey_has_three_equal_channels() -> None:
    grey = RGB[..., 0]
    for image in (Image.fromarray(grey), Image.fromarray(grey).convert("P"), Image.fromarray(grey).convert("LA")):
        picture = decoded(encoded(image, "PNG"))
        assert np.array_equal(picture.pixels, np.repeat(grey[..., None], 3, -1))
        assert picture.treatments == ()


def test_sixteen_bits_of_grey_are_rounded_to_eight() -> None:
    deep = (RGB[..., 0].astype(np.uint16) * 257) + RNG.integers(-128, 129, RGB.shape[:2]).astype(np.int32)
    picture = decoded(encoded(Image.fromarray(deep.astype(np.uint16)), "PNG"))
    assert np.array_equal(picture.pixels[..., 0], RGB[..., 0])
    assert picture.treatments == ("16 bits to 8",)


def test_transparency_is_laid_on_white_and_an_opaque_channel_changes_nothing() -> None:
    alpha = np.full((*RGB.shape[:2], 1), 255, np.uint8)
    opaque = decoded(encoded(Image.fromarray(np.concatenate([RGB, alpha], -1)), "PNG"))
    assert np.array_equal(opaque.pixels, RGB)
    assert opaque.treatments == ()
    alpha[:12] = 0
    half = decoded(encoded(Image.fromarray(np.concatenate([RGB, alpha], -1)), "PNG"))
    assert (half.pixels[:12] == 255).all()
    assert np.array_equal(half.pixels[12:], RGB[12:])
    assert half.treatments == ("transparency on white",)


def test_cmyk_is_close_to_the_rgb_that_it_is_of() -> None:
    picture = decoded(encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=97))
    assert np.abs(picture.pixels.astype(int) - RGB).mean() < 4
    assert picture.treatments == ("CMYK to RGB",)


@pytest.mark.parametrize(("orientation", "turns"), [(6, 3), (8, 1), (3, 2)])
def test_exif_orientation_is_applied(orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decoded(encoded(Image.fromarray(RGB), "PNG", exif=exif))
    assert np.array_equal(picture.pixels, np.rot90(RGB, turns))
    assert picture.treatments == ("turned as its EXIF says",)


def test_an_srgb_profile_changes_nothing_and_another_is_converted() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = decoded(encoded(Image.fromarray(RGB), "PNG", icc_profile=profile))
    assert np.array_equal(same.pixels, RGB)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # of another color space: says nothing
    assert np.array_equal(decoded(encoded(Image.fromarray(RGB), "PNG", icc_profile=lab)).pixels, RGB)


def test_of_an_animation_the_first_frame_counts() -> None:
    first, second = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    picture = decoded(encoded(first, "WEBP", save_all=True, append_images=[second], lossless=True))
    assert np.array_equal(picture.pixels, RGB)
    assert picture.treatments == ("first frame of an animation",)


PNG = encoded(Image.fromarray(RGB), "PNG")


@pytest.mark.parametrize(
    "data", [b"", b"no picture", PNG[:60], PNG[: len(PNG) // 2], b"<svg/>", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_whole_picture_is_none(data: bytes) -> None:
    assert picture_files.decode(data) is None


def test_a_large_photo_is_a_picture() -> None:
    """Phones make 108 and 200 million pixels; Pillow warns above 89 and refuses above 178."""
    photo = encoded(Image.fromarray(np.zeros((9_000, 12_000), np.uint8)), "PNG")
    assert picture_files.size(photo) == (12_000, 9_000)
    assert decoded(photo).pixels.shape == (9_000, 12_000, 3)


def test_a_picture_of_billions_of_pixels_is_none() -> None:
    header = bytearray(PNG)
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    assert picture_files.decode(bytes(header)) is None
