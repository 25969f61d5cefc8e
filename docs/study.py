"""The study: trains the rows of pipelines/study, holds their edits to the truth, and fills docs/study.md.

    python docs/study.py cpu --out out/study                     # every row, from the base that ships
    python docs/study.py cpu --out out/study --rows actions,no-action
    python docs/study.py autoencoder --out out/base              # trains that base's autoencoder anew; then
    python docs/study.py base --out out/base                     # the base; --ship puts either in place

The same call again goes on where it stopped, row by row.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml
from diffusers import AutoencoderKL
from scipy.stats import spearmanr

from actionpairs import tabletop
from actionpairs.learning import devices, editor, examples, tiny
from actionpairs.recipe import load
from actionpairs.stages.eval import COPY, TRUTH, evaluate
from actionpairs.stages.painted import ACTIONS_PER_SCENE, FRAME_RATE, PaintedSet, paint
from actionpairs.stages.train import train
from actionpairs.storage import Folder
from actionpairs.tabletop import Outcome

ROOT = Path(__file__).parents[1]
RECIPES, PAGE, WEIGHTS = ROOT / "pipelines/study", ROOT / "docs/study.md", ROOT / "actionpairs/weights/tabletop"
HELD_BACK = (("take", "bowl"), ("put", "box"), ("move-left", "cup"), ("move-right", "plate"))
ROWS = (
    "actions", "static-only", "no-action", "no-reg", "unfrozen",
    "hinge", "negated", "action-weight-1", "reg-weight-1",
)  # fmt: skip
ROUND_TRIP = "the real last frame through the autoencoder"


@dataclass(frozen=True, slots=True)
class Base:
    """How the model that every row starts from is trained, and on what."""

    recipe: Path
    sets: tuple[PaintedSet, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a study is. static: edits that show what was forgotten. base: null takes the one that ships."""

    sets: tuple[PaintedSet, ...]
    static: PaintedSet
    seeds: tuple[int, ...]
    base: Base | None


def _base(recipe: str, scenes: int, side: int) -> Base:
    """Static edits under both cameras, twice as many under the one that stands still."""
    return Base(
        RECIPES / recipe,
        (
            PaintedSet("static-LC", "fixed", "static edits", scenes, 8, side, 11),
            PaintedSet("static-HC", "head", "static edits", scenes // 2, 8, side, 15),
        ),
    )


SHIPPED = _base("base.yaml", 1600, 64)
SIZES = {
    "cpu": Size(
        (PaintedSet("LC", "fixed", "actions", 240, 12, 64, 12, HELD_BACK),),
        PaintedSet("static", "fixed", "static edits", 1, 40, 64, 21),
        seeds=(0,),
        base=None,
    ),
    "gpu": Size(
        (
            PaintedSet("LC", "fixed", "actions", 2000, 40, 128, 12, HELD_BACK),
            PaintedSet("HC", "head", "actions", 2000, 40, 128, 13, HELD_BACK),
        ),
        PaintedSet("static", "fixed", "static edits", 1, 80, 128, 21),
        seeds=(0, 1, 2),
        base=_base("gpu/base.yaml", 12000, 128),
    ),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One edit, held to the truth."""

    key: str
    verb: str
    noun: str
    progress: float
    kept: float


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
    made = editor.load(str(base))
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
    train(RECIPES / size / "recogniser.yaml", shards=folders, out=str(out / "recogniser"), device=device)
    score("base", base if plan.base else str(WEIGHTS), size, out, device=device)
    for seed in plan.seeds:
        for row in rows:
            name = f"{row}-seed{seed}"
            recipe = _recipe(out / "recipes" / f"{name}.yaml", RECIPES / size / row, base=base, seed=seed)
            train(recipe, shards=folders, out=str(out / name), device=device)
            score(name, str(out / name), size, out, device=device)
            write_tables(size, out)


def _recipe(path: Path, row: Path, *, base: str, seed: int) -> Path:
    """A row's recipe with its base and its seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"extends": str(row), "train": {"seed": seed, "model": {"source": base}}}))
    return path


def score(name: str, model: str, size: str, out: Path, *, device: str) -> None:
    """Let a model edit every test set, and keep what the truth says of it in OUT/scores."""
    for painted in (*SIZES[size].sets, SIZES[size].static):
        recogniser = None if painted.shown == "static edits" else str(out / "recogniser")
        folder = out / "reports" / painted.name / name
        report = evaluate(
            RECIPES / size / "actions.yaml",
            models=[model],
            shards=str(out / painted.name),
            split=painted.test,
            out=str(folder),
            recogniser=recogniser,
            device=device,
        )
        pairs = _pairs(out, painted)
        made = {
            sample.key: _picture(folder / "edits" / report.rows[0].name / f"{sample.key}.png")
            for sample in report.samples
        }
        _keep(out, painted, name, made)
        if name == "base":
            truths = {key: pair[1] for key, pair in pairs.items()}
            _keep(out, painted, COPY, {key: pair[0] for key, pair in pairs.items()})
            _keep(out, painted, TRUTH, truths)
            _keep(out, painted, ROUND_TRIP, _round_trips(model, truths))


def _keep(out: Path, painted: PaintedSet, name: str, made: dict[str, np.ndarray]) -> None:
    path = out / "scores" / painted.name / f"{name}.json"
    if path.exists():
        return
    judged = []
    for entry in _entries(out, painted):
        outcomes = _outcomes(out, painted)[entry.entry.key]
        if outcomes:
            verdict = tabletop.judge(made[entry.entry.key], outcomes)
            told = entry.entry
            judged.append(Judged(told.key, told.verb, told.noun, verdict.progress, verdict.kept))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in judged], indent=1))


def _entries(out: Path, painted: PaintedSet) -> tuple[examples.Example, ...]:
    return examples.testing([Folder(out / painted.name)])


@cache
def _pairs(out: Path, painted: PaintedSet) -> dict[str, np.ndarray]:
    return {entry.entry.key: examples.read(entry, painted.side) for entry in _entries(out, painted)}


@cache
def _outcomes(out: Path, painted: PaintedSet) -> dict[str, list[Outcome]]:
    """The right answers to every test sample; of a static edit, its own true picture, and none where it is open
    where a thing is added."""
    if painted.shown == "actions":
        return {
            told.id: outcomes
            for scene in range(painted.scenes, painted.scenes + painted.test_scenes)
            for told, outcomes in tabletop.paint_outcomes(
                camera=painted.camera, actions=ACTIONS_PER_SCENE, seed=painted.seed, index=scene,
                size=(painted.side, painted.side), frame_rate=FRAME_RATE,
            )
        }  # fmt: skip
    found = {}
    for entry in _entries(out, painted):
        before, after = _pairs(out, painted)[entry.entry.key]
        changed = tabletop.differ(before, after)
        is_open = entry.entry.verb == "add" or changed.sum() < 6
        found[entry.entry.key] = [] if is_open else [Outcome(before, after, (changed,))]
    return found


@torch.no_grad()
def _round_trips(model: str, pictures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the autoencoder alone makes of pictures: no edit can be better."""
    vae = editor.load(model).vae
    signed = examples.to_signed(np.stack(list(pictures.values())), torch.device("cpu"))
    back = vae.decode(vae.encode(signed).latent_dist.mode()).sample
    pixels = ((back / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return dict(zip(pictures, pixels, strict=True))


def _picture(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def write_tables(size: str, out: Path) -> None:
    """Put the tables between docs/study.md's marks."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in (("truth", _truth_table(size, out)), ("trust", _trust_table(size, out))):
        marks = f"<!-- {size} {name} -->", f"<!-- end of {size} {name} -->"
        text = re.sub(f"{marks[0]}.*?{marks[1]}", lambda _: f"{marks[0]}\n{table}\n{marks[1]}", text, flags=re.S)  # noqa: B023
    PAGE.write_text(text, encoding="utf-8")


def _truth_table(size: str, out: Path) -> str:
    """Per set and row: how many actions are done, on all, on combinations that training had and had not, the
    mean progress, and what else was kept."""
    lines = [
        "| set | row | n | done % | 95 % | of seen | of held-back | progress | kept % |",
        "|---|---|" + "---:|" * 7,
    ]
    for painted in (*SIZES[size].sets, SIZES[size].static):
        for path in sorted((out / "scores" / painted.name).glob("*.json")):
            judged = [Judged(**one) for one in json.loads(path.read_text())]
            held = [one for one in judged if (one.verb, one.noun) in HELD_BACK]
            seen = [one for one in judged if (one.verb, one.noun) not in HELD_BACK]
            low, high = _interval(judged)
            lines.append(
                f"| {painted.name} | {path.stem} | {len(judged)} | {_done(judged)} | {low:.0f} to {high:.0f} "
                f"| {_done(seen)} | {_done(held)} | {np.mean([one.progress for one in judged]):.2f} "
                f"| {100 * np.mean([one.kept for one in judged]):.1f} |"
            )
    return "\n".join(lines)


def _done(judged: Sequence[Judged]) -> str:
    return f"{100 * np.mean([one.progress >= 0.5 for one in judged]):.1f}" if judged else "–"


def _interval(judged: Sequence[Judged]) -> tuple[float, float]:
    """Wilson's 95 % interval of the share done, in per cent."""
    n, p, z = len(judged), float(np.mean([one.progress >= 0.5 for one in judged])), 1.96
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 100 / (1 + z * z / n)
    return scale * (middle - half), scale * (middle + half)


def _trust_table(size: str, out: Path) -> str:
    """Per score of a report: its rank correlation with the true progress, over all edits of all rows."""
    values: dict[str, list[tuple[float, float]]] = {}
    for painted in SIZES[size].sets:
        for path in sorted((out / "scores" / painted.name).glob("*-seed*.json")):
            progress = {one["key"]: one["progress"] for one in json.loads(path.read_text())}
            report = _report(out / "reports" / painted.name / path.stem)
            for edit in report["rows"][0]["edits"]:
                for name, value in edit["values"].items():
                    if edit["key"] in progress and np.isfinite(value):
                        values.setdefault(name, []).append((value, progress[edit["key"]]))
    lines = ["| score | edits | Spearman's ρ with the true progress |", "|---|---:|---:|"]
    for name, pairs in values.items():
        lines.append(f"| {name} | {len(pairs)} | {spearmanr(*np.array(pairs).T).statistic:.2f} |")
    return "\n".join(lines)


def _report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


if __name__ == "__main__":
    main()
