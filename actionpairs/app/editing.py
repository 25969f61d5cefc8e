"""Edits for a page: one seed after the other, so that each is shown when it is made, and stopped between steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event, Lock

import numpy as np
from PIL import Image

from actionpairs.editors.editor import Editor, Sampling
from actionpairs.editors.steps import each_step
from actionpairs.errors import ScoreError
from actionpairs.stages import edit as stage

MOST_SEEDS, MOST_STEPS, SMALLEST_SIDE, LARGEST_SIDE, LARGEST_SEED = 16, 1000, 8, 4096, 2**53 - 2 * 16


@dataclass(frozen=True, slots=True)
class EditRequest:
    """What a page asks for. resolution: as of `edit`. Raises ScoreError if a value is missing or out of bounds."""

    instruction: str
    edits: int
    first_seed: int
    resolution: int
    sampling: Sampling

    def __post_init__(self) -> None:
        if not self.instruction.strip():
            raise ScoreError(
                "There is no instruction.", cure="Write what is to be done, such as: open the drawer."
            )
        bounds = (
            ("The number of seeds", self.edits, 1, MOST_SEEDS),
            ("The first seed", self.first_seed, 0, LARGEST_SEED),  # what a browser can write without rounding
            ("The number of steps", self.sampling.steps, 1, MOST_STEPS),
            ("The size", self.resolution, SMALLEST_SIDE, LARGEST_SIDE),
            ("The image guidance", self.sampling.image_guidance, -100, 100),
            ("The text guidance", self.sampling.text_guidance, -100, 100),
        )
        for name, value, least, most in bounds:
            if not least <= value <= most:
                raise ScoreError(f"{name} is {value:g}.", cure=f"Choose one from {least} to {most}.")

    @property
    def seeds(self) -> range:
        """The seeds, one for each edit."""
        return range(self.first_seed, self.first_seed + self.edits)


class EditStopped(Exception):  # noqa: N818 - no error: someone asked for it
    """The edits were stopped between two steps."""


def iter_edits(
    editor: Editor, picture: np.ndarray, request: EditRequest, *, begin_step: Callable[[int, int], None]
) -> Iterator[tuple[int, np.ndarray]]:
    """Each seed and its edit, the one that `edit` makes with this seed alone.

    picture: H W 3 uint8 of the size that the editor takes. begin_step: gets the numbers of the edit and of its
    step, both from zero; what it raises ends the edits. Raises ScoreError if the memory does not suffice.
    """
    for number, seed in enumerate(request.seeds):
        steps = count()

        def begin(number: int = number, steps: Iterator[int] = steps) -> None:
            begin_step(number, next(steps))

        with each_step(editor, begin):
            [edit] = stage.edits(editor, [picture], request.instruction, seeds=[seed], sampling=request.sampling)
        yield seed, edit


class Runs:
    """What stops the run of each browser tab, by the tab's name."""

    def __init__(self) -> None:
        self._lock, self._stop_of = Lock(), dict[str, Event]()

    def start(self, tab: str) -> Event:
        """A new run of a tab: the event that stops it."""
        stop = Event()
        with self._lock:
            self._stop_of[tab] = stop
        return stop

    def end(self, tab: str, stop: Event) -> None:
        """Forget a run that has ended."""
        with self._lock:
            if self._stop_of.get(tab) is stop:
                del self._stop_of[tab]

    def stop(self, tab: str) -> bool:
        """Stop a tab's run; False if there is none."""
        with self._lock:
            stop = self._stop_of.pop(tab, None)
        if stop is None:
            return False
        stop.set()
        return True

    def stop_all(self) -> None:
        """Stop what runs."""
        for tab in tuple(self._stop_of):
            self.stop(tab)


def save(picture: np.ndarray, folder: Path, name: str) -> str:
    """Write a picture, H W 3 uint8, as PNG into a folder; returns its path."""
    path = folder / f"{name}.png"
    Image.fromarray(picture).save(path)
    return str(path)
