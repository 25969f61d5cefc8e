"""A tiny editor to start from, built from nothing on the training pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from actionpairs.configs import EditorConfig, TinyModel
from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.editors import families, tiny
from actionpairs.editors.editor import Editor
from actionpairs.training import checkpoints
from actionpairs.training.run import TrainRun

BASE_FOLDER = "base"


def base_folder(run: TrainRun, config: EditorConfig, sizes: TinyModel, pairs: Sequence[Example]) -> Path:
    """The folder of the tiny editor before training: OUT/base. It is built once."""
    path = run.out / BASE_FOLDER
    if not path.exists():
        built = _build(run, sizes, pairs, resolution=config.resolution, seed=config.seed)
        built.save(run.out / ".base")
        checkpoints.publish(run.out / ".base", path)
    return path


def _build(run: TrainRun, sizes: TinyModel, pairs: Sequence[Example], *, resolution: int, seed: int) -> Editor:
    """Build a tiny editor. Its autoencoder is trained on the pairs, unless the recipe names one."""
    device = run.accelerator.device
    if sizes.autoencoder is not None:
        vae = families.load_autoencoder(sizes.autoencoder).to(device)
    else:
        pictures = np.concatenate(list(examples.iter_pairs(pairs, resolution, workers=run.workers)))
        vae = tiny.make_autoencoder(sizes, pictures, seed=seed, device=device)
    texts = [pair.entry.instruction for pair in pairs]
    return families.build_tiny(sizes, vae, texts, resolution=resolution, seed=seed)
