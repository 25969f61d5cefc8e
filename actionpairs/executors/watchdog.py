"""Ends a worker process that makes no progress. In other processes it does nothing.

A decoder or a network file system can hang in a C call, which no exception can interrupt. So the whole process
ends, and the executor reports the task as `Died(hung=True)`.
"""

from __future__ import annotations

import signal

SIGNAL = signal.SIGALRM  # its default action ends the process
_is_worker = False


def start() -> None:
    """Watch this process from now on. A worker calls this when it starts."""
    global _is_worker  # one process is one worker
    _is_worker = True


def expect_progress(within_seconds: int) -> None:
    """End this worker if neither this function nor `stop` is called within so many seconds."""
    if _is_worker:
        signal.alarm(within_seconds)


def stop() -> None:
    """Stop watching: the task is done."""
    if _is_worker:
        signal.alarm(0)
