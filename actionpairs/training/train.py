"""The training loop of editors and recognizers.

Its order never varies: report, snapshot, checkpoint, stop?, gradients, step, EMA. The same command run again
resumes from the last checkpoint, and continues exactly as if it had not stopped.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from actionpairs.configs import LoopConfig
from actionpairs.errors import StoppedError, TrainingError
from actionpairs.training import checkpoints, fsdp
from actionpairs.training.metric_log import SAMPLES_FOLDER, MetricLog
from actionpairs.training.state import TrainState
from actionpairs.training.step_progress import StepClock, StepProgress, peak_memory
from actionpairs.training.stop_signals import StopSignals
from actionpairs.training.task import Task
from actionpairs.training.trackers import Trackers


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Pictures of what the model can do. every: steps between two of them.

    draw(model, path) writes one. measure(model) gives numbers beside it: a share and of how many pairs it is, by
    name. Under FSDP, the other processes call both, `draw` without a path: they only compute.
    """

    draw: Callable[[nn.Module, Path | None], None]
    every: int
    measure: Callable[[nn.Module], Mapping[str, tuple[float, int]]] | None = None


# 7 parameters: the task, its state, its config, and what happens around a step
def run_loop(
    task: Task,
    state: TrainState,
    config: LoopConfig,
    folder: Path,
    *,
    snapshots: Snapshots | None = None,
    stop_after: int | None = None,
    trackers: Trackers | None = None,
) -> int:
    """Train to config.steps, or for `stop_after` more steps. Returns the number of steps done in all.

    Files are written below `folder`. trackers: started here, and told of every step. Raises TrainingError if the
    loss is not finite, StoppedError on a signal.
    """
    is_main = state.accelerator.is_main_process
    step = first = checkpoints.resume(state, folder / "checkpoints")
    last = config.steps if stop_after is None else min(config.steps, first + stop_after)
    clock = StepClock(config, first=first, sample_every=snapshots.every if snapshots else 0)
    log = MetricLog(folder, start_step=first, enabled=is_main, trackers=trackers)
    metrics: dict[str, float] = {}
    with StopSignals() as signals, log, StepProgress(clock, disable=not is_main) as bar:
        while True:
            if metrics:
                _report(step, metrics, clock, log, bar, state)
            stopping = step >= last or bool(signals.received_anywhere(state.accelerator))
            if metrics and snapshots and (step % snapshots.every == 0 or step == config.steps):
                with clock.sample_point():
                    _sample(step, snapshots, state, folder, log)
            if metrics and (stopping or step % config.checkpoint_every == 0):
                log.sync()
                checkpoints.save(state, folder / "checkpoints", step, keep=config.keep_checkpoints)
            if stopping:
                break
            with clock.step():
                metrics, step = train_step(task, state, config, step), step + 1
        log.draw_curves()
    if signals.received and step < last:
        raise _stopped(step, config.steps, signals.received)
    return step


def _report(
    step: int, metrics: Mapping[str, float], clock: StepClock, log: MetricLog, bar: StepProgress, state: TrainState
) -> None:
    """Write and show what a step did and what it cost."""
    peak = peak_memory(state.accelerator.device)
    costs = {"seconds_per_step": clock.last_seconds, "peak_memory_gib": peak / 2**30}
    log.record(step, metrics, images=clock.batch_size, seconds=clock.last_seconds, costs=costs)
    bar.report(metrics, peak_bytes=peak)


def _sample(step: int, snapshots: Snapshots, state: TrainState, folder: Path, log: MetricLog) -> None:
    """Draw and measure what the model can do, and write it."""
    path = folder / SAMPLES_FOLDER / f"step-{step:06d}.png"
    log.record_samples(step, path, draw_snapshot(snapshots, state, path))


def train_step(task: Task, state: TrainState, config: LoopConfig, step: int) -> dict[str, float]:
    """One step, counted from 0: gradients, optimizer, EMA. Returns the batch's mean losses and the learning rate.

    A loss that no row has is NaN. Raises TrainingError if the loss is not finite; the weights are then as before.
    """
    metrics = accumulate_gradients(task, state, config, step)
    rate = learning_rate(step, config)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    if state.ema:
        state.ema.update(state.model)
    return metrics | {"learning_rate": rate}


def accumulate_gradients(task: Task, state: TrainState, config: LoopConfig, step: int) -> dict[str, float]:
    """Backward passes over this process's rows, in `accumulation` parts. Returns the whole batch's mean losses.

    A loss that no row has is NaN.
    """
    accelerator = state.accelerator
    size = config.batch_size // (accelerator.num_processes * config.accumulation)
    first = accelerator.process_index * size
    terms: list[Tensor] = []
    for number in range(config.accumulation):
        start = first + number * accelerator.num_processes * size
        with accelerator.accumulate(state.model):
            losses = task.losses(state.model, step, slice(start, start + size))
            accelerator.backward(losses.total)
            if accelerator.sync_gradients and config.max_gradient_norm:
                accelerator.clip_grad_norm_(state.model.parameters(), config.max_gradient_norm)
        terms.append(torch.stack(list(losses.terms.values())))
    if step + 1 < config.steps:
        task.prepare(step + 1, slice(first, first + size))  # before the device is waited for
    sums, counts = accelerator.reduce(sum(terms), "sum").T.tolist()
    counted = {name: (total, count) for name, total, count in zip(losses.terms, sums, counts, strict=True)}
    means = {name: total / count for name, (total, count) in counted.items() if count}
    if not all(math.isfinite(total) for total in sums):
        raise _not_finite(means, step, task.names(step))
    return {name: means.get(name, math.nan) for name in counted}


def learning_rate(step: int, config: LoopConfig) -> float:
    """The learning rate of a step, counted from 0: linear warm-up, then constant or half a cosine down to 0."""
    warmup = config.bounded_warmup_steps
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    if config.schedule == "constant":
        return config.learning_rate
    progress = (step - warmup) / max(1, config.steps - warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def draw_snapshot(snapshots: Snapshots, state: TrainState, path: Path) -> Mapping[str, tuple[float, int]]:
    """Draw and measure with the averaged weights, then restore the trained ones. Returns what was measured."""
    measured: Mapping[str, tuple[float, int]] = {}
    is_main = state.accelerator.is_main_process
    if is_main or state.is_sharded:
        model = state.unwrapped_model.eval()
        with state.ema.average_parameters(model) if state.ema else torch.no_grad():
            snapshots.draw(model, path if is_main else None)
            if snapshots.measure:
                measured = snapshots.measure(model)
            fsdp.reshard(model)
        model.train()
    state.accelerator.wait_for_everyone()
    return measured


def _stopped(step: int, steps: int, number: int) -> StoppedError:
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    return StoppedError(
        f"Stopped by {name} after step {step} of {steps}; the checkpoint is written.",
        cure="Run the same command again to resume.",
        signal_number=number,
    )


def _not_finite(losses: Mapping[str, float], step: int, names: tuple[str, ...]) -> TrainingError:
    terms = ", ".join(f"{name} {value:g}" for name, value in losses.items())
    return TrainingError(
        f"Step {step + 1}: the loss is not finite ({terms}) on the pairs {', '.join(names)}.",
        cure="Look at these pairs. Lower learning_rate, or set `precision: no`, with another --out.",
    )
