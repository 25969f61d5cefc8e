"""SIGINT (Ctrl-C) and SIGTERM, noted so that training can stop between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import torch
from accelerate import Accelerator

_NOTED = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """A context in which the first SIGINT or SIGTERM is noted and does not end the process.

    The second one does what it does otherwise, so that a step that hangs can be ended. received: 0 if none came.
    """

    def __init__(self) -> None:
        self.received = 0

    def __enter__(self) -> StopSignals:
        # Python lets only the main thread handle signals. In other threads the default handlers stay.
        self._is_main_thread = threading.current_thread() is threading.main_thread()
        if self._is_main_thread:
            self._previous = {number: signal.signal(number, self._note) for number in _NOTED}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def received_anywhere(self, accelerator: Accelerator) -> int:
        """The signal that some process got, or 0; the same answer in all of them."""
        if accelerator.num_processes > 1:
            number = torch.tensor([float(self.received)], device=accelerator.device)
            self.received = int(accelerator.gather(number).max())
        return self.received

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        if self._is_main_thread:
            for number, handler in self._previous.items():
                signal.signal(number, handler)
