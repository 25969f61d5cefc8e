"""What the page's buttons do. Every error that a user can act on becomes a line of the page."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr
import numpy as np

from actionpairs.app.editing import EditRequest, EditStopped, Runs, iter_edits, save
from actionpairs.app.results import ResultPicture, Results, status
from actionpairs.app.split_samples import SplitSamples
from actionpairs.editors.editor import Editor
from actionpairs.errors import ActionpairsError, ScoreError
from actionpairs.stages import edit as stage
from actionpairs.stages.run_time import duration

Upload = dict[str, Any] | None  # gradio's FileData as JSON; gradio has checked that its path is one of an upload
Pictures = tuple[np.ndarray, np.ndarray | None]  # the input, and the real last frame of a sample
_NO_CHANGE = (gr.skip(),) * 4


class Answers:
    """The functions behind the page of one editor. folder: where pictures are written."""

    def __init__(self, editor: Editor, samples: SplitSamples | None, folder: Path) -> None:
        self.editor, self.samples, self._folder = editor, samples, folder
        self._runs = Runs()

    def describe(self, upload: Upload) -> str:
        """The size of a picture and that of its edit, or why it cannot be read."""
        if upload is None:
            return ""
        try:
            picture = _picture(upload)
        except ActionpairsError as error:
            return _error(error)
        sizes = [f"{each.shape[1]} × {each.shape[0]}" for each in (picture, self._fitted(picture, None))]
        return status(f"{sizes[0]} pixels; at the model's own size, an edit is {sizes[1]}.")

    def edit_picture(
        self,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio looks for it there
        *values: Any,
    ) -> Iterator[tuple[Any, ...]]:
        """Edits of the uploaded picture, as they are made. values: the picture, the instruction, the settings."""
        upload, *asked = values
        yield from self._edits(lambda: (_picture(upload), None), asked, request, progress)

    def edit_sample(
        self,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio looks for it there
        *values: Any,
    ) -> Iterator[tuple[Any, ...]]:
        """Edits of a sample's first frame, with its real last frame. values: its number, instruction, settings."""
        number, *asked = values
        yield from self._edits(lambda: self._samples.load_pictures(_index(number)), asked, request, progress)

    def sample(self, number: float | None) -> tuple[Any, ...]:
        """A sample's frames and instruction, and what it is."""
        try:
            example = self._samples.example(_index(number))
            first, last = self._samples.load_pictures(_index(number))
        except ActionpairsError as error:
            return None, None, gr.skip(), _error(error)
        files = [save(picture, self._folder, secrets.token_hex(8)) for picture in (first, last)]
        return *files, example.entry.instruction, status(f"{example.entry.key} · {example.entry.action}")

    def previous(self, number: float | None) -> int:
        """The number of the sample before."""
        return max(round(number or 1) - 1, 1)

    def next(self, number: float | None) -> int:
        """The number of the sample after."""
        return min(round(number or 1) + 1, len(self._samples))

    def select(self, results: Results | None, event: gr.SelectData) -> tuple[Any, ...]:
        """Compare another picture with the input."""
        return _NO_CHANGE if results is None else _values(results.select(event.index), is_new=False)

    def cancel(self, request: gr.Request) -> str:
        """Stop the run of this tab before its next step."""
        return status("Canceled." if self._runs.stop(str(request.session_hash)) else "Nothing is running.")

    def leave(self, request: gr.Request) -> None:
        """Stop the run of a tab that was closed."""
        self._runs.stop(str(request.session_hash))

    def stop(self) -> None:
        """Stop what runs."""
        self._runs.stop_all()

    @property
    def _samples(self) -> SplitSamples:
        assert self.samples is not None, "only the second tab asks"
        return self.samples

    def _edits(
        self, load: Callable[[], Pictures], asked: list[Any], request: gr.Request, progress: gr.Progress
    ) -> Iterator[tuple[Any, ...]]:
        """Status and results after every edit. load: the pictures. asked: the instruction and the settings."""
        tab = str(request.session_hash)
        stop = self._runs.start(tab)
        try:
            yield from self._made(load, self._request(*asked), stop, progress)
        except EditStopped:
            yield status("Canceled."), *_NO_CHANGE
        except ActionpairsError as error:
            yield _error(error), *_NO_CHANGE
        finally:
            self._runs.end(tab, stop)

    def _made(
        self, load: Callable[[], Pictures], asked: EditRequest, stop: Event, progress: gr.Progress
    ) -> Iterator[tuple[Any, ...]]:
        began, steps = time.perf_counter(), asked.sampling.steps

        def begin_step(number: int, step: int) -> None:
            if stop.is_set():
                raise EditStopped
            done, seconds = number * steps + step, time.perf_counter() - began
            left = f", about {duration(seconds / done * (asked.edits * steps - done))} left" if done > 1 else ""
            progress((done, asked.edits * steps), desc=f"seed {asked.seeds[number]}{left}", unit="steps")

        picture, last = load()
        fitted = self._fitted(picture, asked.resolution)
        name = secrets.token_hex(4)
        results = Results(save(fitted, self._folder, f"{name}-input"))
        if last is not None:
            real = save(self._fitted(last, asked.resolution), self._folder, f"{name}-last-frame")
            results = replace(results, real=ResultPicture(real, "the real last frame"))
        warnings = self._warnings(picture, fitted, asked)
        for number, (seed, edit) in enumerate(iter_edits(self.editor, fitted, asked, begin_step=begin_step), 1):
            edit_file = save(edit, self._folder, f"{name}-seed-{seed}")
            results = results.with_edit(ResultPicture(edit_file, f"seed {seed}"))
            text = f"{number} of {asked.edits} edits in {duration(time.perf_counter() - began)}."
            yield status(text, warnings=warnings), *_values(results)

    def _request(self, instruction: str | None, *settings: float | None) -> EditRequest:
        """What the page asks for, from its values in their order."""
        edits, first_seed, steps, resolution, text_guidance, image_guidance = settings
        own = self.editor.defaults
        return EditRequest(
            instruction=str(instruction or ""),
            edits=_whole("The number of seeds", edits),
            first_seed=_whole("The first seed", first_seed),
            resolution=_whole("The size", resolution),
            sampling=own.sampling.updated(
                steps=_whole("The number of steps", steps),
                image_guidance=_number("The image guidance", image_guidance),
                text_guidance=_number("The text guidance", text_guidance),
            ),
        )

    def _warnings(self, picture: np.ndarray, fitted: np.ndarray, asked: EditRequest) -> list[str]:
        own, scales = self.editor.defaults, (asked.sampling.image_guidance, asked.sampling.text_guidance)
        texts = stage.warnings(own, resolution=asked.resolution, scales=[scales])
        return [*texts, *stage.size_warnings(own, picture, fitted)]

    def _fitted(self, picture: np.ndarray, resolution: int | None) -> np.ndarray:
        size = resolution or self.editor.defaults.resolution
        return stage.fit(picture, size, multiple=self.editor.multiple)


def _picture(upload: Upload) -> np.ndarray:
    if upload is None:
        raise ScoreError("There is no picture.", cure="Drop one into the page, or click to choose one.")
    path = Path(upload["path"])
    return stage.decode(path.read_bytes(), name=upload.get("orig_name") or path.name)


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ScoreError(f"{name} is {'missing' if value is None else value}.", cure="Write a number.")
    return value


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if number != int(number):
        raise ScoreError(f"{name} is {number}.", cure="Write a whole number.")
    return int(number)


def _index(number: float | None) -> int:
    return _whole("The sample's number", number) - 1


def _error(error: ActionpairsError) -> str:
    return status(f"{error.message} {error.cure}", is_error=True)


def _values(results: Results, *, is_new: bool = True) -> tuple[Any, ...]:
    """The values of the page's results. is_new: the gallery changes too."""
    chosen = results.chosen
    button = gr.DownloadButton(f"Download {chosen.caption}", value=chosen.path, interactive=True)
    gallery = gr.Gallery(results.gallery, selected_index=results.selected) if is_new else gr.skip()
    return results, gallery, results.pair, button
