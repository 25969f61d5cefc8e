"""train: the same command resumes, ends with the same bytes, and leaves a model that can be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image
from safetensors.torch import load_file

from actionpairs import manifest
from actionpairs.errors import ModelError, StorageError
from actionpairs.stages.train import TrainSummary, train
from actionpairs.storage import Folder
from actionpairs.training import latents, metric_log
from tests.stages.training_runs import EDITOR, UNET, assert_only_attn2_is_frozen, edit, recipe, run
from tests.training.conftest import without_curves as without_curves
from tests.training.squares import SIDE, SIZES, write_squares


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "SQ"
    write_squares(path)
    return path


@pytest.fixture(scope="module")
def whole(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainSummary]:
    """The folder and the summary of an editor that was trained without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    return folder / "model", run(recipe(folder, EDITOR), squares, folder / "model")


def test_runs_share_a_cache_that_stays(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two recipes of the same base, the second without encoding anything; the weights are those of a run alone."""

    def never(*inputs: object, **options: object) -> Iterator[np.ndarray]:
        pytest.fail("encoded again")
        yield

    base, shared = str(whole[0] / "base"), str(tmp_path / "cache")
    section = EDITOR | {"model": {"source": base}}
    changes = {"first": {}, "second": {"learning_rate": 2e-3}, "alone": {"learning_rate": 2e-3}}
    for name, change in changes.items():
        if name == "second":
            monkeypatch.setattr(latents, "_encode_on", never)
        path = recipe(tmp_path, section, **change)
        options = {} if name == "alone" else {"cache": shared}
        if name == "alone":
            monkeypatch.undo()
        train(path, shards=[str(squares)], out=str(tmp_path / name), device="cpu", **options)
        assert not (tmp_path / name / "cache").exists()
    assert any(Path(shared).glob("latents-*.npy"))
    second, alone, first = ((tmp_path / name / UNET).read_bytes() for name in ("second", "alone", "first"))
    assert second == alone != first


def test_a_finished_folder_has_the_model_and_its_files(whole: tuple[Path, TrainSummary]) -> None:
    out, summary = whole
    assert (summary.finished, summary.step, summary.counts["pairs"]) == (True, 6, 20)
    assert {"loss", "static", "action", "regularization", "discrimination"} == set(summary.losses)
    assert len(metric_log.load_rows(out / "losses.csv")) == 6
    assert {path.name for path in (out / "samples").iterdir()} == {"step-000003.png", "step-000006.png"}
    assert Image.open(out / "curves.png").width > 500
    assert summary.pictures == (str(out / "curves.png"), str(out / "samples"))
    card = (out / "README.md").read_text()
    assert "4 actions" in card
    assert "attn2" in card
    assert "running average (EMA)" in card
    digest = manifest.load(Folder(out), stage="train").inputs["shards 0"]
    assert f"- shards 0: `{digest}`" in card
    assert "steps: 6" in card
    for name in ("cache", "checkpoints", ".model", ".base", ".lock"):
        assert not (out / name).exists()


def test_the_manifest_names_every_published_file_and_no_log(whole: tuple[Path, TrainSummary]) -> None:
    files = manifest.load(Folder(whole[0]), stage="train").files
    assert {UNET, "model_index.json", "README.md", "curves.png", "recipe.json", f"base/{UNET}"} <= set(files)
    assert not any(name.startswith(("tensorboard", "losses")) for name in files)


@pytest.mark.parametrize("folder", [".", "base"])
def test_the_folder_opens_in_diffusers_and_edits(whole: tuple[Path, TrainSummary], folder: str) -> None:
    assert edit(whole[0] / folder).size == (SIDE, SIDE)


def test_frozen_tensors_keep_their_bits_and_the_others_do_not(whole: tuple[Path, TrainSummary]) -> None:
    assert_only_attn2_is_frozen(whole[0])
    for part in ("vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        assert (whole[0] / part).read_bytes() == (whole[0] / "base" / part).read_bytes()


def test_an_interrupted_run_ends_with_the_same_bytes(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    path = recipe(tmp_path, EDITOR)
    first = run(path, squares, tmp_path / "model", stop_after=3)
    assert (first.finished, first.step) == (False, 3)
    assert not (tmp_path / "model" / manifest.MANIFEST_FILE).exists()
    assert run(path, squares, tmp_path / "model").finished
    for name in (UNET, "README.md", "curves.png", "samples/step-000006.png"):
        assert (tmp_path / "model" / name).read_bytes() == (whole[0] / name).read_bytes()


def test_a_finished_run_is_not_done_again(whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path) -> None:
    written = (whole[0] / UNET).stat().st_mtime_ns
    again = run(recipe(tmp_path, EDITOR), squares, whole[0])
    assert again == whole[1]
    assert (whole[0] / UNET).stat().st_mtime_ns == written


def test_a_folder_of_another_recipe_is_refused(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match=r"made (by another recipe|from other inputs)"):
        run(recipe(tmp_path, EDITOR, seed=1), squares, whole[0])


@pytest.mark.usefixtures("without_curves")
def test_an_editor_folder_is_what_another_run_can_start_from(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    """Without EMA, frozen parts and further terms: every ablation is one key of the recipe."""
    path = recipe(
        tmp_path,
        EDITOR,
        model={"source": str(whole[0])},
        steps=2,
        freeze=[],
        action={"weight": 0},
        regularization={"weight": 0},
        ema_decay=0,
    )
    summary = run(path, squares, tmp_path / "model")
    assert set(summary.losses) == {"loss", "static"}
    before, after = load_file(whole[0] / UNET), load_file(tmp_path / "model" / UNET)
    assert not any(torch.equal(before[name], after[name]) for name in after if "attn2" in name)
    assert not (tmp_path / "model/base").exists()
    assert edit(tmp_path / "model").size == (SIDE, SIDE)


@pytest.mark.usefixtures("without_curves")
def test_a_tiny_editor_takes_the_autoencoder_that_the_recipe_names(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    sizes = SIZES.model_dump(mode="json") | {"autoencoder": str(whole[0]), "unet_channels": [16, 16]}
    run(recipe(tmp_path, EDITOR, model=sizes, steps=1), squares, tmp_path / "model")
    vae = "vae/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "model" / vae).read_bytes() == (whole[0] / vae).read_bytes()


@pytest.mark.usefixtures("without_curves")
def test_adapters_train_alone_resume_exactly_and_are_merged_into_the_folder(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    """The merged weights equal those of the base with the adapter file loaded."""
    lora = {"rank": 2, "alpha": 4, "targets": ["attn1.to_q", "attn1.to_out.0"]}
    model = {"source": str(whole[0])}
    path = recipe(tmp_path, EDITOR, model=model, lora=lora, gradient_checkpointing=True, steps=4, sample_every=4)
    summary = run(path, squares, tmp_path / "model")
    assert summary.losses["regularization"] > 0
    assert not run(path, squares, tmp_path / "parts", stop_after=2).finished
    assert run(path, squares, tmp_path / "parts").finished
    for name in (UNET, "lora/pytorch_lora_weights.safetensors", "README.md"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()
    before, after = load_file(whole[0] / UNET), load_file(tmp_path / "model" / UNET)
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed == {name for name in after if any(f"{target}.weight" in name for target in lora["targets"])}
    base = StableDiffusionInstructPix2PixPipeline.from_pretrained(whole[0])
    base.load_lora_weights(tmp_path / "model/lora")
    base.fuse_lora()
    base.unload_lora_weights()
    assert all(torch.allclose(value, after[name], atol=1e-6) for name, value in base.unet.state_dict().items())
    assert edit(tmp_path / "model").size == (SIDE, SIDE)


@pytest.mark.usefixtures("without_curves")
def test_in_bf16_regularization_begins_at_exactly_zero(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    """The frozen model is rounded once, the trained one in every step, to the same numbers."""
    path = recipe(
        tmp_path, EDITOR, model={"source": str(whole[0])}, steps=2, precision="bf16", action={"weight": 0}
    )
    run(path, squares, tmp_path / "model")
    first, second = metric_log.load_rows(tmp_path / "model/losses.csv")
    assert first["regularization"] == 0
    assert second["regularization"] > 0


@pytest.mark.slow
def test_a_compiled_network_in_channels_last_has_the_same_losses(squares: Path, tmp_path: Path) -> None:
    run(recipe(tmp_path, EDITOR, steps=3), squares, tmp_path / "plain")
    run(
        recipe(tmp_path, EDITOR, steps=3, compile=True, cuda_graphs=True, channels_last=True),
        squares,
        tmp_path / "fast",
    )
    plain, fast = (metric_log.load_rows(tmp_path / name / "losses.csv") for name in ("plain", "fast"))
    for one, other in zip(plain, fast, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)
    assert edit(tmp_path / "fast").size == (SIDE, SIDE)


def test_a_missing_model_is_named(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no/such/model"):
        run(recipe(tmp_path, EDITOR, model={"source": "no/such/model"}), squares, tmp_path / "model")


def test_shards_that_are_not_finished_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="`shard` has not finished here"):
        run(recipe(tmp_path, EDITOR), tmp_path / "none", tmp_path / "model")
