"""The loop resumes exactly, divides a batch without changing the result, and stops if a loss is not finite."""

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
from actionpairs.errors import ModelError, StoppedError, TrainingError
from actionpairs.training import devices, metric_log
from actionpairs.training.state import TrainState, prepare
from actionpairs.training.task import Losses, sum_and_count
from actionpairs.training.train import Snapshots, learning_rate, run_loop, train_step

pytestmark = pytest.mark.usefixtures("without_curves")
CONFIG = LoopConfig(steps=12, batch_size=4, learning_rate=1e-2, checkpoint_every=4, keep_checkpoints=2)


class LinearTask:
    """Fits a small network to a linear function. At a step it can give NaN, or send a signal."""

    def __init__(self, *, bad_step: int = -1, end_step: int = -1, number: int = signal.SIGTERM) -> None:
        self.bad_step, self.end_step, self.number = bad_step, end_step, number
        self.calls: list[tuple[str, int]] = []

    def prepare(self, step: int, part: slice) -> None:
        self.calls.append(("prepare", step))

    def names(self, step: int) -> tuple[str, ...]:
        return tuple(f"row-{step}-{number}" for number in range(4))

    def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
        self.calls.append(("losses", step))
        if step == self.end_step:
            os.kill(os.getpid(), self.number)
        inputs = torch.from_numpy(rng.generator(0, "line", step).standard_normal((4, 3))).float()[part]
        errors = (model(inputs).squeeze(1) - inputs.sum(1)).square()
        if step == self.bad_step:
            errors = errors * math.nan
        return Losses(errors.mean(), {"loss": sum_and_count(errors)})


def new_state(config: LoopConfig = CONFIG, *, ema_decay: float = 0.9) -> TrainState:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    network[2].bias.requires_grad_(False)
    accelerator = devices.create_accelerator("cpu", accumulation=config.accumulation)
    return prepare(accelerator, network, config, ema_decay=ema_decay)


def weights(path: Path) -> dict[str, torch.Tensor]:
    folder = path / "checkpoints/step-000012"
    return load_file(folder / "model.safetensors") | {
        f"average {name}": value for name, value in load_file(folder / "average.safetensors").items()
    }


def losses(path: Path) -> list[float]:
    return [row["loss"] for row in metric_log.load_rows(path / "losses.csv")]


def test_a_run_in_three_parts_ends_with_the_same_bits(tmp_path: Path) -> None:
    assert run_loop(LinearTask(), new_state(), CONFIG, tmp_path / "whole") == 12
    for steps, done in ((3, 3), (5, 8), (None, 12)):
        assert run_loop(LinearTask(), new_state(), CONFIG, tmp_path / "parts", stop_after=steps) == done
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")


def test_steps_after_the_last_checkpoint_are_trained_and_logged_again(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        run_loop(LinearTask(bad_step=6), new_state(), CONFIG, tmp_path)
    assert len(losses(tmp_path)) == 6
    run_loop(LinearTask(), new_state(), CONFIG, tmp_path)
    assert [row["step"] for row in metric_log.load_rows(tmp_path / "losses.csv")] == list(range(1, 13))


def test_accumulated_parts_give_the_losses_of_the_whole_batch(tmp_path: Path) -> None:
    parts = CONFIG.model_copy(update={"accumulation": 4})
    run_loop(LinearTask(), new_state(), CONFIG, tmp_path / "whole")
    run_loop(LinearTask(), new_state(parts), parts, tmp_path / "parts")
    assert losses(tmp_path / "parts") == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)


def test_a_loss_that_is_not_finite_stops_with_step_pairs_and_cure(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"Step 6: .*loss nan.*row-5-0, row-5-1") as caught:
        run_loop(LinearTask(bad_step=5), new_state(), CONFIG, tmp_path)
    assert "learning_rate" in caught.value.cure
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000004"]


def test_a_loss_that_no_row_has_is_not_a_number_and_stops_nothing(tmp_path: Path) -> None:
    class WithRareTerm(LinearTask):
        def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
            losses = super().losses(model, step, part)
            counted = torch.tensor([step % 2 == 0, False])
            return Losses(losses.total, {**losses.terms, "rare": sum_and_count(torch.full((2,), 3.0), counted)})

    parts = CONFIG.model_copy(update={"accumulation": 2})
    run_loop(WithRareTerm(), new_state(parts), parts, tmp_path)
    rows = metric_log.load_rows(tmp_path / "losses.csv")
    assert [row["rare"] for row in rows] == pytest.approx([3.0, math.nan] * 6, nan_ok=True)


def test_what_is_measured_at_samples_is_of_the_average(tmp_path: Path) -> None:
    state = new_state()
    first = state.unwrapped_model[0].weight[0, 0].item()

    def measure(model: nn.Module) -> dict[str, tuple[float, int]]:
        assert not model.training
        return {"all": (model[0].weight[0, 0].item(), 4)}

    run_loop(LinearTask(), state, CONFIG, tmp_path, snapshots=Snapshots(lambda *_: None, 6, measure))
    header, *lines = (tmp_path / "discrimination.csv").read_text().splitlines()
    assert header == "step,kind,discrimination,pairs"
    assert [line.split(",")[::3] for line in lines] == [["6", "4"], ["12", "4"]]
    average = weights(tmp_path)["average 0.weight"][0, 0].item()
    assert float(lines[1].split(",")[2]) == pytest.approx(average, rel=1e-6)
    assert average != pytest.approx(first)
    assert average != weights(tmp_path)["0.weight"][0, 0].item()


@pytest.mark.parametrize(
    ("number", "name", "exit_code"), [(signal.SIGTERM, "SIGTERM", 143), (signal.SIGINT, "Ctrl-C", 130)]
)
def test_a_signal_stops_with_a_checkpoint_and_the_cure(
    number: int, name: str, exit_code: int, tmp_path: Path
) -> None:
    before = signal.getsignal(number)
    expected = f"Stopped by {name} after step 7 of 12; the checkpoint is written"
    with pytest.raises(StoppedError, match=expected) as caught:
        run_loop(LinearTask(end_step=6, number=number), new_state(), CONFIG, tmp_path)
    assert caught.value.exit_code == exit_code
    assert signal.getsignal(number) is before
    assert (tmp_path / "checkpoints/step-000007").is_dir()
    run_loop(LinearTask(), new_state(), CONFIG, tmp_path)
    run_loop(LinearTask(), new_state(), CONFIG, tmp_path / "whole")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path)
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_only_the_newest_checkpoints_are_kept_and_none_is_half_written(tmp_path: Path) -> None:
    run_loop(LinearTask(), new_state(), CONFIG, tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-000008", "step-000012"]


def test_the_remains_of_a_killed_save_are_not_taken_for_a_checkpoint(tmp_path: Path) -> None:
    run_loop(LinearTask(), new_state(), CONFIG, tmp_path, stop_after=4)
    (tmp_path / "checkpoints/step-000004").rename(tmp_path / "checkpoints/.step-000008")
    assert run_loop(LinearTask(), new_state(), CONFIG, tmp_path, stop_after=4) == 4


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    run_loop(LinearTask(), new_state(), CONFIG, tmp_path, stop_after=4)
    (tmp_path / "checkpoints/step-000004/model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="step-000004: this checkpoint cannot be read") as caught:
        run_loop(LinearTask(), new_state(), CONFIG, tmp_path)
    assert "Remove that folder" in caught.value.cure


def test_frozen_weights_keep_their_bits_and_snapshots_use_the_average(tmp_path: Path) -> None:
    state, drawn = new_state(), {}
    frozen = state.unwrapped_model[2].bias.clone()

    def draw(model: nn.Module, path: Path | None) -> None:
        drawn[path.name] = model[0].weight.clone()

    run_loop(LinearTask(), state, CONFIG, tmp_path, snapshots=Snapshots(draw, every=6))
    assert torch.equal(state.unwrapped_model[2].bias, frozen)
    assert list(drawn) == ["step-000006.png", "step-000012.png"]
    assert torch.equal(drawn["step-000012.png"], state.ema.state_dict()["0.weight"])
    assert not torch.equal(drawn["step-000012.png"], state.unwrapped_model[0].weight)


def test_the_average_is_of_the_weights_after_each_step() -> None:
    state = new_state(ema_decay=0.5)
    weight = state.unwrapped_model[0].weight
    expected = weight.detach().clone()
    for number in range(1, 5):
        with torch.no_grad():
            weight.fill_(float(number))
        state.ema.update(state.model)
        decay = 0.0 if number == 1 else min(0.5, number / (9 + number))
        expected = decay * expected + (1 - decay) * number
    assert torch.allclose(state.ema.state_dict()["0.weight"], expected)


def test_the_learning_rate_warms_up_and_then_holds_or_falls() -> None:
    config = CONFIG.model_copy(update={"warmup_steps": 4, "learning_rate": 1.0})
    assert [learning_rate(step, config) for step in (0, 1, 3, 4, 11)] == [0.25, 0.5, 1.0, 1.0, 1.0]
    cosine = config.model_copy(update={"schedule": "cosine"})
    rates = [learning_rate(step, cosine) for step in range(4, 12)]
    assert rates == sorted(rates, reverse=True)
    assert learning_rate(8, cosine) == pytest.approx(0.5)


def test_a_warm_up_as_long_as_the_training_ends_after_a_tenth_of_it() -> None:
    config = CONFIG.model_copy(update={"warmup_steps": 1000, "steps": 40, "learning_rate": 1.0})
    assert [learning_rate(step, config) for step in (0, 3, 4, 39)] == [0.25, 1.0, 1.0, 1.0]
    short = config.model_copy(update={"steps": 5})
    assert learning_rate(0, short) == 1.0


def test_a_batch_that_cannot_be_divided_evenly_is_refused() -> None:
    with pytest.raises(TrainingError, match="cannot be divided evenly into 3 parts"):
        new_state(CONFIG.model_copy(update={"accumulation": 3}))


@pytest.mark.parametrize(("device", "message"), [("cuda:9", "no cuda:9"), ("gpu", "No device is called 'gpu'")])
def test_a_missing_device_is_refused(device: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        devices.create_accelerator(device)


def test_the_next_batch_is_drawn_before_the_step_is_waited_for() -> None:
    task = LinearTask()
    for step in range(2):
        train_step(task, new_state(), CONFIG, step)
    assert task.calls == [("losses", 0), ("prepare", 1), ("losses", 1), ("prepare", 2)]


def test_every_network_of_a_process_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch stops compiling at a limit, whatever the backend; the eager one writes no kernels."""
    compile_ = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda network, **_: compile_(network, backend="eager"))
    config = LoopConfig(steps=1, batch_size=1, learning_rate=1e-2, precision="bf16", compile=True)
    with torch._dynamo.config.patch(recompile_limit=1, fail_on_recompile_limit_hit=True):
        for _ in range(2):
            accelerator = devices.create_accelerator("cpu", precision=config.precision)
            state = prepare(accelerator, nn.Linear(3, 1), config, ema_decay=0)
            assert state.model(torch.ones(1, 3)).shape == (1, 1)
