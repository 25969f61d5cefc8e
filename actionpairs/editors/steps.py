"""The steps of sampling, as they begin: to time them, to show them, and to stop between two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from actionpairs.editors.editor import Editor


@contextmanager
def each_step(editor: Editor, begin: Callable[[], None]) -> Iterator[None]:
    """Call `begin` as every step of one `sample` begins; what it raises ends the sampling.

    A step is one time, whether the denoiser passes it once or, for guidance, twice. Reading the time waits for the
    GPU, so that the calls are as far apart as the steps truly are.
    """
    last: list[float] = []

    def before_pass(_: torch.nn.Module, inputs: Sequence[Any], options: Mapping[str, Any]) -> None:
        time = options["timestep"] if "timestep" in options else inputs[1]
        now = float(torch.as_tensor(time).flatten()[0])
        if last != [now]:
            last[:] = [now]
            begin()

    hook = editor.denoiser.register_forward_pre_hook(before_pass, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
