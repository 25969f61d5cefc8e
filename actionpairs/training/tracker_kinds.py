"""TensorBoard, Weights & Biases and Trackio, each as accelerate's tracker: how a run starts and goes on there."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from accelerate.tracking import GeneralTracker, TensorBoardTracker, TrackioTracker, WandBTracker

from actionpairs.errors import TrainingError

PROJECT = "actionpairs"
EVENTS_FOLDER, WANDB_FOLDER = "tensorboard", "wandb"  # in the output folder
FINISH_SECONDS = 45  # for what is not yet uploaded when training ends
_PICTURES, _FINAL, _RECIPE = "samples", "final", "recipe"


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run as trackers are told of it.

    id: of eight characters, and the same when the run goes on. start_step: the step of the checkpoint that it
    resumes from. logged_steps: how many steps were logged before, some of them perhaps after that checkpoint.
    """

    id: str
    name: str
    config: Mapping[str, Any]
    folder: Path
    start_step: int
    logged_steps: int


class Tracker(ABC):
    """One of accelerate's trackers. A tracker cannot take back a step, except for TensorBoard."""

    _tracker: GeneralTracker

    @abstractmethod
    def start(self, run: TrackedRun) -> int:
        """Start the run, or continue it. Returns the first step that the tracker does not have yet."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Send the numbers of a step."""
        self._tracker.log(dict(values), step=step)

    def log_picture(self, picture: np.ndarray, step: int) -> None:
        """Send the picture of a sample point: H W 3, uint8."""
        self._tracker.log_images({_PICTURES: picture[None]}, step=step)

    def log_final(self, values: Mapping[str, float], step: int) -> None:
        """Send the final numbers of a finished run."""
        self.log({f"{_FINAL}/{name}": value for name, value in values.items()}, step)

    def finish(self) -> None:
        """Send what is left, and close the run."""
        self._tracker.finish()


class TensorBoard(Tracker):
    """Events in OUT/tensorboard. Those after the checkpoint are purged when a run resumes."""

    def start(self, run: TrackedRun) -> int:
        """Open the folder of events; a new run gets its recipe as a text."""
        first = run.start_step + 1
        # accelerate's own way to store a config opens a second run beside this one, and another on every resume
        self._tracker = TensorBoardTracker("", run.folder / EVENTS_FOLDER, purge_step=first)
        self._tracker.start()
        if run.start_step == 0:
            text = yaml.safe_dump(dict(run.config), sort_keys=False, allow_unicode=True)
            self._tracker.log({_RECIPE: f"```yaml\n{text}```"}, step=first)
        return first

    def log_picture(self, picture: np.ndarray, step: int) -> None:
        """Send the picture of a sample point: H W 3, uint8."""
        self._tracker.log_images({_PICTURES: picture[None]}, step=step, dataformats="NHWC")


class WandB(Tracker):
    """Weights & Biases: a run by its id, with its files in OUT/wandb. WANDB_MODE and the like are honoured."""

    def start(self, run: TrackedRun) -> int:
        """Open the run by its id. Raises TrainingError where there is no login, rather than ask for one."""
        import wandb

        mode = wandb.setup().settings.mode
        if mode == "online" and not wandb.login(prompt=False):
            raise TrainingError("There is no login.", cure="Run `wandb login`, or set WANDB_MODE=offline")
        folder = {} if os.environ.get("WANDB_DIR") else {"dir": str(run.folder)}
        self._tracker = WandBTracker(
            os.environ.get("WANDB_PROJECT", PROJECT),
            id=run.id,
            name=run.name,
            resume="allow",
            config=dict(run.config),
            settings=wandb.Settings(
                console="off",  # the progress bar would be most of it
                quiet=True,
                disable_git=True,
                x_disable_meta=True,  # the command line, which may hold folders and signed URLs
                finish_timeout=FINISH_SECONDS,
                finish_timeout_raises=True,
            ),
            **folder,
        )
        self._tracker.start()
        # The server says at which step a run goes on; a run offline cannot know, and begins at 0.
        next_step: int = self._tracker.tracker.starting_step if mode == "online" else run.logged_steps + 1
        return max(next_step, run.start_step + 1)

    def log_final(self, values: Mapping[str, float], step: int) -> None:
        """Write the final numbers into the run's summary, which the table of runs shows."""
        self._tracker.tracker.summary.update({f"{_FINAL}/{name}": value for name, value in values.items()})


class Trackio(Tracker):
    """Trackio: a run by its name, in the user's folder (TRACKIO_DIR), or on a Space (TRACKIO_SPACE_ID)."""

    def start(self, run: TrackedRun) -> int:
        """Open the run by its name."""
        self._tracker = TrackioTracker(
            PROJECT, name=run.name, resume="allow", config=dict(run.config), embed=False
        )
        with redirect_stdout(sys.stderr):  # standard output is for the summary, which --json makes a document
            self._tracker.start()
        next_step: int = self._tracker.tracker._next_step  # no public name says it
        return max(next_step, run.start_step + 1)

    def log_picture(self, picture: np.ndarray, step: int) -> None:
        """Send the picture of a sample point: H W 3, uint8. accelerate's tracker has no call for it."""
        import trackio

        self._tracker.log({_PICTURES: trackio.Image(picture)}, step=step)

    def finish(self) -> None:
        """Send what is left, and close the run."""
        with redirect_stdout(sys.stderr):
            super().finish()


KINDS: dict[str, type[Tracker]] = {"tensorboard": TensorBoard, "wandb": WandB, "trackio": Trackio}
