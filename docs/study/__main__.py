"""The study: trains the rows of pipelines/study, holds their edits to the truth, and fills docs/study.md.

    python docs/study cpu --out out/study                     # every row, from the base that ships
    python docs/study cpu --out out/study --rows actions,no-action
    python docs/study autoencoder --out out/base              # trains that base's autoencoder anew; then
    python docs/study base --out out/base                     # the base; --ship puts either in place

The same call again goes on where it stopped, row by row.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import tables
import truth
import yaml
from diffusers import AutoencoderKL
from sizes import RECIPES, ROOT, ROWS, SHIPPED, SIZES, Base

from actionpairs.data import examples
from actionpairs.editors import instruct_pix2pix, tiny
from actionpairs.recipe import load
from actionpairs.stages.eval import COPY, TRUTH, evaluate
from actionpairs.stages.train import train
from actionpairs.storage import Folder
from actionpairs.synthetic.synthetic_shards import SyntheticSet, paint
from actionpairs.training import devices

WEIGHTS = ROOT / "actionpairs/weights/tabletop"


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=(*SIZES, "autoencoder", "base"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=lambda text: text.split(","), default=list(ROWS))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--ship", action="store_true", help="put what was trained into the package")
    asked = parser.parse_args()
    if asked.size == "autoencoder":
        vae = train_autoencoder(SHIPPED, asked.out, device=asked.device)
        if asked.ship:
            vae.half().save_pretrained(WEIGHTS / "vae")
    elif asked.size == "base":
        train_base(SHIPPED, asked.out, device=asked.device)
        if asked.ship:
            ship(asked.out / "base")
    else:
        study(asked.size, asked.out, rows=asked.rows, device=asked.device)


def train_autoencoder(base: Base, out: Path, *, device: str) -> AutoencoderKL:
    """Train the autoencoder that a base's recipe describes, on the base's pictures."""
    for painted in base.sets:
        paint(painted, out=str(out / painted.name))
    pairs = examples.training([Folder(out / painted.name) for painted in base.sets])
    config = load(base.recipe).train
    pictures = np.concatenate(list(examples.read_all(pairs, config.resolution)))
    place = devices.begin(device).device
    return tiny.make_autoencoder(config.model, pictures, seed=config.seed, device=place)


def train_base(base: Base, out: Path, *, device: str) -> str:
    """Train the small editor that knows static edits alone; returns its folder."""
    for painted in base.sets:
        paint(painted, out=str(out / painted.name))
    shards = [str(out / painted.name) for painted in base.sets]
    train(base.recipe, shards=shards, out=str(out / "base"), device=device)
    return str(out / "base")


def ship(base: Path) -> None:
    """Put a trained base into the package at half precision, with its recipe and the digests of its training."""
    made = instruct_pix2pix.load(str(base))
    for part in (made.unet, made.vae, made.text_encoder):
        part.half()
    shutil.rmtree(WEIGHTS, ignore_errors=True)
    made.save(WEIGHTS)
    shutil.copy(base / "manifest.json", WEIGHTS / "training.json")


def study(size: str, out: Path, *, rows: Sequence[str], device: str) -> None:
    """Paint, train and judge each row, then write the tables of what is there."""
    plan = SIZES[size]
    for painted in (*plan.sets, plan.static):
        paint(painted, out=str(out / painted.name))
    base = train_base(plan.base, out, device=device) if plan.base else "tabletop"
    folders = [str(out / painted.name) for painted in plan.sets]
    train(RECIPES / size / "recognizer.yaml", shards=folders, out=str(out / "recognizer"), device=device)
    score("base", base if plan.base else str(WEIGHTS), size, out, device=device)
    tables.write(size, out)
    for row, seed in plan.runs(rows):
        name = f"{row}-seed{seed}"
        recipe = _recipe(out / "recipes" / f"{name}.yaml", RECIPES / size / row, base=base, seed=seed)
        train(recipe, shards=folders, out=str(out / name), device=device)
        score(name, str(out / name), size, out, device=device)
        tables.write(size, out)


def _recipe(path: Path, row: Path, *, base: str, seed: int) -> Path:
    """A row's recipe with its base and its seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"extends": str(row), "train": {"seed": seed, "model": {"source": base}}}))
    return path


def score(name: str, model: str, size: str, out: Path, *, device: str) -> None:
    """Let a model edit every test set, and keep what the truth says of it in OUT/scores."""
    for painted in (*SIZES[size].sets, SIZES[size].static):
        made = _edits(name, model, size, out, painted, device=device)
        answers, scores = truth.Truth(out / painted.name, painted), out / "scores" / painted.name
        contestants = {name: made}
        if name == "base":
            truths = {key: pair[1] for key, pair in answers.pairs.items()}
            contestants[COPY] = {key: pair[0] for key, pair in answers.pairs.items()}
            contestants[TRUTH] = truths
            contestants[tables.ROUND_TRIP] = truth.through_autoencoder(model, truths)
        for model, edits in contestants.items():
            if not (scores / f"{model}.json").exists():
                truth.write(scores / f"{model}.json", answers.judge(edits))


def _edits(
    name: str, model: str, size: str, out: Path, painted: SyntheticSet, *, device: str
) -> dict[str, np.ndarray]:
    """The model's edits of a test set by key, S S 3 RGB, made and scored by `actionpairs eval`."""
    folder = out / "reports" / painted.name / name
    report = evaluate(
        RECIPES / size / "actions.yaml",
        models=[model],
        shards=str(out / painted.name),
        split=painted.test,
        out=str(folder),
        recognizer=None if painted.shown == "static edits" else str(out / "recognizer"),
        device=device,
    )
    pictures = folder / "edits" / report.rows[0].name
    return {
        sample.key: cv2.cvtColor(cv2.imread(str(pictures / f"{sample.key}.png")), cv2.COLOR_BGR2RGB)
        for sample in report.samples
    }


if __name__ == "__main__":
    main()
