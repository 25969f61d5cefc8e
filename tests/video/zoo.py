"""A zoo of test videos: one small file of every common kind, rendered with PyAV alone.

Every frame carries its number in its pixels. `SPECIMENS` lists all kinds; full_decode.py decodes their frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.video import specimens_files, specimens_streams  # noqa: F401  # they add to SPECIMENS
from tests.video.specimen import SPECIMENS, Specimen


def render_all(folder: Path, *, only: Iterable[str] = ()) -> list[Specimen]:
    """Write the specimens that can be encoded here (all, or those named) to a folder, and return them."""
    names = set(only)
    specimens = [each for each in SPECIMENS if not each.missing and (not names or each.name in names)]
    for specimen in specimens:
        specimen.render(folder / specimen.name)
    return specimens
