"""The study: trains the rows of pipelines/study, scores their edits, and writes the tables of docs/study.md.

    python docs/study cpu --out out/study                     # all rows, starting from the base that ships
    python docs/study cpu --out out/study --rows actions,no-action
    python docs/study autoencoder --out out/base              # train that base's autoencoder again, then
    python docs/study base --out out/base                     # the base; --ship copies the result into the package

Run the same command again to continue after an interruption: finished rows are skipped.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import scoring
import tables
import yaml
from diffusers import AutoencoderKL
from sizes import RECIPES, ROOT, ROWS, SHIPPED, SIZES, Base

from actionpairs.data import examples
from actionpairs.editors import families, tiny
from actionpairs.evaluation.records import COPY, TRUTH
from actionpairs.recipe import load
from actionpairs.stages.eval import evaluate
from actionpairs.stages.train import train
from actionpairs.storage import Folder
from actionpairs.synthetic.synthetic_shards import SyntheticSet, write_synthetic_shards
from actionpairs.training import devices

WEIGHTS = ROOT / "actionpairs/weights/tabletop"


def main() -> None:
    """Parse the command line and run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "size", choices=(*SIZES, "autoencoder", "base"), help="a study of this size, or a part of the base"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for sets, models, reports and scores")
    parser.add_argument("--rows", type=lambda text: text.split(","), default=list(ROWS), help="names, with commas")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--ship", action="store_true", help="copy the trained model into the package")
    options = parser.parse_args()
    if options.size == "autoencoder":
        vae = train_autoencoder(SHIPPED, options.out, device=options.device)
        if options.ship:
            vae.half().save_pretrained(WEIGHTS / "vae")
    elif options.size == "base":
        train_base(SHIPPED, options.out, device=options.device)
        if options.ship:
            ship(options.out / "base")
    else:
        study(options.size, options.out, rows=options.rows, device=options.device)


def train_autoencoder(base: Base, out: Path, *, device: str) -> AutoencoderKL:
    """Train the autoencoder of a base's recipe on the pictures of the base's sets."""
    pairs = examples.load_train([Folder(folder) for folder in _write_sets(base.sets, out)])
    config = load(base.recipe).train
    pictures = np.concatenate(list(examples.iter_pairs(pairs, config.resolution)))
    torch_device = devices.create_accelerator(device).device
    return tiny.make_autoencoder(config.model, pictures, seed=config.seed, device=torch_device)


def train_base(base: Base, out: Path, *, device: str) -> str:
    """Train the small editor on static edits only. Returns its folder."""
    train(base.recipe, shards=_write_sets(base.sets, out), out=str(out / "base"), device=device)
    return str(out / "base")


def ship(base: Path) -> None:
    """Save a trained base into the package in half precision, with the manifest of its training."""
    editor = families.load(str(base))
    for part in [editor.denoiser, *editor.encoders()]:
        part.half()
    shutil.rmtree(WEIGHTS, ignore_errors=True)
    editor.save(WEIGHTS)
    shutil.copy(base / "manifest.json", WEIGHTS / "training.json")
    shutil.copy(base / "recipe.json", WEIGHTS / "recipe.json")


def study(size: str, out: Path, *, rows: Sequence[str], device: str) -> None:
    """Render the sets, train and score each row, and write the tables after each."""
    plan = SIZES[size]
    folders = _write_sets(plan.sets, out)
    _write_sets([plan.static], out)
    base = train_base(plan.base, out, device=device) if plan.base else "tabletop"
    train(RECIPES / size / "recognizer.yaml", shards=folders, out=str(out / "recognizer"), device=device)
    score("base", base if plan.base else str(WEIGHTS), size, out, device=device)
    tables.write(size, out)
    for row, seed in plan.runs(rows):
        name = f"{row}-seed{seed}"
        recipe = _write_recipe(out / "recipes" / f"{name}.yaml", RECIPES / size / row, base=base, seed=seed)
        train(recipe, shards=folders, out=str(out / name), device=device)
        score(name, str(out / name), size, out, device=device)
        tables.write(size, out)


def _write_recipe(path: Path, row: Path, *, base: str, seed: int) -> Path:
    """Write a row's recipe with its base and its seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"extends": str(row), "train": {"seed": seed, "model": {"source": base}}}))
    return path


def score(name: str, model: str, size: str, out: Path, *, device: str) -> None:
    """Let a model edit every test set, and save the scores of its edits in OUT/scores."""
    for spec in (*SIZES[size].sets, SIZES[size].static):
        test_set, folder = scoring.TestSet(out / spec.name, spec), out / "scores" / spec.name
        edits_of = {name: _load_edits(name, model, size, out, spec, device=device)}
        if name == "base":
            truths = {key: pair[1] for key, pair in test_set.pairs.items()}
            edits_of[COPY] = {key: pair[0] for key, pair in test_set.pairs.items()}
            edits_of[TRUTH] = truths
            edits_of[tables.RECONSTRUCTION] = scoring.reconstruct(model, truths)
        for row, edits in edits_of.items():
            if not (folder / f"{row}.json").exists():
                scoring.save_scores(folder / f"{row}.json", test_set.score(edits))


def _load_edits(
    name: str, model: str, size: str, out: Path, spec: SyntheticSet, *, device: str
) -> dict[str, np.ndarray]:
    """The model's edits of a test set by key (S S 3 RGB), made and scored by `actionpairs eval`."""
    folder = out / "reports" / spec.name / name
    report = evaluate(
        RECIPES / size / "actions.yaml",
        models=[model],
        shards=str(out / spec.name),
        split=spec.test,
        out=str(folder),
        recognizer=None if spec.kind == "static edits" else str(out / "recognizer"),
        device=device,
    )
    pictures = folder / "predictions" / report.rows[0].name
    return {
        sample.key: cv2.cvtColor(cv2.imread(str(pictures / f"{sample.key}.png")), cv2.COLOR_BGR2RGB)
        for sample in report.samples
    }


def _write_sets(specs: Sequence[SyntheticSet], out: Path) -> list[str]:
    """Render synthetic sets. Returns their shards folders."""
    folders = [str(out / spec.name) for spec in specs]
    for spec, folder in zip(specs, folders, strict=True):
        write_synthetic_shards(spec, out=folder)
    return folders


if __name__ == "__main__":
    main()
