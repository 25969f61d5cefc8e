"""A real browser for the tests of pages."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_KEYS = {"Enter": (13, "\r"), "Backspace": (8, ""), "Tab": (9, "")}
_PATIENCE_SECONDS = 60


def open_page(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page headless; what it logs stands in stderr, what `--dump-dom` prints in stdout."""
    return subprocess.run(
        [
            str(CHROMIUM), *_OPTIONS, f"--user-data-dir={page.parent / 'profile'}", "--virtual-time-budget=5000",
            "--enable-logging=stderr", *options, page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )  # fmt: skip


class Tab:
    """An open page that can be typed into and clicked, as a person would, over the DevTools protocol."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from, self._buffer, self._count, self._session = to_browser, from_browser, b"", 0, ""
        self.logged: list[str] = []  # errors and exceptions
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for room in ("Page", "Runtime", "Log"):
            self.ask(f"{room}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        self._count += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._count, "method": method, "params": parameters, **session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._count:
            if answer.get("method") in {"Runtime.exceptionThrown", "Log.entryAdded"}:
                self.logged.append(json.dumps(answer["params"]))
        assert "error" not in answer, answer
        return dict(answer["result"])

    def open(self, page: Path) -> float:
        """Open a page; returns the seconds until it was loaded and drawn."""
        start = time.perf_counter()
        self.ask("Page.navigate", url=page.as_uri())
        self.wait("document.readyState === 'complete'")
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
        return time.perf_counter() - start

    def run(self, expression: str) -> Any:
        """What a JavaScript expression gives, awaited."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until a JavaScript expression is true."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not self.run(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        """Press keys one after the other: characters, Enter, Backspace or Tab."""
        for key in keys:
            code, text = _KEYS[key] if key in _KEYS else (ord(key.upper()), key)
            key_event = {"key": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
            self.ask("Input.dispatchKeyEvent", type="keyDown", **key_event)
            self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse."""
        middle = f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView(); "
        middle += "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        x, y = self.run(middle)
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path: Path) -> None:
        """What the window shows, as PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            piece = os.read(self._from, 1 << 16)
            assert piece, "the browser is gone"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def browsing(profile: Path, *, width: int = 1440, height: int = 900) -> Iterator[Tab]:
    """A browser with one empty tab; what it downloads comes into profile/downloads."""
    (read_3, write_3), (read_4, write_4) = os.pipe(), os.pipe()

    def wire() -> None:  # the browser reads commands at descriptor 3 and answers at 4
        low, high = os.dup(read_3), os.dup(write_4)
        os.dup2(low, 3)
        os.dup2(high, 4)

    process = subprocess.Popen(
        [
            str(CHROMIUM), *_OPTIONS, f"--user-data-dir={profile}", f"--window-size={width},{height}",
            "--remote-debugging-pipe",
        ],
        preexec_fn=wire, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        os.close(read_3)
        os.close(write_4)
        tab = Tab(write_3, read_4)
        downloads = {"behavior": "allow", "downloadPath": str(profile / "downloads")}
        tab.ask("Page.setDownloadBehavior", **downloads)
        yield tab
    finally:
        process.kill()
        process.wait()
        os.close(write_3)
        os.close(read_4)
