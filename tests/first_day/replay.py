"""Replays the tutorial as a new user would: with the built wheel, in a fresh environment, outside of the checkout.

    python tests/first_day/replay.py --python python3.11 --python python3.13

Each Python takes an installation and the tutorial's own minutes. --write pastes what was printed into the page.
Only the standard library and `build` are used here; everything else comes from the wheel.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.first_day import pages  # noqa: E402 - this file is also run as a script
from tests.first_day.day import Day, PageError  # noqa: E402

TUTORIAL = ROOT / "docs" / "tutorial.md"
CONSTRAINTS = ROOT / "constraints.txt"


def build_wheel(folder: Path) -> Path:
    """Build the wheel of the checkout."""
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)], check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def install(wheel: Path, python: str, folder: Path, extras: str) -> Path:
    """Install the wheel into a fresh environment; returns the folder of its programs."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    programs = folder / "bin"
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--constraint", str(CONSTRAINTS)]
    subprocess.run([*pip, f"actionpairs[{extras}] @ {wheel.as_uri()}"], check=True, env=_without_checkout())
    return programs


def installed_package(programs: Path, folder: Path) -> dict[str, str]:
    """Where the environment has the package from, and its versions of Python and torch."""
    code = (
        "import json, platform, actionpairs, torch;"
        "print(json.dumps([actionpairs.__file__, platform.python_version(), torch.__version__]))"
    )
    ran = subprocess.run(
        [str(programs / "python"), "-c", code],
        cwd=folder,
        env=_without_checkout(),
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(zip(("file", "python", "torch"), json.loads(ran.stdout), strict=True))


def _without_checkout() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay the tutorial with each Python; the exit code is 1 if one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--python", action="append", help="An interpreter, for example python3.13; may be repeated."
    )
    parser.add_argument("--wheel", type=Path, help="Take this wheel instead of building one.")
    parser.add_argument("--programs", type=Path, help="Take this environment's programs; nothing is installed.")
    parser.add_argument("--extras", default="train", help="Extras to install.")
    parser.add_argument("--work", type=Path, help="Folder to work in, which stays. A temporary one by default.")
    parser.add_argument("--write", action="store_true", help="Paste what was printed into the page.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        work = (options.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        if options.programs:
            return _live(options.programs.absolute(), work / "day", write=options.write)
        wheel = options.wheel.resolve() if options.wheel else build_wheel(work)
        codes = [_replay_with(python, wheel, work, options) for python in options.python or [sys.executable]]
    return max(codes)


def _replay_with(python: str, wheel: Path, work: Path, options: argparse.Namespace) -> int:
    name = Path(python).name if os.sep not in python else "-".join(Path(python).parts[-3:])
    start = time.monotonic()
    programs = install(wheel, python, work / f"environment-{name}", options.extras)
    package = installed_package(programs, work)
    print(f"{time.monotonic() - start:6.1f} s  installing {wheel.name} into {name}: {package}", flush=True)
    if not Path(package["file"]).is_relative_to(programs.parent):
        print(f"{python}: the package is not the wheel's: {package['file']}", file=sys.stderr)
        return 1
    return _live(programs, work / f"day-{name}", write=options.write)


def _live(programs: Path, folder: Path, *, write: bool) -> int:
    """Run the tutorial with these programs in a folder; returns the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    text, start = TUTORIAL.read_text(encoding="utf-8"), time.monotonic()
    day = Day(folder, programs, tell=lambda line: print(line, flush=True), compares=not write)
    try:
        day.live(text)
    except PageError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{time.monotonic() - start:6.1f} s  the whole tutorial, with {os.cpu_count()} cores", flush=True)
    if write:
        TUTORIAL.write_text(pages.rewritten(text, day.outputs), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
