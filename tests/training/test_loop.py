"""The loop goes on exactly where it stopped, shares a batch without changing it, and stops on bad numbers."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from actionpairs.configs import LoopConfig
from actionpairs.data import rng
from actionpairs.errors import ModelError, TrainingError
from actionpairs.training import devices, loop, metric_log
from actionpairs.training.loop import Losses, TrainState, summed

CONFIG = LoopConfig(steps=12, batch_size=4, learning_rate=1e-2, checkpoint_every=4, keep_checkpoints=2)


class Line:
    """Teaches a small network a line; can go wrong, or be told to end, at a step."""

    def __init__(self, *, bad_step: int = -1, end_step: int = -1) -> None:
        self.bad_step, self.end_step = bad_step, end_step
        self.shown: list[str] = []
        self.asked: list[tuple[str, int]] = []

    def prepare(self, step: int, part: slice) -> None:
        self.asked.append(("prepare", step))

    def names(self, step: int) -> tuple[str, ...]:
        return tuple(f"row-{step}-{number}" for number in range(4))

    def show(self, model: nn.Module, path: Path) -> None:
        self.shown.append(path.name)

    def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
        self.asked.append(("losses", step))
        if step == self.end_step:
            os.kill(os.getpid(), signal.SIGTERM)
        inputs = torch.from_numpy(rng.generator(0, "line", step).standard_normal((4, 3))).float()[part]
        errors = (model(inputs).squeeze(1) - inputs.sum(1)).square()
        if step == self.bad_step:
            errors = errors * math.nan
        return Losses(errors.mean(), {"loss": summed(errors)})


def state(config: LoopConfig = CONFIG, *, decay: float = 0.9) -> TrainState:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    network[2].bias.requires_grad_(False)
    accelerator = devices.begin("cpu", accumulation=config.accumulation)
    return loop.prepare(accelerator, network, config, decay=decay)


def weights(path: Path) -> dict[str, torch.Tensor]:
    folder = path / "checkpoints/step-000012"
    return load_file(folder / "model.safetensors") | {
        f"average {name}": value for name, value in load_file(folder / "average.safetensors").items()
    }


def losses(path: Path) -> list[float]:
    return [row["loss"] for row in metric_log.read(path / "losses.csv")]


def test_a_run_in_three_pieces_ends_with_the_same_bits(tmp_path: Path) -> None:
    assert loop.run(Line(), state(), CONFIG, tmp_path / "whole") == 12
    for pieces, done in ((3, 3), (5, 8), (None, 12)):
        assert loop.run(Line(), state(), CONFIG, tmp_path / "parts", stop_after=pieces) == done
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")


def test_rows_after_the_last_checkpoint_are_learned_and_written_again(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        loop.run(Line(bad_step=6), state(), CONFIG, tmp_path)
    assert len(losses(tmp_path)) == 6
    loop.run(Line(), state(), CONFIG, tmp_path)
    assert [row["step"] for row in metric_log.read(tmp_path / "losses.csv")] == list(range(1, 13))


def test_accumulated_parts_learn_what_the_whole_batch_does(tmp_path: Path) -> None:
    parts = CONFIG.model_copy(update={"accumulation": 4})
    loop.run(Line(), state(), CONFIG, tmp_path / "whole")
    loop.run(Line(), state(parts), parts, tmp_path / "parts")
    assert losses(tmp_path / "parts") == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)


def test_a_loss_that_is_not_finite_stops_with_step_pairs_and_cure(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"Step 6: .*loss nan.*row-5-0, row-5-1") as caught:
        loop.run(Line(bad_step=5), state(), CONFIG, tmp_path)
    assert "learning_rate" in caught.value.cure
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000004"]


def test_sigterm_ends_with_a_checkpoint_and_the_cure(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TrainingError, match="Told to end at step 7 of 12; the checkpoint is written"):
        loop.run(Line(end_step=6), state(), CONFIG, tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before
    assert (tmp_path / "checkpoints/step-000007").is_dir()
    loop.run(Line(), state(), CONFIG, tmp_path)
    loop.run(Line(), state(), CONFIG, tmp_path / "whole")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path)
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_only_the_newest_checkpoints_are_kept_and_none_is_half_written(tmp_path: Path) -> None:
    loop.run(Line(), state(), CONFIG, tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-000008", "step-000012"]


def test_what_a_killed_save_left_is_not_taken_for_a_checkpoint(tmp_path: Path) -> None:
    loop.run(Line(), state(), CONFIG, tmp_path, stop_after=4)
    (tmp_path / "checkpoints/step-000004").rename(tmp_path / "checkpoints/.step-000008")
    assert loop.run(Line(), state(), CONFIG, tmp_path, stop_after=4) == 4


def test_a_broken_checkpoint_says_which_to_remove(tmp_path: Path) -> None:
    loop.run(Line(), state(), CONFIG, tmp_path, stop_after=4)
    (tmp_path / "checkpoints/step-000004/model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="step-000004: this checkpoint cannot be read") as caught:
        loop.run(Line(), state(), CONFIG, tmp_path)
    assert "Remove that folder" in caught.value.cure


def test_frozen_weights_keep_their_bits_and_pictures_use_the_average(tmp_path: Path) -> None:
    learner, task = state(), Line()
    frozen = learner.plain[2].bias.clone()
    seen = []
    task.show = lambda model, path: seen.append(model[0].weight.clone())  # type: ignore[method-assign]
    loop.run(task, learner, CONFIG, tmp_path, show_every=6)
    assert torch.equal(learner.plain[2].bias, frozen)
    assert len(seen) == 2
    assert torch.equal(seen[1], learner.ema.tensors()["0.weight"])
    assert not torch.equal(seen[1], learner.plain[0].weight)


def test_the_average_is_of_the_weights_after_each_step() -> None:
    learner = state(decay=0.5)
    start = learner.plain[0].weight.detach().clone()
    wanted = start
    for number in range(1, 5):
        with torch.no_grad():
            learner.plain[0].weight.fill_(float(number))
        learner.ema.update(learner.model)
        decay = 0.0 if number == 1 else min(0.5, number / (9 + number))
        wanted = decay * wanted + (1 - decay) * number
    assert torch.allclose(learner.ema.tensors()["0.weight"], wanted)


def test_the_learning_rate_warms_up_and_then_holds_or_falls() -> None:
    config = CONFIG.model_copy(update={"warmup_steps": 4, "learning_rate": 1.0})
    assert [loop.learning_rate(step, config) for step in (0, 1, 3, 4, 11)] == [0.25, 0.5, 1.0, 1.0, 1.0]
    cosine = config.model_copy(update={"schedule": "cosine"})
    rates = [loop.learning_rate(step, cosine) for step in range(4, 12)]
    assert rates == sorted(rates, reverse=True)
    assert loop.learning_rate(8, cosine) == pytest.approx(0.5)


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(TrainingError, match="cannot be shared evenly among 3 parts"):
        state(CONFIG.model_copy(update={"accumulation": 3}))


@pytest.mark.parametrize(("device", "message"), [("cuda:9", "no cuda:9"), ("gpu", "No device is called 'gpu'")])
def test_a_device_that_is_not_there_is_refused(device: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        devices.begin(device)


def test_the_next_step_is_drawn_before_the_last_one_is_waited_for() -> None:
    line = Line()
    for step in range(2):
        loop.learn(line, state(), CONFIG, step)
    assert line.asked == [("losses", 0), ("prepare", 1), ("losses", 1), ("prepare", 2)]


def test_however_many_networks_a_process_trains_all_are_compiled() -> None:
    config = LoopConfig(steps=1, batch_size=1, learning_rate=1e-2, precision="bf16", compile=True)
    with torch._dynamo.config.patch(recompile_limit=1, fail_on_recompile_limit_hit=True):
        for _ in range(2):
            accelerator = devices.begin("cpu", precision=config.precision)
            state = loop.prepare(accelerator, nn.Linear(3, 1), config, decay=0)
            assert state.model(torch.ones(1, 3)).shape == (1, 1)
