"""All families of recognizers: which one a folder is of, and how one is built, started from and loaded."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from actionpairs.data import rng
from actionpairs.errors import ModelError, one_line
from actionpairs.model_files import hub, sources
from actionpairs.recognition import calibration, preprocessing
from actionpairs.recognition.preprocessing import SIGNED, Preprocessing
from actionpairs.recognition.recognizer import ClipShape, Model, Recognizer, RecognizerFamily, Sizes, is_ours
from actionpairs.recognition.timesformer import TimeSformer
from actionpairs.recognition.videomae import VideoMAE
from actionpairs.recognition.vjepa2 import VJepa2

FAMILIES: Mapping[str, RecognizerFamily] = {
    family.model_type: family for family in (TimeSformer(), VideoMAE(), VJepa2())
}
DEFAULT = TimeSformer.model_type  # what is built from nothing where nothing is named
_SMALL_FILES = ("config.json", *preprocessing.FILES, calibration.FILE, "manifest.json", "*.index.json")
_SEED_PURPOSE = "recogniser"  # another word would draw other first weights
_CURE = "Give a folder that `train` wrote, or a folder or hub id of a video classifier of transformers."


def locate(source: str) -> Path:
    """The folder of a recognizer on this machine; of a hub id, its config and weights are downloaded.

    Weights are taken as .safetensors if there are any, else as .bin, whose pickle is opened for weights only.
    Raises ModelError.
    """
    path = sources.locate(source)
    if path is not None:
        return path
    names = hub.names(source)
    if names is None:
        return hub.snapshot(source, None)
    has_safetensors = any("/" not in name and name.endswith(".safetensors") for name in names)
    weights = "model*.safetensors" if has_safetensors else "pytorch_model*.bin"
    return hub.snapshot(source, [*_SMALL_FILES, weights])


def build(actions: Sequence[str], sizes: Sizes, *, seed: int, family: str = DEFAULT) -> Recognizer:
    """A recognizer with random weights. family: as config.json names it in `model_type`."""
    kind = FAMILIES[family]
    kind.check(sizes)
    config = kind.config(sizes, input=sizes.input, **_labels(actions))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, _SEED_PURPOSE))
        model = kind.model_class(config)
        kind.prepare(model, has_random_weights=True)
    return Recognizer(model, tuple(actions), kind, Preprocessing(sizes.resolution, *SIGNED), is_ours=True)


# 6 parameters: where from, which classes, which clips, and what must be the same again
def from_pretrained(
    source: str, actions: Sequence[str], *, resolution: int, frames: int, seed: int, family: str | None = None
) -> Recognizer:
    """A recognizer with released weights and a new last layer for these actions, ready for fine-tuning.

    family: the one that it must be of. Raises ModelError if there are no such weights, or they are for clips of
    another size.
    """
    folder = locate(source)
    kind = _family(folder, source, expected=family)
    clip = ClipShape(frames, resolution)
    options = {} if kind.keeps_position else kind.other_clip(clip)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, _SEED_PURPOSE))
        model = _load_model(kind, folder, source, new_head=True, **options, **_labels(actions))
        # Where the released classes are as many as ours, transformers keeps their last layer for our actions.
        nn.init.trunc_normal_(model.classifier.weight, std=model.config.initializer_range)
        nn.init.zeros_(model.classifier.bias)
    own = kind.clip(model.config)
    if own != clip:
        raise ModelError(
            f"{source}: takes {own.frames} frames of {own.side}; the recipe says {frames} of {resolution}.",
            cure="Set `frames` and `resolution` to the model's.",
        )
    mean, std = preprocessing.normalization(preprocessing.load_values(folder), kind.normalization)
    kind.prepare(model, has_random_weights=False)
    model.config.input = "pictures"
    return Recognizer(model, tuple(actions), kind, Preprocessing(resolution, mean, std), is_ours=True)


def load(source: str, *, device: torch.device | str = "cpu") -> Recognizer:
    """Load a recognizer that was trained here, or a released video classifier. Raises ModelError."""
    folder = locate(source)
    kind = _family(folder, source)
    model = _load_model(kind, folder, source, new_head=False).to(device).eval()
    clip, values = kind.clip(model.config), preprocessing.load_values(folder)
    if clip.frames < 2:
        raise ModelError(
            f"{source}: takes clips of one frame, which cannot be two pictures.", cure="Give a model of videos."
        )
    ours = is_ours(model.config, folder)
    if ours:
        made = Preprocessing(clip.side, *preprocessing.normalization(values, SIGNED))
    else:
        made = preprocessing.as_released(
            source, values, clip.side, kind.normalization, resized=kind.resized(clip.side)
        )
    return Recognizer(model, _classes(model, source), kind, made, ours, calibration.load(folder))


def _classes(model: Model, source: str) -> tuple[str, ...]:
    """The names of the classes in the order of the logits: by number, whatever their order in the file."""
    labels = model.config.id2label
    if sorted(labels) != list(range(model.config.num_labels)):
        raise ModelError(
            f"{source}: its config.json does not number its labels from 0 to {model.config.num_labels - 1}.",
            cure="Correct `id2label`: one name for each class.",
        )
    return tuple(str(labels[number]) for number in range(len(labels)))


def _family(folder: Path, source: str, *, expected: str | None = None) -> RecognizerFamily:
    """The family that a folder's config.json names."""
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model_type = values["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{source}: not a recognizer: it has no config.json of transformers.", cure=_CURE
        ) from error
    if model_type not in FAMILIES:
        raise ModelError(
            f"{source}: not a recognizer: its model_type is {model_type!r}; known are {', '.join(FAMILIES)}.",
            cure=_CURE,
        )
    if expected not in {None, model_type}:
        raise ModelError(
            f"{source}: its model_type is {model_type}; the recipe says `family: {expected}`.",
            cure="Leave `family` out, or name a `source` of that family.",
        )
    return FAMILIES[model_type]


def _load_model(kind: RecognizerFamily, folder: Path, source: str, *, new_head: bool, **options: Any) -> Model:
    """A model with all of its weights from the files; with a new head, all but that.

    transformers fills gaps with random weights and passes over weights that it does not know: here, errors.
    """
    try:
        model, info = kind.model_class.from_pretrained(
            folder, output_loading_info=True, ignore_mismatched_sizes=new_head, **options
        )
    except (OSError, ValueError, TypeError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{source}: not a {kind.name} that can be loaded: {one_line(error)}.",
            cure="Check that its folder is whole: config.json, and weights as .safetensors or .bin.",
        ) from error
    lacking = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    foreign = set(info["unexpected_keys"])
    if new_head:
        lacking = {name for name in lacking if not name.startswith(kind.new_parts)}
        foreign = {name for name in foreign if not name.startswith((*kind.new_parts, *kind.other_parts))}
    for names, problem in (
        (lacking, "lacks"),
        (foreign, "has other weights than this version of transformers uses:"),
    ):
        if names:
            raise ModelError(
                f"{source}: {problem} {len(names)} of its weights, such as {min(names)}.",
                cure=f"{_CURE} If it is one, install the newest transformers.",
            )
    return model.float()  # transformers keeps the type of the file; clips are float32


def _labels(actions: Sequence[str]) -> dict[str, dict[int, str] | dict[str, int]]:
    return {
        "id2label": dict(enumerate(actions)),
        "label2id": {action: number for number, action in enumerate(actions)},
    }
