"""SIGTERM, noted so that training can stop between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import torch
from accelerate import Accelerator


class SigtermFlag:
    """A context in which SIGTERM sets a flag and does not end the process."""

    def __init__(self) -> None:
        self.is_set = False

    def __enter__(self) -> SigtermFlag:
        # Python lets only the main thread handle signals. In other threads the default handler stays.
        self._is_main_thread = threading.current_thread() is threading.main_thread()
        if self._is_main_thread:
            self._previous = signal.signal(signal.SIGTERM, self._set)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_main_thread:
            signal.signal(signal.SIGTERM, self._previous)

    def is_set_anywhere(self, accelerator: Accelerator) -> bool:
        """Whether any process got SIGTERM; the same answer in all of them."""
        if accelerator.num_processes > 1:
            flag = torch.tensor(float(self.is_set), device=accelerator.device)
            self.is_set = bool(accelerator.reduce(flag, "sum") > 0)
        return self.is_set

    def _set(self, signum: int, frame: FrameType | None) -> None:
        self.is_set = True
