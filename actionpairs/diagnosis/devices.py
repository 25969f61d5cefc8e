"""The devices that torch can use, asked in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from actionpairs.diagnosis.packages import version_of
from actionpairs.diagnosis.records import Device, Devices

_PROBE = "actionpairs.diagnosis.torch_probe"
_SECONDS = 120.0  # the first import from a network disk takes long


class DeviceProbe:
    """Starts asking at once; `result` waits for the answer."""

    def __init__(self, *, module: str = _PROBE, seconds: float = _SECONDS) -> None:
        self._seconds, self._process = seconds, None
        if version_of("torch"):
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
            )

    def result(self) -> Devices:
        """The answer, or why there is none."""
        if self._process is None:
            return Devices("", (), "")
        try:
            out, err = self._process.communicate(timeout=self._seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return Devices("", (), f"importing torch takes longer than {self._seconds:.0f} s")
        if self._process.returncode:
            code = self._process.returncode
            last = err.strip().splitlines()[-1:] if code > 0 else []
            return Devices("", (), " ".join(last)[:300] or f"it ends with exit code {code}")
        return _parsed(out)


def _parsed(text: str) -> Devices:
    """The answer is the last line; libraries may print before it."""
    try:
        content = json.loads(text.strip().splitlines()[-1])
        devices = tuple(Device(**each) for each in content["devices"])
        return Devices(content["built_for"], devices, content["error"])
    except (ValueError, IndexError, KeyError, TypeError):
        return Devices("", (), "it gives no answer")
