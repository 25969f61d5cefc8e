"""The page of `actionpairs app`: what one sees, and which function answers which button."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from actionpairs.app import editing
from actionpairs.app.answers import Answers
from actionpairs.app.results import status
from actionpairs.app.split_samples import SplitSamples
from actionpairs.editors.editor import Editor

_STYLE = (Path(__file__).parents[1] / "templates" / "app.css").read_text(encoding="utf-8")
# Without preprocess=False, gradio opens pictures itself, and says only "Error" of one that it cannot read.
_ONE_AT_A_TIME: dict[str, Any] = {"preprocess": False, "concurrency_limit": 1, "concurrency_id": "edits"}
_AT_ONCE: dict[str, Any] = {
    "preprocess": False, "queue": False, "show_progress": "hidden", "api_visibility": "private",
}  # fmt: skip


class Page:
    """The page of one model. samples: those of the second tab; None for a page with one tab.

    folder: where results are written. `blocks` is what gradio serves.
    """

    def __init__(self, name: str, editor: Editor, samples: SplitSamples | None, folder: Path) -> None:
        self.answers = Answers(editor, samples, folder)
        with gr.Blocks(title=f"{name} · actionpairs", analytics_enabled=False, fill_width=True) as self.blocks:
            gr.HTML(_heading(name, editor))
            self._results = gr.State(None)
            with gr.Row(equal_height=False):
                with gr.Column(scale=2, min_width=320):
                    self._lay_out_inputs(editor, samples)
                with gr.Column(scale=3, min_width=320):
                    self._lay_out_results()
            self._connect()
            self.blocks.unload(self.answers.leave)

    def launch_options(self) -> dict[str, Any]:
        """What `launch` needs besides the address: everything comes from this machine, nothing is recorded."""
        return {
            "css": _STYLE,
            "theme": gr.themes.Default(primary_hue="blue"),
            "footer_links": [],
            "run_history": False,
            "enable_monitoring": False,
            "mcp_server": False,
            "ssr_mode": False,
            "quiet": True,
            "prevent_thread_lock": True,
        }

    def _lay_out_inputs(self, editor: Editor, samples: SplitSamples | None) -> None:
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Picture"):
                self._picture = gr.Image(
                    label="Picture",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard"],
                    height=320,
                    buttons=[],
                    elem_id="picture",
                )
                self._note = gr.HTML(elem_id="note")
                self._instruction = _instruction("instruction")
                self._edit = gr.Button("Edit", variant="primary", elem_id="edit")
            if samples is not None:
                with gr.Tab(samples.split, elem_id="split-tab"):
                    self._lay_out_samples(samples)
        self._cancel = gr.Button("Cancel", elem_id="cancel")
        self._status = gr.HTML(status("Ready."), elem_id="status")
        self._settings = _settings(editor)

    def _lay_out_samples(self, samples: SplitSamples) -> None:
        with gr.Row(equal_height=True):
            self._previous = gr.Button("◀ Previous", size="sm", elem_id="previous", min_width=80)
            self._number = gr.Number(
                1, label=f"Sample, 1 to {len(samples)}", precision=0, minimum=1, maximum=len(samples),
                elem_id="sample", min_width=120,
            )  # fmt: skip
            self._next = gr.Button("Next ▶", size="sm", elem_id="next", min_width=80)
        self._about = gr.HTML(elem_id="about")
        with gr.Row():
            self._first = gr.Image(label="First frame", interactive=False, buttons=["fullscreen"], min_width=140)
            self._last = gr.Image(
                label="Real last frame", interactive=False, buttons=["fullscreen"], min_width=140
            )
        self._sample_instruction = _instruction("sample-instruction")
        self._edit_sample = gr.Button("Edit the first frame", variant="primary", elem_id="edit-sample")

    def _lay_out_results(self) -> None:
        self._gallery = gr.Gallery(
            label="Edits, one for each seed: choose one to compare it", columns=3, height="auto",
            object_fit="contain", allow_preview=False, interactive=False, buttons=[], elem_id="edits",
            format="png",
        )  # fmt: skip
        self._slider = gr.ImageSlider(
            label="Before and after", interactive=False, buttons=["fullscreen"], elem_id="compare", max_height=560,
            format="png",
        )  # fmt: skip
        self._download = gr.DownloadButton("Download", interactive=False, elem_id="download")

    def _connect(self) -> None:
        answers, results = self.answers, [self._results, self._gallery, self._slider, self._download]
        self._picture.change(answers.describe, self._picture, self._note, **_AT_ONCE)
        runs = [
            self._on(
                [self._edit.click, self._instruction.submit],
                answers.edit_picture,
                [self._picture, self._instruction, *self._settings],
                api_name="edit",
            )
        ]
        if answers.samples is not None:
            runs.append(self._connect_samples())
        self._cancel.click(answers.cancel, None, self._status, **_AT_ONCE)
        self._cancel.click(None, None, None, cancels=runs)
        self._gallery.select(answers.select, self._results, results, **_AT_ONCE)

    def _connect_samples(self) -> Any:
        answers, sample = self.answers, [self._first, self._last, self._sample_instruction, self._about]
        self._previous.click(answers.previous, self._number, self._number, **_AT_ONCE)
        self._next.click(answers.next, self._number, self._number, **_AT_ONCE)
        self._number.change(answers.sample, self._number, sample, **_AT_ONCE)
        self.blocks.load(answers.sample, self._number, sample, **_AT_ONCE)
        return self._on(
            [self._edit_sample.click, self._sample_instruction.submit],
            answers.edit_sample,
            [self._number, self._sample_instruction, *self._settings],
            api_name="edit_sample",
        )

    def _on(
        self,
        events: list[Callable[..., Any]],
        answer: Callable[..., Iterator[Any]],
        inputs: list[Any],
        *,
        api_name: str,
    ) -> Any:
        """Let an answer follow several events, one run of edits at a time for all who have the page open."""
        outputs = [self._status, self._results, self._gallery, self._slider, self._download]
        return gr.on(
            events,
            answer,
            inputs,
            outputs,
            show_progress_on=self._status,
            api_name=api_name,
            **_ONE_AT_A_TIME,
        )


def _heading(name: str, editor: Editor) -> str:
    size = editor.defaults.resolution
    about = f"{editor.traits.name}, trained at {size} pixels, on {editor.device}"
    return f"<h1>{html.escape(name)}</h1><p class='about'>{html.escape(about)}</p>"


def _instruction(elem_id: str) -> gr.Textbox:
    return gr.Textbox(label="Instruction", placeholder="open the drawer", max_lines=4, elem_id=elem_id)


def _settings(editor: Editor) -> list[gr.Number]:
    """Numbers in the order in which `Answers` takes them; each starts at the model's own value."""
    own = editor.defaults
    with gr.Row():
        seeds = [
            _whole("Number of seeds", 3, 1, editing.MOST_SEEDS, "seeds"),
            _whole("First seed", 0, 0, editing.LARGEST_SEED, "first-seed"),
        ]
    with gr.Accordion("Steps, size and guidance", open=False, elem_id="more"), gr.Row():
        sizes = [
            _whole("Steps", own.sampling.steps, 1, editing.MOST_STEPS, "steps"),
            _whole("Size in pixels", own.resolution, editing.SMALLEST_SIDE, editing.LARGEST_SIDE, "size"),
        ]
        text = gr.Number(own.sampling.text_guidance, label="Text guidance, s_c", step=0.5, elem_id="text-guidance")
        image = gr.Number(
            own.sampling.image_guidance,
            label="Image guidance, s_i",
            step=0.1,
            visible=editor.traits.guided_by_picture,
            elem_id="image-guidance",
        )
    return [*seeds, *sizes, text, image]


def _whole(label: str, value: int, least: int, most: int, elem_id: str) -> gr.Number:
    return gr.Number(
        value, label=label, precision=0, minimum=least, maximum=most, step=1, elem_id=elem_id, min_width=120
    )
