"""The training loop that editors and recognizers share.

Its order never varies: report, show, checkpoint, stop?, gradients, step, average. The same command run again
goes on from the last checkpoint, and sees what it would have seen.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Generic, Protocol, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import convert_outputs_to_fp32
from torch import Tensor, nn

from actionpairs.configs import LoopConfig
from actionpairs.errors import TrainingError
from actionpairs.progress import Progress
from actionpairs.training import checkpoints, fsdp
from actionpairs.training.ema import EMA
from actionpairs.training.metric_log import MetricLog

Drawn = TypeVar("Drawn")


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss of some rows, and what there is to report of them.

    total: the mean over the rows, a scalar. terms: by name, the sum over the rows that count and their number,
    2; as sums, they say the same however a batch was shared out.
    """

    total: Tensor
    terms: Mapping[str, Tensor]


def summed(values: Tensor, counted: Tensor | None = None) -> Tensor:
    """The sum of the values that count, and how many do: B in, 2 out."""
    counted = torch.ones_like(values) if counted is None else counted.to(values.dtype)
    return torch.stack([(values.detach() * counted).sum(), counted.sum()])


class Task(Protocol):
    """What a loop asks of a task. Steps count from 0; `part` picks this process's rows of the batch."""

    def prepare(self, step: int, part: slice) -> None:
        """Draw some of a step's rows ahead, while the device still works on the step before."""

    def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
        """The losses of some of a step's rows."""

    def names(self, step: int) -> tuple[str, ...]:
        """The pairs that a step is made of."""

    def show(self, model: nn.Module, path: Path | None) -> None:
        """Draw what the model can do by now into a picture file; without one, compute with those that draw."""


class Ahead(Generic[Drawn]):
    """Draws some rows of a step, and keeps what was drawn ahead until it is taken."""

    def __init__(self, draw: Callable[[int, slice], Drawn]) -> None:
        self._draw = draw
        self._kept: tuple[int, slice, Drawn] | None = None

    def prepare(self, step: int, part: slice) -> None:
        """Draw what will be taken next."""
        self._kept = step, part, self._draw(step, part)

    def take(self, step: int, part: slice) -> Drawn:
        """What was drawn ahead, where it is what is wanted; else it is drawn now."""
        if self._kept and self._kept[:2] == (step, part):
            return self._kept[2]
        return self._draw(step, part)


@dataclass(frozen=True, slots=True)
class TrainState:
    """A model in training: wrapped for its processes, with its optimizer and the average of its weights."""

    accelerator: Accelerator
    model: nn.Module
    optimizer: Any
    ema: EMA | None

    @property
    def plain(self) -> nn.Module:
        """The model without what accelerate wraps around it."""
        plain: nn.Module = self.accelerator.unwrap_model(self.model)
        return plain

    @property
    def is_shared(self) -> bool:
        """Whether every process holds a part of the model, so that it computes only where all do."""
        shared: bool = self.accelerator.is_fsdp2
        return shared


def prepare(accelerator: Accelerator, model: nn.Module, config: LoopConfig, *, decay: float) -> TrainState:
    """Put a model in training. decay: of the running average of its weights; 0 keeps none."""
    parts = accelerator.num_processes * config.accumulation
    if config.batch_size % parts:
        raise TrainingError(
            f"A batch of {config.batch_size} cannot be shared evenly among {parts} parts "
            f"({accelerator.num_processes} processes × accumulation {config.accumulation}).",
            cure="Choose a batch_size that is a multiple.",
        )
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise TrainingError("Every parameter is frozen.", cure="Name less in `freeze`.")
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
    model.train()
    compile_network(model, config)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    if accelerator.is_fsdp2:  # to such models alone accelerate gives no autocast
        wrapped.forward = convert_outputs_to_fp32(accelerator.autocast()(wrapped.forward))
    return TrainState(accelerator, wrapped, optimizer, EMA(wrapped, decay) if decay else None)


def compile_network(network: nn.Module, config: LoopConfig) -> None:
    """Let torch.compile write a network's kernels when it first runs, if the recipe wants that."""
    if config.compile:
        torch.compiler.reset()  # torch quietly stops compiling what it has compiled eight times in a process
        network.compile(mode="reduce-overhead" if config.cuda_graphs else "default")


def run(
    task: Task,
    state: TrainState,
    config: LoopConfig,
    folder: Path,
    *,
    show_every: int = 0,
    stop_after: int | None = None,
) -> int:
    """Train to config.steps, or for `stop_after` steps more; gives the number of steps done in all.

    Everything is written below `folder`. Raises TrainingError where the loss is not finite, and, with the
    checkpoint written, where the process was told to end.
    """
    accelerator = state.accelerator
    step = start = checkpoints.resume(state, folder / "checkpoints")
    last = config.steps if stop_after is None else min(config.steps, start + stop_after)
    measured: dict[str, float] = {}
    with (
        _Termination() as termination,
        MetricLog(folder, since=start, written=accelerator.is_main_process) as journal,
        Progress(initial=start, total=config.steps, unit="step", disable=not accelerator.is_main_process) as bar,
    ):
        while True:
            if measured:
                journal.record(step, measured, pictures=config.batch_size)
                bar.set_postfix(journal.shown(), refresh=False)
                bar.update()
            ending = step >= last or termination.asked(accelerator)
            if measured and show_every and (step % show_every == 0 or step == config.steps):
                _show(task, state, folder / "samples" / f"step-{step:06d}.png")
            if measured and (ending or step % config.checkpoint_every == 0):
                journal.sync()
                checkpoints.save(state, folder / "checkpoints", step, keep=config.keep_checkpoints)
            if ending:
                break
            measured = learn(task, state, config, step)
            step += 1
        journal.draw()
    if termination.is_asked and step < last:
        raise TrainingError(
            f"Told to end at step {step} of {config.steps}; the checkpoint is written.",
            cure="Run the same command again: it goes on from there.",
        )
    return step


def learn(task: Task, state: TrainState, config: LoopConfig, step: int) -> dict[str, float]:
    """Take one step, counted from 0; gives the batch's mean losses and the learning rate.

    Raises TrainingError where the loss is not finite; then nothing was learned from it.
    """
    measured = _gradients(task, state, config, step)
    rate = learning_rate(step, config)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    if state.ema:
        state.ema.update(state.model)
    return measured | {"learning_rate": rate}


def learning_rate(step: int, config: LoopConfig) -> float:
    """The learning rate of a step, counted from 0: a linear warm-up, then constant or half a cosine to 0."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def _gradients(task: Task, state: TrainState, config: LoopConfig, step: int) -> dict[str, float]:
    """Gather the gradients of a whole batch, in as many parts as needed; gives the batch's mean losses."""
    accelerator = state.accelerator
    size = config.batch_size // (accelerator.num_processes * config.accumulation)
    parts: list[Tensor] = []
    own = accelerator.process_index * size
    for number in range(config.accumulation):
        first = own + number * accelerator.num_processes * size
        with accelerator.accumulate(state.model):
            losses = task.losses(state.model, step, slice(first, first + size))
            accelerator.backward(losses.total)
            if accelerator.sync_gradients and config.max_gradient_norm:
                accelerator.clip_grad_norm_(state.model.parameters(), config.max_gradient_norm)
        parts.append(torch.stack(list(losses.terms.values())))
    task.prepare(step + 1, slice(own, own + size))
    sums, counts = accelerator.reduce(sum(parts), "sum").T.tolist()
    measured = {name: total / max(count, 1) for name, total, count in zip(losses.terms, sums, counts, strict=True)}
    if not all(math.isfinite(value) for value in measured.values()):
        _refuse(measured, step, task.names(step))
    return measured


def _refuse(losses: Mapping[str, float], step: int, names: tuple[str, ...]) -> None:
    terms = ", ".join(f"{name} {value:g}" for name, value in losses.items())
    raise TrainingError(
        f"Step {step + 1}: the loss is not finite ({terms}) on the pairs {', '.join(names)}.",
        cure="Look at these pairs; lower learning_rate, or set `precision: no`, with another --out.",
    )


def _show(task: Task, state: TrainState, path: Path) -> None:
    """Draw with the averaged weights, then go on with the others."""
    is_main = state.accelerator.is_main_process
    if is_main or state.is_shared:
        model = state.plain.eval()
        with state.ema.applied(model) if state.ema else torch.no_grad():
            task.show(model, path if is_main else None)
            fsdp.part_again(model)
        model.train()
    state.accelerator.wait_for_everyone()


class _Termination:
    """Notes that SIGTERM came, so that the loop can end between two steps."""

    def __init__(self) -> None:
        self.is_asked = False

    def __enter__(self) -> _Termination:
        # Python lets only the main thread handle signals; elsewhere the default stays.
        self._handles = threading.current_thread() is threading.main_thread()
        if self._handles:
            self._before = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handles:
            signal.signal(signal.SIGTERM, self._before)

    def asked(self, accelerator: Accelerator) -> bool:
        """Whether any process was told to end; all of them get the same answer."""
        if accelerator.num_processes > 1:
            flag = torch.tensor(float(self.is_asked), device=accelerator.device)
            self.is_asked = bool(accelerator.reduce(flag, "sum") > 0)
        return self.is_asked

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.is_asked = True
