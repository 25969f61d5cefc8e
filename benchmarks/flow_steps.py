"""The two steps of train_flow.py: the package's own, and one in the style of diffusers' script."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import FlowMatchEulerDiscreteScheduler
from peft import LoraConfig
from torch import Tensor

from actionpairs.configs import EditorConfig
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.editors import lora
from actionpairs.editors.editor import Editor
from actionpairs.records import Entry
from actionpairs.storage import Folder
from actionpairs.training.conditionings import Conditionings
from actionpairs.training.diffusion_batches import DiffusionBatches
from actionpairs.training.editor_setup import prepare_denoiser
from actionpairs.training.editor_task import EditorTask
from actionpairs.training.latents import Latents
from actionpairs.training.loss_terms import LossWeights
from actionpairs.training.state import prepare
from actionpairs.training.train import train_step

PAIRS, TEXTS = 16, ("", "action 0", "action 1", "action 2")
Step = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of what is varied."""

    batch: int
    checkpointing: bool

    @property
    def name(self) -> str:
        """As JSON has it."""
        return f"batch{self.batch}{'_checkpointed' * self.checkpointing}"

    def config(self, options: Namespace, *, static: bool) -> EditorConfig:
        """The recipe of our side."""
        weight = {"weight": 0.0 if static else 0.1}
        return EditorConfig.model_validate(
            {
                "task": "editor",
                "model": {"source": options.size},
                "steps": 1_000_000,
                "batch_size": self.batch,
                "learning_rate": 1e-4,
                "warmup_steps": 0,
                "resolution": round(math.sqrt(options.height * options.width)),
                "precision": "bf16",
                "gradient_checkpointing": self.checkpointing,
                "lora": {"rank": options.rank, "alpha": options.rank},
                "ema_decay": 0,
                "conditioning_dropout": 0,
                "action": weight,
                "regularization": weight,
            }
        )


def our_step(editor: Editor, config: EditorConfig, options: Namespace, accelerator: Accelerator) -> Step:
    """The package's own task and training step, on arrays as its caches hold them."""
    prepare_denoiser(editor, config)
    weights = LossWeights.of(config)
    reference = lora.without_adapters(editor.denoiser) if weights.needs_reference else None
    drawn = batches(editor, config, options)
    task = EditorTask(editor, drawn, weights, accelerator=accelerator, reference=reference)
    state = prepare(accelerator, editor.denoiser, config, ema_decay=config.ema_decay)
    return lambda number: train_step(task, state, config, number)


def batches(editor: Editor, config: EditorConfig, options: Namespace) -> DiffusionBatches:
    """Pairs that are names alone, and random latents and embeddings for them."""
    shape = options.height, options.width
    texts = [TEXTS[1 + number % (len(TEXTS) - 1)] for number in range(PAIRS)]
    pairs = [Example(Folder("."), f"pair-{number:02d}", _entry(number, text)) for number, text in enumerate(texts)]
    augmentation = Augmentation(config.flip, 0.0, int(config.action.weight > 0), config.action.drawn_from)
    sampler = BatchSampler(pairs, augmentation, seed=0, batch_size=config.batch_size, shapes=[shape] * PAIRS)
    channels = editor.denoiser.config.in_channels
    sides = shape[0] // editor.factor, shape[1] // editor.factor
    generator = np.random.default_rng(0)
    values = generator.random((PAIRS, 2, 3, channels, *sides), dtype=np.float32).astype(np.float16)
    length, width = editor.expected_tokens(*shape), editor.denoiser.config.joint_attention_dim
    tokens = torch.randn(len(TEXTS) * length, width, dtype=torch.bfloat16).view(torch.uint16).numpy()
    latents = Latents((values,), tuple((0, number) for number in range(PAIRS)))
    rows = {(text, -1, False): number for number, text in enumerate(TEXTS)}
    embedded = Conditionings(rows, tokens, length * np.arange(len(TEXTS) + 1), None, with_picture=False)
    return DiffusionBatches(sampler, latents, embedded, editor, editor.noise_process(config.times))


def _entry(number: int, text: str) -> Entry:
    return Entry(f"{number}", "train", "", text, text, "", text, "", 0, 0, 0, 0, 0, 0)


class Peer:
    """A step in the style of diffusers' script, with latents and embeddings cached on the device."""

    def __init__(self, editor: Editor, config: EditorConfig, options: Namespace, accelerator: Accelerator) -> None:
        transformer: Any = editor.denoiser
        layers, rank = list(editor.traits.lora_targets), options.rank
        transformer.requires_grad_(False)
        transformer.add_adapter(
            LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=layers)
        )
        if config.gradient_checkpointing:
            transformer.enable_gradient_checkpointing()
        self._trained = [parameter for parameter in transformer.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(self._trained, lr=config.learning_rate)
        self._transformer, self._optimizer = accelerator.prepare(transformer.train(), optimizer)
        self._accelerator, device = accelerator, accelerator.device
        count, sizes = config.batch_size, transformer.config
        self._sides = options.height // editor.factor, options.width // editor.factor
        tokens = math.prod(self._sides)
        half = {"device": device, "dtype": torch.bfloat16}
        self._clean, self._original = torch.randn(2, count, tokens, sizes.in_channels, **half)
        length = editor.expected_tokens(options.height, options.width)
        self._texts = torch.randn(count, length, sizes.joint_attention_dim, **half)
        self._text_ids = self._grid([0], [0], [0], range(length))
        self._picture_ids = torch.cat([self._grid([time], *map(range, self._sides), [0]) for time in (0, 10)])
        self._sigmas = FlowMatchEulerDiscreteScheduler().sigmas.to(device)

    def _grid(self, *axes: Any) -> Tensor:
        return torch.cartesian_prod(*(torch.tensor(list(axis)) for axis in axes)).to(self._accelerator.device)

    def __call__(self, number: int) -> float:
        torch.manual_seed(number)
        loss = self._loss()
        self._accelerator.backward(loss)
        self._accelerator.clip_grad_norm_(self._trained, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return loss.detach().item()

    def _loss(self) -> Tensor:
        clean = self._clean
        noise = torch.randn_like(clean)
        places = (torch.randn(len(clean), device=clean.device).sigmoid() * 1000).long()
        times = self._sigmas[places]
        sigma = times.view(-1, 1, 1).to(clean.dtype)
        noisy = (1 - sigma) * clean + sigma * noise
        prediction = self._transformer(
            hidden_states=torch.cat([noisy, self._original], 1),
            timestep=times,
            guidance=None,
            encoder_hidden_states=self._texts,
            txt_ids=self._text_ids,
            img_ids=self._picture_ids,
            return_dict=False,
        )[0][:, : clean.shape[1]]
        return (prediction.float() - (noise - clean).float()).square().flatten(1).mean(1).mean()
