"""Serve the page of a model on this machine until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from actionpairs.app.split_samples import SplitSamples
from actionpairs.errors import ScoreError, one_line
from actionpairs.stages import edit as stage


# 10 parameters: this is the command `app` in Python, with one parameter for each of its options
def serve(
    model: str,
    *,
    shards: str | None = None,
    split: str | None = None,
    lora: str | None = None,
    quantize: str | None = None,
    device: str = "auto",
    host: str = "127.0.0.1",
    port: int = 7860,
    share: bool = False,
    announce: Callable[[str], None] = print,
) -> None:
    """Open a page where a model edits pictures, and samples of a split if shards and split are there.

    model, lora, quantize, device: as of `edit`. host: which addresses may reach the page; 0.0.0.0 lets every
    machine of the network. share: ask gradio for a public address. announce: gets the address once the page is
    there. It returns after Ctrl-C; uploads and edits are then removed. Raises ActionpairsErrors.
    """
    samples = SplitSamples(shards, split) if shards is not None and split is not None else None
    editor = stage.load(model, lora=lora, quantize=quantize, device=device)
    with tempfile.TemporaryDirectory(prefix="actionpairs-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # gradio reads it when it is imported
        from actionpairs.app.page import Page

        page = Page(Path(model).name, editor, samples, Path(folder))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # else the uploads would stay
        try:
            _launch(page, host=host, port=port, share=share)
            announce(str(page.blocks.local_url))
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:  # the usual way to end it
            print("stopping …", file=sys.stderr, flush=True)  # gradio takes some seconds
        finally:
            page.answers.stop()
            page.blocks.close(verbose=False)


def _launch(page: Any, *, host: str, port: int, share: bool) -> None:
    _reach_without_proxy(host)
    try:
        with redirect_stdout(sys.stderr):  # gradio prints the public address; --json makes stdout a document
            page.blocks.launch(server_name=host, server_port=port, share=share, **page.launch_options())
    except OSError:
        raise ScoreError(
            f"--host {host} --port {port}: nothing can be served there; another program may have the port.",
            cure=f"Give another one, such as --port {port + 1}.",
        ) from None
    except ValueError as error:
        raise ScoreError(
            f"--host {host} --port {port}: this machine does not reach its own page: {one_line(error)}",
            cure=f"Set no_proxy={host} if a proxy is set, or give --host 127.0.0.1.",
        ) from None


def _reach_without_proxy(host: str) -> None:
    """Gradio asks its own page whether it answers, and would ask it through a proxy that the environment names."""
    for name in ("no_proxy", "NO_PROXY"):
        hosts = [text for text in (os.environ.get(name), "127.0.0.1", "localhost", host) if text]
        os.environ[name] = ",".join(hosts)
