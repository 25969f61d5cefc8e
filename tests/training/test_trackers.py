"""Trackers get every step once, also of a resumed run, and never stand in the way of training."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from actionpairs.configs import RecognizerConfig
from actionpairs.errors import MissingExtraError, TrainingError
from actionpairs.manifest import StageSpec
from actionpairs.training import devices, metric_log, tracker_kinds, trackers
from actionpairs.training.trackers import Trackers
from tests.training.fake_wandb import serving
from tests.training.tracked_runs import (
    POINT,
    track,
    trackio_rows,
    wait_until,
    wandb_files,
    wandb_records,
    wandb_rows,
)

PICTURE = "samples"


@pytest.fixture(autouse=True)
def accelerator() -> None:
    """accelerate's trackers ask its state which process this is."""
    devices.create_accelerator("cpu")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_DIR", "WANDB_PROJECT", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def trackio_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Trackio reads the variable when it is imported, once in a process."""
    folder = tmp_path_factory.mktemp("trackio")
    with pytest.MonkeyPatch.context() as patch:
        if "trackio" not in sys.modules:
            patch.setenv("TRACKIO_DIR", str(folder))
        import trackio.utils

        yield Path(trackio.utils.TRACKIO_DIR)


def events(out: Path) -> EventAccumulator:
    return EventAccumulator(str(out / "tensorboard")).Reload()


def test_tensorboard_gets_numbers_pictures_and_the_recipe_and_no_step_twice(tmp_path: Path) -> None:
    """kohya-ss/sd-scripts and accelerate log a killed run's steps again; here they are purged."""
    out = tmp_path / "model"
    track(["tensorboard"], out, 0, 7)
    track(["tensorboard"], out, 5, 9)
    read = events(out)
    assert [event.step for event in read.Scalars("loss")] == list(range(1, 10))
    assert read.Scalars("loss")[3].value == pytest.approx(0.25)
    assert [event.step for event in read.Scalars("rare")] == [4, 8]
    assert [event.step for event in read.Scalars("seconds_per_step")] == list(range(1, 10))
    assert [event.step for event in read.Scalars(POINT)] == [2, 4, 6, 8]
    assert [(event.step, event.width, event.height) for event in read.Images(PICTURE)][-1] == (8, 30, 20)
    assert [event.step for event in read.Images(PICTURE)] == [2, 4, 6, 8]
    assert [event.step for event in read.Scalars("final/loss")][-1] == 9
    assert b"recipe: squares" in read.Tensors("recipe/text_summary")[0].tensor_proto.string_val[0]
    assert not (out / "checkpoints").exists()


def test_wandb_offline_goes_on_with_the_same_run_and_no_step_twice(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """wandb #4482 and tango #152: a resumed run logs the steps after its checkpoint again, with a warning each."""
    out = tmp_path / "model"
    track(["wandb"], out, 0, 7)
    track(["wandb"], out, 5, 9)
    folders = sorted((out / "wandb").glob("offline-run-*"))
    assert len({path.name.rpartition("-")[2] for path in folders}) == 1
    rows = wandb_rows(out)
    steps = [row["_step"] for row in rows]
    assert steps == sorted(set(steps))
    assert [row["_step"] for row in rows if "loss" in row] == list(range(1, 10))
    assert {row["_step"] for row in rows if PICTURE in row} == {2, 4, 6, 8}
    assert {row["_step"] for row in rows if POINT in row} == {2, 4, 6, 8}
    assert len(list(out.glob("wandb/offline-run-*/files/media/images/*.png"))) == 4
    assert "must be monotonically" not in capfd.readouterr().err


def test_wandb_is_told_the_recipe_and_not_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/home/ann/my_script.py", "--cache=/home/ann/secrets"])
    track(["wandb"], tmp_path / "model", 0, 1)
    [path] = wandb_files(tmp_path / "model")
    [run] = [record.run for record in wandb_records(path) if record.HasField("run")]
    assert run.project == "actionpairs"
    assert run.display_name == f"model-{run.run_id}"
    assert {"recipe": '"squares"', "steps": "9"}.items() <= {
        i.key: i.value_json for i in run.config.update
    }.items()
    content = path.read_bytes()
    assert b"my_script" not in content
    assert b"secrets" not in content
    summary = [record.summary for record in wandb_records(path) if record.HasField("summary")]
    assert any("final/loss" in (item.key, *item.nested_key) for each in summary for item in each.update)


def test_trackio_goes_on_with_the_same_run_and_no_step_twice(
    tmp_path: Path, trackio_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "editor one"
    track(["trackio"], out, 0, 7)
    track(["trackio"], out, 5, 9)
    track(["trackio"], tmp_path / "other", 0, 1)
    rows = [row for row in trackio_rows(trackio_folder) if row[0].startswith("editor-one-")]
    assert len({run for run, _, _ in rows}) == 1
    losses = Counter(step for _, step, values in rows if "loss" in values)
    assert losses == Counter(range(1, 10))
    pictures = [values[PICTURE] for _, _, values in rows if PICTURE in values]
    assert len(pictures) == 4
    assert (trackio_folder / "media" / pictures[0]["file_path"]).stat().st_size > 50
    assert any("final/loss" in values for _, _, values in rows)
    assert capsys.readouterr().out == ""  # it belongs to --json


def test_a_tracker_that_begins_later_begins_at_the_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "model"
    track(["tensorboard"], out, 0, 7)
    track(["tensorboard", "wandb"], out, 5, 9)
    assert [row["_step"] for row in wandb_rows(out) if "loss" in row] == [6, 7, 8, 9]


class Startable(tracker_kinds.TensorBoard):
    """Writes nothing: two writers in one folder would purge each other's events."""

    def start(self, run: object) -> int:
        return 1


class Broken(Startable):
    """Fails at every call."""

    def log(self, *_: object) -> None:
        raise OSError(28, "No space left on device: https://user:secret@host/x?sign=1")

    log_picture = log_final = finish = log


class Unstartable(tracker_kinds.TensorBoard):
    def start(self, run: object) -> int:
        raise ConnectionError("no network")


class Hanging(Startable):
    """Never comes back from its first call."""

    def log(self, *_: object) -> None:
        threading.Event().wait()


@pytest.mark.parametrize(
    ("kind", "reason"), [(Broken, "No space left"), (Unstartable, "no network"), (Hanging, "has not finished")]
)
def test_a_tracker_that_fails_costs_one_warning_and_no_row(
    kind: type, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """wandb #1287: a logger's network error should not end a training run."""
    monkeypatch.setitem(tracker_kinds.KINDS, "wandb", kind)
    monkeypatch.setattr(trackers, "_CLOSE_SECONDS", 3)
    begun = time.perf_counter()
    track(["wandb", "tensorboard"], tmp_path / "model", 0, 9)
    assert time.perf_counter() - begun < 30  # it waits for 3 s, and the machine may be busy
    assert len(metric_log.load_rows(tmp_path / "model/losses.csv")) == 9
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert sum("wandb" in line for line in warnings) == 1
    assert reason in warnings[0]
    assert "secret" not in warnings[0]
    wait_until(lambda: len(events(tmp_path / "model").Scalars("loss")) == 9)


def test_a_tracker_that_is_far_behind_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(tracker_kinds.KINDS, "wandb", Hanging)
    monkeypatch.setattr(trackers, "_WAITING", 5)
    monkeypatch.setattr(trackers, "_CLOSE_SECONDS", 0)
    track(["wandb"], tmp_path / "model", 0, 40)
    assert "5 entries behind" in capsys.readouterr().err


def test_without_a_login_wandb_does_not_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setattr("wandb.login", lambda **options: options["prompt"])
    monkeypatch.setattr("wandb.setup", lambda: type("", (), {"settings": type("", (), {"mode": "online"})}))
    track(["wandb"], tmp_path / "model", 0, 2)
    assert "Run `wandb login`, or set WANDB_MODE=offline" in capsys.readouterr().err


ONLINE = """
import sys
from pathlib import Path
from actionpairs.training import devices
from tests.training.fake_wandb import serving
from tests.training.tracked_runs import track
devices.create_accelerator("cpu")
track(["wandb"], Path(sys.argv[1]), 0, 7)
track(["wandb"], Path(sys.argv[1]), 5, 9)
"""


@pytest.mark.slow
def test_wandb_online_goes_on_where_the_server_says(tmp_path: Path) -> None:
    """finetrainers #188: a resumed run is a new one. In a process of its own: W&B reads the address once."""
    with serving() as server:
        environment = os.environ | {
            "WANDB_BASE_URL": server.url,
            "WANDB_API_KEY": "a" * 40,
            "WANDB_MODE": "online",
        }
        process = subprocess.run(
            [sys.executable, "-c", ONLINE, str(tmp_path / "model")],
            env=environment | {"HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
            cwd=Path(__file__).parents[2],
            timeout=300,
            capture_output=True,
            text=True,
            check=True,
        )
    [(run, rows)] = server.history.items()
    assert server.names[run] == f"model-{run}"
    assert [row["_step"] for row in rows if "loss" in row] == list(range(1, 10))
    assert {row["_step"] for row in rows if PICTURE in row} == {2, 4, 6, 8}
    assert len([name for name in server.uploads if name.startswith("media/images/samples_")]) == 4
    assert "WARNING" not in process.stderr
    assert "warning" not in process.stderr


def test_names_are_chosen_once_and_none_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trackers.choose(["none"]) == ()
    assert trackers.choose(["wandb", "tensorboard", "wandb"]) == ("wandb", "tensorboard")
    for names in (["comet"], ["none", "wandb"]):
        with pytest.raises(TrainingError, match="is no tracker here"):
            trackers.choose(names)
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    for name, extra in (("trackio", "trackers"), ("tensorboard", "train")):
        with pytest.raises(MissingExtraError, match=f"--tracker {name}") as caught:
            trackers.choose([name])
        assert f"[{extra}]" in caught.value.cure


@pytest.mark.parametrize("text", ["", "null", "[1]"])
def test_a_broken_file_of_runs_costs_one_warning(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "checkpoints/trackers.json"
    path.parent.mkdir()
    path.write_text(text)
    with Trackers(["tensorboard"]) as made:
        made.start(tmp_path, start_step=2, logged_steps=2)
    assert "trackers.json cannot be read, so trackers begin new runs" in capsys.readouterr().err


def test_a_folder_that_a_run_left_is_not_taken_for_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python finds ./wandb as a package without files."""
    (tmp_path / "not_installed").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(trackers.KINDS, "not_installed", tracker_kinds.WandB)
    with pytest.raises(MissingExtraError, match="--tracker not_installed"):
        trackers.choose(["not_installed"])


def test_the_config_has_no_folder_and_no_password(tmp_path: Path) -> None:
    (tmp_path / "weights/k400").mkdir(parents=True)
    config = RecognizerConfig(task="recognizer", source=str(tmp_path / "weights/k400"))
    sent = Trackers.of(["wandb"], StageSpec("train", "squares", config, {"shards 0": "12ab"}))._config
    assert sent["source"] == "k400"
    assert (sent["recipe"], sent["steps"], sent["shards 0"]) == ("squares", 5000, "12ab")
    nested = trackers._without_folders({"a": ["hf://user:key@host/x?token=1", "facebook/timesformer", "~/x/y"]})
    assert nested == {"a": ["hf://host/x", "facebook/timesformer", "y"]}


def test_the_dry_run_says_where_each_would_write(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trackers.describe(["tensorboard", "wandb", "trackio"]) == [
        "tensorboard: OUT/tensorboard",
        "wandb: project actionpairs, offline; OUT/wandb",
        "trackio: project actionpairs, on this machine",
    ]
    assert os.environ["WANDB_MODE"] == "offline"
