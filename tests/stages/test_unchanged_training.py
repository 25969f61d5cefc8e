"""Training of InstructPix2Pix gives the bytes that it gave before other editors came.

The digests hold for one kind of CPU: another one rounds otherwise. `tests/training/test_plain_steps.py` compares
the same steps with a plain script on any machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.stages.training_runs import EDITOR, STATIC_WEIGHED, UNET, recipe, run
from tests.training.conftest import squares as squares
from tests.training.conftest import without_curves as without_curves

DIGESTS = Path(__file__).with_name("unchanged_training.json")
LORA = {"rank": 4, "alpha": 8.0, "targets": ["attn1.to_q", "attn1.to_v"]}
ROWS = {
    "logistic": {},
    "hinge": {"action": {"form": "hinge"}},
    "negated": {"action": {"form": "negated", "negatives": 2, "drawn_from": "batch"}},
    "static only": {"action": {"weight": 0}, "regularization": {"weight": 0}, "freeze": []},
    "weighed": STATIC_WEIGHED,
    "lora": {"lora": LORA},
}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """The order in which sums are added depends on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def machine() -> str:
    """What the last bits of a sum depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line for line in lines if line.startswith("model name")), "")
    return f"{cpu.partition(':')[2].strip()}, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("row", ROWS)
def test_twenty_steps_give_the_same_bytes(
    row: str, squares: Path, tmp_path: Path, without_curves: None, one_thread: None
) -> None:
    expected = json.loads(DIGESTS.read_text()).get(machine())
    if expected is None:
        pytest.skip(f"no digests of {machine()}")
    changes = {"steps": 20, "checkpoint_every": 20, "sample_every": 20, **ROWS[row]}
    out = tmp_path / "out"
    run(recipe(tmp_path, EDITOR, **changes), squares, out)
    assert digest(out / UNET) == expected[row]
