"""edit writes one picture, or a labeled sheet; the aspect is kept, and a seed is an outcome."""

from __future__ import annotations

import io
import itertools
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from actionpairs.cli import main
from actionpairs.editors.editor import Defaults, Sampling
from actionpairs.errors import ScoreError
from actionpairs.stages import edit as stage
from actionpairs.stages import run_time
from tests.evaluation.conftest import make_editor, square


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and a wide picture."""
    root = tmp_path_factory.mktemp("edit")
    make_editor().save(root / "model")
    cv2.imwrite(str(root / "wide.jpg"), np.concatenate([square(32, 32), square(32, 32)], axis=1)[:, :101])
    return root


def run(world: Path, out: Path, **options: object) -> np.ndarray:
    written = stage.edit(
        str(world / "model"),
        str(world / "wide.jpg"),
        "open door",
        out=str(out),
        resolution=64,
        steps=2,
        device="cpu",
        **options,  # type: ignore[arg-type]
    )
    return cv2.imread(written)


def test_a_wide_picture_stays_wide(world: Path, tmp_path: Path) -> None:
    """64 × 101 pixels become 50.9 × 80.4, of the area of 64 × 64; sides are multiples of the autoencoder's 2."""
    assert run(world, tmp_path / "out.png").shape == (50, 80, 3)


def test_an_empty_instruction_is_an_error(world: Path, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="instruction is empty"):
        stage.edit(
            str(world / "model"), str(world / "wide.jpg"), "  ", out=str(tmp_path / "out.png"), device="cpu"
        )
    assert not (tmp_path / "out.png").exists()


def test_a_square_edit_is_of_the_middle_of_the_picture(world: Path, tmp_path: Path) -> None:
    assert run(world, tmp_path / "out.png", square=True).shape == (64, 64, 3)
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[:, 32:96] = 255
    assert (stage.fit(picture, 64, multiple=8, square=True) == 255).all()


@pytest.mark.parametrize("shape", [(480, 640), (1080, 1920), (100, 333), (7, 7), (20, 2000)])
def test_sides_are_multiples_and_the_aspect_stays(shape: tuple[int, int]) -> None:
    height, width = stage.fit(np.zeros((*shape, 3), np.uint8), 256, multiple=8).shape[:2]
    assert height % 8 == width % 8 == 0
    tall, wide = (side * 256 / math.sqrt(shape[0] * shape[1]) for side in shape)  # of 256 × 256 pixels in all
    assert abs(height - tall) <= 4
    assert abs(width - wide) <= 4
    assert width / height == pytest.approx(shape[1] / shape[0], rel=4 / height + 4 / width)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(world: Path, tmp_path: Path) -> None:
    one, again, other = (run(world, tmp_path / f"{i}.png", seeds=[seed]) for i, seed in enumerate((1, 1, 2)))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_sheet_holds_the_input_and_every_seed_and_scale(world: Path, tmp_path: Path) -> None:
    sheet = run(world, tmp_path / "sheet.png", seeds=[0, 1], text_guidance=[5, 7.5])
    single = run(world, tmp_path / "single.png", seeds=[1])
    height, width, _ = sheet.shape
    assert height == 2 * (50 + 20 + 6) - 6
    across = (width + 6) // 3
    assert across > 80 + 6  # the label is wider than the edit, and no label reaches into the next column
    assert (sheet[2:18, across - 6 : across] == 255).all()
    assert (sheet[2:18, 2 * across - 6 : 2 * across] == 255).all()
    second_row = 50 + 20 + 6 + 20
    assert (
        np.abs(sheet[second_row : second_row + 50, 2 * across : 2 * across + 80].astype(int) - single).max() <= 1
    )


def test_the_command_makes_a_grid(world: Path, tmp_path: Path) -> None:
    arguments = [world / "model", world / "wide.jpg", "open door", "--out", tmp_path / "grid.png"]
    options = ["--grid", "--resolution", 64, "--steps", 1, "--device", "cpu"]
    result = CliRunner().invoke(main, ["edit", *map(str, (*arguments, *options))])
    assert result.exit_code == 0, result.output
    height, width, _ = cv2.imread(str(tmp_path / "grid.png")).shape  # a column is as wide as its label
    assert (height, (width + 6) % 5) == (3 * 76 - 6, 0)
    assert width > 5 * 86 - 6


def test_what_is_no_picture_is_named(world: Path, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="not a picture"):
        stage.edit(str(world / "model"), str(world / "model/model_index.json"), "x", out=str(tmp_path / "a.png"))
    with pytest.raises(ScoreError, match="not the name of a picture"):
        stage.edit(str(world / "model"), str(world / "wide.jpg"), "x", out=str(tmp_path / "a.gif"))


def test_pictures_of_every_kind_are_read_as_a_browser_shows_them(tmp_path: Path) -> None:
    image = Image.fromarray(np.concatenate([square(32, 32), square(32, 32)], axis=1))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "AVIF", exif=exif)
    assert stage.decode(buffer.getvalue(), name="phone.avif").shape == (128, 64, 3)


def test_an_empty_file_and_a_phones_heic_say_what_to_do() -> None:
    with pytest.raises(ScoreError, match=r"a\.png: an empty file"):
        stage.decode(b"", name="a.png")
    with pytest.raises(ScoreError, match="HEIC must be exported"):
        stage.decode(b"\0\0\0\x18ftypheic", name="a.heic")


def test_a_small_model_says_how_small_its_edit_of_a_photo_is() -> None:
    own = Defaults(64, Sampling("", 100, 1.2, 2.5))
    photo = np.zeros((720, 1280, 3), np.uint8)
    [warning] = stage.size_warnings(own, photo, stage.fit(photo, 64, multiple=4))
    assert (
        warning
        == "the model was trained at 64 pixels, so of this picture of 1280 × 720 it makes an edit of 84 × 48."
    )
    assert list(stage.size_warnings(own, photo[:360, :640], stage.fit(photo[:360, :640], 64, multiple=4)))
    assert list(stage.size_warnings(own, photo[:72, :128], stage.fit(photo[:72, :128], 64, multiple=4))) == []
    large = Defaults(512, Sampling("", 100, 1.2, 2.5))
    assert list(stage.size_warnings(large, photo, stage.fit(photo, 512, multiple=8))) == []


def test_too_little_memory_is_an_error_with_a_cure(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 50.00 MiB.")

    editor = stage.load(str(world / "model"), device="cpu")
    monkeypatch.setattr(stage.editing, "sample", fail)
    with pytest.raises(
        ScoreError, match="not enough memory on cpu for 2 edits at once of 64 × 48: CUDA out"
    ) as info:
        stage.edits(
            editor, [np.zeros((48, 64, 3), np.uint8)], "x", seeds=[0, 1], sampling=editor.defaults.sampling
        )
    assert "fewer seeds" in info.value.cure


def test_other_errors_of_torch_stay_what_they_are(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("shapes do not match")

    editor = stage.load(str(world / "model"), device="cpu")
    monkeypatch.setattr(stage.editing, "sample", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        stage.edits(editor, [np.zeros((48, 64, 3), np.uint8)], "x", seeds=[0], sampling=editor.defaults.sampling)


def test_a_long_run_says_how_long_before_most_of_it_is_done(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = itertools.count()
    monkeypatch.setattr(run_time.time, "perf_counter", lambda: 5 * next(clock))
    out = str(tmp_path / "out.png")
    options: dict[str, object] = {
        "resolution": 64,
        "seeds": [0, 1, 2],
        "text_guidance": [5.0, 7.5],
        "device": "cpu",
    }
    stage.edit(str(world / "model"), str(world / "wide.jpg"), "x", out=out, steps=12, **options)  # type: ignore[arg-type]
    assert "about 2 min for 3 seeds × 2 guidances × 12 steps at 80 × 50 on cpu\n" in capsys.readouterr().err
    stage.edit(str(world / "model"), str(world / "wide.jpg"), "x", out=out, steps=1, **options)  # type: ignore[arg-type]
    assert "about" not in capsys.readouterr().err
