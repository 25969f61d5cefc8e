"""The notebook runs from its first cell to its last, and git holds none of its outputs."""

from __future__ import annotations

import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"
SHORTER = {"STEPS = 300": "STEPS = 3"}


def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_holds_no_outputs() -> None:
    cells = [cell for cell in notebook().cells if cell.cell_type == "code"]
    assert [cell for cell in cells if cell.outputs or cell.execution_count] == []
    nbformat.validate(notebook())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebook_runs(day_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    book = notebook()
    for old, new in SHORTER.items():
        [cell] = [cell for cell in book.cells if old in cell.source]
        cell.source = cell.source.replace(old, new)
    nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": str(day_folder)}}).execute()
    kinds = [kind for cell in book.cells for output in cell.get("outputs", ()) for kind in output.get("data", ())]
    assert kinds.count("image/jpeg") == 9  # four pairs, and the picture to edit
    assert kinds.count("image/png") == 2  # the curves and the edit
    assert "SSIM" in book.cells[-2].outputs[-1].data["text/markdown"]
