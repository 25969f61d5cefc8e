"""Training of InstructPix2Pix is a plain script: the steps as written here give the same bytes, on any machine.

Of actionpairs, the script uses only the reading of shards, which pairs a step takes, and names of random draws.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline
from safetensors.torch import load_file
from torch import Tensor

from actionpairs.data import examples, rng
from actionpairs.data.batches import EpochOrder, is_sided
from actionpairs.data.examples import Example
from actionpairs.data.negatives import NegativeSampler
from actionpairs.storage import Folder
from tests.stages.training_runs import EDITOR, STATIC_WEIGHED, UNET, recipe, run
from tests.training.squares import SIDE

STEPS, BATCH, RATE, WARMUP, DECAY = 20, 4, 1e-3, 2, 0.9  # of `EDITOR`


@dataclass
class Plain:
    """A variant of the loss, and the recipe's keys that ask for it."""

    form: str = "logistic"
    action: float = 0.1
    regularization: float = 0.1
    negatives: int = 1
    from_batch: bool = False
    frozen: tuple[str, ...] = ("attn2",)
    gamma: float | None = None
    change: float = 0.0
    accumulation: int = 1
    keys: dict[str, Any] = field(default_factory=dict)


VARIANTS = {
    "logistic": Plain(),
    "hinge": Plain(form="hinge", keys={"action": {"form": "hinge"}}),
    "negated": Plain(
        form="negated",
        negatives=2,
        from_batch=True,
        keys={"action": {"form": "negated", "negatives": 2, "drawn_from": "batch"}},
    ),
    "static only": Plain(
        action=0,
        regularization=0,
        negatives=0,
        frozen=(),
        keys={"action": {"weight": 0}, "regularization": {"weight": 0}, "freeze": []},
    ),
    "weighed": Plain(
        gamma=5.0,
        change=10.0,
        accumulation=2,
        keys=STATIC_WEIGHED,
    ),
    "dpo": Plain(form="dpo", keys={"action": {"form": "dpo"}}),
    "nft": Plain(form="nft", keys={"action": {"form": "nft"}}),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Script:
    """The pairs, encoded by the pipeline's own parts, and the batches that are drawn from them."""

    def __init__(self, pipeline: DiffusionPipeline, pairs: Sequence[Example], plain: Plain) -> None:
        self.pairs, self.plain, self.pipeline = pairs, plain, pipeline
        self.order = EpochOrder(tuple(pair.name for pair in pairs), 0, BATCH)
        self.alphas = pipeline.scheduler.alphas_cumprod.float()
        self.scale = pipeline.vae.config.scaling_factor
        self.latents = self._encode()
        texts = sorted({"", *(pair.entry.instruction for pair in pairs)})
        self.texts = dict(zip(texts, self._embed(texts), strict=True))

    @torch.no_grad()
    def _encode(self) -> Tensor:
        """N F 3 C h w, in half precision: of the original the mean, of the edited the mean and the deviation."""
        pictures = np.stack([examples.load_pair(pair, SIDE) for pair in self.pairs])
        both = np.stack([pictures, pictures[:, :, :, ::-1]], 1)  # N F 2 H W 3
        signed = torch.from_numpy(both).permute(0, 1, 2, 5, 3, 4).float() / 127.5 - 1
        posterior = self.pipeline.vae.encode(signed.flatten(0, 2)).latent_dist
        mean, deviation = (each.unflatten(0, both.shape[:3]) for each in (posterior.mean, posterior.std))
        return torch.cat([mean, deviation[:, :, 1:]], 2).half().float()

    @torch.no_grad()
    def _embed(self, texts: list[str]) -> Tensor:
        tokenizer = self.pipeline.tokenizer
        tokens = tokenizer(
            texts,
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        embeddings: Tensor = self.pipeline.text_encoder(tokens.input_ids)[0]
        return embeddings

    def batch(self, step: int, part: slice) -> list[dict[str, Any]]:
        """Some rows of a step. Every draw has a name of its own."""
        rows = self.order.rows(step)
        drawn_from = [self.pairs[row.index].entry for row in rows] if self.plain.from_batch else None
        negatives = NegativeSampler(drawn_from or [pair.entry for pair in self.pairs])
        return [self._row(self.pairs[row.index], row.index, row.epoch, negatives) for row in rows[part]]

    def _row(self, pair: Example, index: int, epoch: int, negatives: NegativeSampler) -> dict[str, Any]:
        entry, name = pair.entry, pair.name
        r = rng.uniform(0, "dropout", epoch, name)
        flipped = not is_sided(entry.instruction) and rng.uniform(0, "flip", epoch, name) < 0.5
        original, mean, deviation = self.latents[index, int(flipped)]
        generator = rng.generator(0, "noise", epoch, name)
        time = int(generator.integers(1000))
        noise, spread = torch.from_numpy(generator.standard_normal((2, *mean.shape), dtype=np.float32))
        wrong: tuple[str, ...] = ()
        if r >= 0.1:
            wrong = negatives.sample(entry, count=self.plain.negatives, seed=0, epoch=epoch, name=name)
        right = entry.instruction if r >= 0.1 else ""
        clean = self.scale * (mean + deviation * spread)
        original = original * float(not 0.05 <= r < 0.15)
        return {"time": time, "noise": noise, "clean": clean, "original": original, "right": right, "wrong": wrong}


def loss_of(script: Script, model: Any, reference: Any, rows: list[dict[str, Any]]) -> Tensor:
    """L_static + λ1·L_action + λ2·L_reg, the mean over the rows."""
    plain, count = script.plain, len(rows)
    clean, noise, original = (torch.stack([row[name] for row in rows]) for name in ("clean", "noise", "original"))
    times = torch.tensor([row["time"] for row in rows])
    alphas = script.alphas[times]
    signal, spread = alphas.sqrt().view(-1, 1, 1, 1), (1 - alphas).sqrt().view(-1, 1, 1, 1)
    inputs, target = torch.cat([signal * clean + spread * noise, original], 1), signal * noise - spread * clean
    lists = [[row["right"] for row in rows]]
    lists += [[row["wrong"][k] if row["wrong"] else row["right"] for row in rows] for k in range(plain.negatives)]

    def predict(network: Any, some: list[list[str]]) -> list[Tensor]:
        texts = torch.cat([torch.stack([script.texts[text] for text in each]) for each in some])
        repeated = inputs.repeat(len(some), 1, 1, 1)
        return list(network(repeated, times.repeat(len(some)), texts).sample.chunk(len(some)))

    passes = [lists[:1], lists[1:]] if plain.form == "hinge" else [lists]
    predictions = [prediction for some in passes for prediction in predict(model, some)]
    with torch.no_grad():
        frozen = predict(reference, lists if plain.form in ("dpo", "nft") else lists[:1])

    def errors(prediction: Tensor, truth: Tensor = target) -> Tensor:
        return (prediction - truth).square().flatten(1).mean(1)

    right, wrong = errors(predictions[0]), [errors(prediction) for prediction in predictions[1:]]
    total = static_loss(plain, right, predictions[0], target, (clean, script.scale * original))
    total = total * (1 if plain.gamma is None else min_snr(alphas, plain.gamma))
    if plain.action:
        if plain.form == "nft":  # β = λ = 1
            action = torch.stack(
                [errors(predictions[0]) + errors(2 * frozen[k] - predictions[k]) for k in range(1, len(lists))]
            )
        else:
            if plain.form == "dpo":
                right = right - errors(frozen[0])
                wrong = [each - errors(base) for each, base in zip(wrong, frozen[1:], strict=True)]
            action = torch.stack([action_loss(plain.form, right, each) for each in wrong])
        counted = torch.tensor([[bool(row["wrong"]) for row in rows]] * plain.negatives)
        action = action.masked_fill(~counted, 0.0).sum(0) / counted.sum(0).clamp(min=1)
        total = total + plain.action * action if plain.form != "hinge" or action.any() else total
    if plain.regularization:
        total = total + plain.regularization * errors(predictions[0], frozen[0])
    assert total.shape == (count,)
    return total.mean()


# 5 parameters: the error, and what it is weighed by
def static_loss(
    plain: Plain, error: Tensor, prediction: Tensor, target: Tensor, latents: tuple[Tensor, Tensor]
) -> Tensor:
    if not plain.change:
        return error
    clean, original = latents
    weights = 1 + plain.change * ((clean - original).square().mean(1, keepdim=True) > 0.25)
    weights = weights / weights.mean((1, 2, 3), keepdim=True)
    return (weights * (prediction - target).square()).flatten(1).mean(1)


def min_snr(alphas: Tensor, gamma: float) -> Tensor:
    ratio = alphas / (1 - alphas)
    return ratio.clamp(max=gamma) / (ratio + 1)


def action_loss(form: str, right: Tensor, wrong: Tensor) -> Tensor:
    """L_action of each row for one wrong text."""
    if form == "negated":
        return -wrong
    if form == "hinge":
        return F.relu(right - wrong + 0.1 * right.detach())
    return F.softplus(1000.0 * (right - wrong)) / 1000.0


def train_plainly(base: Path, pairs: Sequence[Example], plain: Plain) -> dict[str, Tensor]:
    """The averaged weights after all steps."""
    pipeline = DiffusionPipeline.from_pretrained(base)
    model, script = pipeline.unet, Script(pipeline, pairs, plain)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not any(part in name for part in plain.frozen))
    reference = copy.deepcopy(model).requires_grad_(False).eval()
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    averages = [parameter.detach().clone() for parameter in trained]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.01, fused=True)
    size = BATCH // plain.accumulation
    for step in range(STEPS):
        for start in range(0, BATCH, size):
            rows = script.batch(step, slice(start, start + size))
            (loss_of(script, model, reference, rows) / plain.accumulation).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / WARMUP)
        optimizer.step()
        optimizer.zero_grad()
        decay = min(DECAY, (1 + step) / (10 + step)) if step else 0.0
        with torch.no_grad():
            for average, parameter in zip(averages, trained, strict=True):
                average.sub_(average - parameter, alpha=1 - decay)
    with torch.no_grad():
        for average, parameter in zip(averages, trained, strict=True):
            parameter.copy_(average)
    return model.state_dict()


FAST = {"logistic", "dpo"}


@pytest.mark.parametrize(
    "variant", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS]
)
def test_twenty_steps_are_those_of_a_plain_script(
    variant: str, editor_folder: Path, squares: Path, tmp_path: Path, without_curves: None
) -> None:
    plain, out = VARIANTS[variant], tmp_path / "out"
    keys = {"model": {"source": str(editor_folder)}, "steps": STEPS, "checkpoint_every": 20, "sample_every": 20}
    run(recipe(tmp_path, EDITOR, **{**keys, **plain.keys}), squares, out)
    expected = train_plainly(editor_folder, examples.load_train([Folder(squares)]), plain)
    weights = load_file(out / UNET)
    assert weights.keys() == expected.keys()
    assert [name for name in weights if not torch.equal(weights[name], expected[name])] == []
    assert math.isfinite(sum(float(weight.sum()) for weight in weights.values()))
