"""Released classifiers of every family: the same logits as by transformers, and no fault is passed over."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEImageProcessorPil

from actionpairs.errors import ModelError
from actionpairs.recognition import families
from actionpairs.recognition.recognizer import Recognizer, Sizes
from tests.recognition.tiny import FRAMES, SIDE, SSV2, as_published, pictures, released, save

EVERY = pytest.mark.parametrize("family", sorted(families.FAMILIES))
MEAN, STD = (0.45, 0.4, 0.35), (0.225, 0.25, 0.275)
SIZES = Sizes(resolution=SIDE, frames=4, patch_size=8, width=24, layers=1, heads=2)


def in_numpy(picture: np.ndarray, *, short: int) -> np.ndarray:
    """What a processor makes of a picture, step by step: 3 S S float64."""
    height, width = picture.shape[:2]
    scale = short / min(height, width)
    resized = Image.fromarray(picture).resize((int(width * scale), int(height * scale)), Image.Resampling.BILINEAR)
    top, left = (resized.height - SIDE) // 2, (resized.width - SIDE) // 2
    cut = np.asarray(resized)[top : top + SIDE, left : left + SIDE]
    return ((cut / 255 - np.array(MEAN)) / np.array(STD)).transpose(2, 0, 1)


@EVERY
def test_logits_are_those_of_transformers_on_the_same_clip(family: str, tmp_path: Path) -> None:
    """The clip is made in NumPy: half of its frames are the first picture, half the last."""
    model, originals, edits = released(family), *pictures()
    loaded = families.load(save(model, tmp_path, **as_published(MEAN, STD)))
    short = int(SIDE * 256 / 224) if family == "vjepa2" else SIDE
    half = FRAMES[family] // 2
    clips = [
        [in_numpy(one, short=short)] * half + [in_numpy(other, short=short)] * half
        for one, other in zip(originals, edits, strict=True)
    ]
    with torch.no_grad():
        expected = model(torch.tensor(np.array(clips), dtype=torch.float32)).logits.numpy()
    assert np.allclose(loaded.predict(originals, edits), expected, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0.01  # the pictures matter
    assert (loaded.actions, loaded.is_ours, loaded.family.model_type) == (SSV2, False, family)


def test_preprocessing_is_that_of_the_processor_of_transformers(tmp_path: Path) -> None:
    """VideoMAEImageProcessorPil, which every published file of both families names, runs without torchvision."""
    values = as_published(MEAN, STD, short=37)
    loaded = families.load(save(released("videomae"), tmp_path, **values))
    processor = VideoMAEImageProcessorPil(
        **{name: values[name] for name in values if name != "image_processor_type"}
    )
    for shape in ((48, 70), (71, 40), (37, 37), (20, 33)):
        both = pictures(1, shape)
        expected = processor([one[0] for one in both], return_tensors="np")["pixel_values"][0]
        resized = torch.from_numpy(np.concatenate([loaded.preprocessing.resize(one) for one in both]))
        assert np.allclose(loaded.preprocessing.normalize(resized).numpy(), expected, atol=1e-6)


def test_vjepa_2_sees_what_torch_resizes_with_antialias(tmp_path: Path) -> None:
    """Its processor needs torchvision; torch's own filter differs by the rounding of uint8 alone."""
    loaded = families.load(save(released("vjepa2"), tmp_path, **as_published(MEAN, STD, short=36)))
    [picture], _ = pictures(1)
    as_floats = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    wide = F.interpolate(as_floats, size=(36, 52), mode="bilinear", antialias=True)[0].permute(1, 2, 0)
    resized = loaded.preprocessing.resize(picture[None])[0].astype(float)
    assert np.abs(resized - wide.numpy()[2:34, 10:42]).max() <= 1.01


@EVERY
def test_the_last_layer_makes_logits_of_the_features(family: str, tmp_path: Path) -> None:
    model = released(family)
    loaded, both = families.load(save(model, tmp_path)), pictures()
    with torch.no_grad():
        logits = model.classifier(torch.from_numpy(loaded.features(*both))).numpy()
    assert np.allclose(logits, loaded.predict(*both), atol=1e-5)


@EVERY
def test_one_that_is_built_is_saved_and_loaded_unchanged(family: str, tmp_path: Path) -> None:
    built = families.build(["open", "close", "move"], SIZES, seed=0, family=family)
    built.model.eval()
    built.save(tmp_path)
    loaded, both = families.load(str(tmp_path)), pictures(20)
    assert np.array_equal(loaded.predict(*both), built.predict(*both))
    assert (loaded.actions, loaded.is_ours) == (("open", "close", "move"), True)
    assert loaded.preprocessing == built.preprocessing
    forth, back = built.predict(*both), built.predict(*both[::-1])
    assert np.abs(forth - back).max() > 1e-4  # the order of the pictures matters


def test_other_programs_find_how_pictures_are_normalized(tmp_path: Path) -> None:
    families.build(["open", "close"], SIZES, seed=0, family="videomae").save(tmp_path)
    processor = VideoMAEImageProcessorPil.from_pretrained(tmp_path)
    pixels = processor([np.full((SIDE, SIDE, 3), 255, np.uint8)], return_tensors="np")["pixel_values"]
    assert pixels.shape[-2:] == (SIDE, SIDE)
    assert np.allclose(pixels, 1)


@EVERY
def test_another_order_of_the_files_labels_is_the_same_recognizer(family: str, tmp_path: Path) -> None:
    """JSON has no order: number 10 stands before 2 where a program sorts its keys."""
    labels = tuple(f"action {number}" for number in range(12))
    folder = save(released(family, labels), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["id2label"] = dict(sorted(config["id2label"].items()))
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert families.load(folder).actions == labels


@EVERY
def test_fine_tuning_keeps_the_body_and_gets_a_new_last_layer(family: str, tmp_path: Path) -> None:
    """Also where the released classes are as many as ours: transformers would keep its last layer for them."""
    model = released(family)
    folder = save(model, tmp_path, **as_published(MEAN, STD))
    started = start(folder, [f"ours {number}" for number in range(len(SSV2))], frames=FRAMES[family])
    old, new = model.state_dict(), started.model.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old if not name.startswith("classifier."))
    assert not torch.equal(old["classifier.weight"], new["classifier.weight"])
    assert (started.preprocessing.mean, started.preprocessing.std) == (MEAN, STD)
    assert started.actions[0] == "ours 0"


def start(
    folder: str, actions: list[str], *, frames: int, side: int = SIDE, family: str | None = None
) -> Recognizer:
    return families.from_pretrained(folder, actions, resolution=side, frames=frames, seed=0, family=family)


def test_pretrained_weights_without_a_classifier_can_be_fine_tuned_and_not_scored(tmp_path: Path) -> None:
    """MCG-NJU/videomae-base and facebook/vjepa2-vitl-fpc64-256 are such."""
    released("vjepa2").vjepa2.save_pretrained(tmp_path / "vjepa2")
    small = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    decoder = {f"decoder_{name}": value for name, value in small.items()}
    sizes = {"image_size": SIDE, "patch_size": 8, "use_mean_pooling": False}
    VideoMAEForPreTraining(VideoMAEConfig(**small, **decoder, **sizes)).save_pretrained(tmp_path / "videomae")
    for name in ("vjepa2", "videomae"):
        assert start(str(tmp_path / name), ["open", "close"], frames=16).actions == ("open", "close")
        with pytest.raises(ModelError, match=r"lacks \d+ of its weights, such as classifier.bias"):
            families.load(str(tmp_path / name))


def test_only_v_jepa_2_takes_other_clips_than_it_was_released_for(tmp_path: Path) -> None:
    for family, frames in FRAMES.items():
        folder = save(released(family), tmp_path / family)
        if family == "vjepa2":
            started = start(folder, ["open", "close"], frames=4, side=48)
            assert (started.clip.frames, started.clip.side) == (4, 48)
            assert started.predict(*pictures()).shape == (3, 2)
        else:
            with pytest.raises(ModelError, match=rf"takes {frames} frames of 32; the recipe says 4 of 32"):
                start(folder, ["open", "close"], frames=4)


def test_a_family_that_the_recipe_does_not_mean_is_refused(tmp_path: Path) -> None:
    folder = save(released("videomae"), tmp_path)
    with pytest.raises(ModelError, match="its model_type is videomae; the recipe says `family: vjepa2`"):
        start(folder, ["open"], frames=16, family="vjepa2")


def test_other_networks_are_refused_with_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vivit"}')
    with pytest.raises(ModelError, match="its model_type is 'vivit'; known are timesformer, videomae, vjepa2"):
        families.load(str(tmp_path))
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="not a recognizer: it has no config"):
        families.load(str(tmp_path))


def rewrite(folder: Path, change: Any) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


@EVERY
def test_gaps_in_the_weights_are_errors_and_not_random_numbers(family: str, tmp_path: Path) -> None:
    folder = save(released(family), tmp_path)
    rewrite(tmp_path, lambda weights: weights.pop(sorted(weights)[-1]))
    with pytest.raises(ModelError, match="lacks 1 of its weights"):
        families.load(folder)


def test_biases_under_their_released_names_are_read_and_unknown_names_refused(tmp_path: Path) -> None:
    """Published VideoMAE files call them q_bias and v_bias; the first transformers 5 read zeros in silence."""
    model = released("videomae")
    folder = save(model, tmp_path)
    old = "videomae.encoder.layer.0.attention.attention.q_bias"
    assert old in load_file(tmp_path / "model.safetensors")
    bias = families.load(folder).model.videomae.encoder.layer[0].attention.attention.query.bias
    assert bias.abs().max() > 0.1
    assert torch.equal(bias, model.videomae.encoder.layer[0].attention.attention.query.bias)
    rewrite(tmp_path, lambda weights: weights.update({"videomae.encoder.layer.0.some_bias": weights[old].clone()}))
    with pytest.raises(ModelError, match=r"other weights than .* 1 of its weights, such as videomae.*some_bias"):
        families.load(folder)


def test_pickled_weights_are_read_and_pickled_code_does_not_run(tmp_path: Path) -> None:
    """facebook/timesformer-base-finetuned-ssv2 has a pytorch_model.bin and no .safetensors."""
    model = released("timesformer")
    folder = save(model, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    both = pictures()
    assert families.load(folder).predict(*both).shape == (3, len(SSV2))

    class Code:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "it ran"),)

    torch.save({**model.state_dict(), "code": Code()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="not a TimeSformer that can be loaded"):
        families.load(folder)
    assert not (tmp_path / "it ran").exists()


@EVERY
def test_weights_of_half_precision_are_computed_with_in_single(family: str, tmp_path: Path) -> None:
    both, model = pictures(), released(family)
    whole = families.load(save(model, tmp_path / "single")).predict(*both)
    half = families.load(save(model.half(), tmp_path / "half"))
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float32}
    assert np.allclose(half.predict(*both), whole, atol=0.05)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"crop_size": {"height": 224, "width": 224}}, "it makes pictures of 224×224, the model takes 32×32"),
        ({"do_center_crop": False}, "without a center crop, pictures keep their own aspect"),
        ({"size": {"shortest_edge": 20}}, "it resizes to 20 pixels, fewer than the 32"),
        ({"size": {"max_pixels": 9}}, "`size` is {'max_pixels': 9}"),
        ({"rescale_factor": 1.0}, "it scales pixels by 1, not by 1/255"),
    ],
)
def test_preprocessing_that_does_not_fit_the_model_is_refused(
    change: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    """timesformer-hr-finetuned-ssv2 was published with a crop of 224 for a model of 448."""
    folder = save(released("timesformer"), tmp_path, **{**as_published(MEAN, STD), **change})
    with pytest.raises(ModelError) as caught:
        families.load(folder)
    assert problem in caught.value.message


def test_a_squashed_and_an_unnormalized_model_are_read_as_they_say(tmp_path: Path) -> None:
    values = {"size": {"height": SIDE, "width": SIDE}, "do_center_crop": False, "do_normalize": False}
    loaded = families.load(save(released("timesformer"), tmp_path, **{**as_published(MEAN, STD), **values}))
    [picture], _ = pictures(1)
    expected = np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    resized = loaded.preprocessing.resize(picture[None])
    assert np.array_equal(resized[0], expected)
    assert np.allclose(loaded.preprocessing.normalize(torch.from_numpy(resized))[0, 0], expected[..., 0] / 255)


def test_heads_without_room_for_positions_are_refused() -> None:
    with pytest.raises(ModelError, match="a width of 16 gives 4 heads 4"):
        families.build(["open"], Sizes(SIDE, 4, 8, 16, 1, 4), seed=0, family="vjepa2")
