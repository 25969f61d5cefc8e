"""Why an example is only parsed and not run. What no reason fits is run."""

from __future__ import annotations

import re

from tests.examples.collection import Example

# A pattern of the command line, and the reason; the first one that fits counts.
REASONS: tuple[tuple[str, str], ...] = (
    (r"…", "it leaves out a part"),
    (r"torchrun|srun|accelerate launch", "needs several processes: tests/stages/test_train_in_processes.py"),
    (r"--executor ray|--address", "needs a Ray cluster: tests/executors/test_cluster.py"),
    (r"\bs3://", "needs an object store: tests/stages/test_object_store.py"),
    (r"\bhf://|actionpairs push", "needs the Hugging Face Hub: tests/hub"),
    (r"--judge (https?://|local:)", "needs a vision-language model: tests/stages/test_eval_with_judge.py"),
    (r"--bench ", "needs the files of a benchmark: tests/benchmarks"),
    (r"actionpairs demo( --out \S+)?( --editor \S+)?$", "takes minutes: tests/stages/test_demo.py"),
    (r"actionpairs demo --only-videos", "is the tutorial's: tests/stages/test_first_day.py"),
    (r"--samples 10000", "needs 10,000 pairs: tests/stages/test_mix.py"),
    (r"actionpairs app", "serves until it is stopped: tests/app"),
    (r"(black-forest-labs|Qwen|timbrooks|meituan-longcat)/|\bBASE\b", "needs weights from the hub"),
    (
        r"actionpairs (extract|shard) (lerobot|lc|lc-\w+|ego\w+|hdepic|charades|ssv2)\b",
        "needs that data set's files",
    ),
)


def reason(example: Example) -> str | None:
    """Why an example is not run; None if it is."""
    if example.mention:
        return "it stands inside a sentence"
    return next((text for pattern, text in REASONS if re.search(pattern, example.text)), None)
