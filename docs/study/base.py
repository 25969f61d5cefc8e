"""The static base of the study: its autoencoder, its training, and shipping it with the package."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from diffusers import AutoencoderKL
from sizes import Base

from actionpairs.data import examples
from actionpairs.editors import families, tiny
from actionpairs.recipe import load
from actionpairs.stages.train import train
from actionpairs.storage import Folder
from actionpairs.synthetic.synthetic_shards import SyntheticSet, write_synthetic_shards
from actionpairs.training import devices

WEIGHTS = Path(families.__file__).parents[1] / "weights/tabletop"


def train_autoencoder(base: Base, out: Path, *, device: str) -> AutoencoderKL:
    """Train the autoencoder of a base's recipe on the pictures of the base's sets."""
    pairs = examples.load_train([Folder(folder) for folder in write_sets(base.sets, out)])
    config = load(base.recipe).train
    pictures = np.concatenate(list(examples.iter_pairs(pairs, config.resolution)))
    torch_device = devices.create_accelerator(device).device
    return tiny.make_autoencoder(config.model, pictures, seed=config.seed, device=torch_device)


def train_base(recipe: Path, folders: Sequence[str], out: Path, *, device: str) -> None:
    """Train the small editor on static edits only, into OUT/base."""
    train(recipe, shards=folders, out=str(out / "base"), device=device)


def ship(base: Path) -> None:
    """Save a trained base into the package in half precision, with the manifest of its training."""
    editor = families.load(str(base))
    for part in [editor.denoiser, *editor.encoders()]:
        part.half()
    shutil.rmtree(WEIGHTS, ignore_errors=True)
    editor.save(WEIGHTS)
    shutil.copy(base / "manifest.json", WEIGHTS / "training.json")
    shutil.copy(base / "recipe.json", WEIGHTS / "recipe.json")


def write_sets(specs: Sequence[SyntheticSet], out: Path) -> list[str]:
    """Render synthetic sets. Returns their shards folders."""
    folders = [str(out / spec.name) for spec in specs]
    for spec, folder in zip(specs, folders, strict=True):
        write_synthetic_shards(spec, out=folder)
    return folders
