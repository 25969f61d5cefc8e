"""MotionEdit-Bench (arXiv 2512.10284): motions of people, animals and things, from generated videos.

Read from github.com/elainew728/motion-edit at 59ffb29: inference/run_image_editing.py loads the Hugging Face set
elaine1wan/MotionEdit-Bench, split train (line 230), takes `id`, `prompt` and `input_image` (lines 134 to 141), and
looks up and writes OUTPUT/MODEL/ID.jpg (lines 136 to 138). `target_image` is the target's column in
MotionEdit-Train, which both scripts in train/scripts/ read; it is taken where the set has it. Its motion score is
in train/flow_grpo/motionedit_scorer.py as a reward; a program that scores a folder is not in the repository.
"""

from __future__ import annotations

from actionpairs.benchmarks.benchmark import Benchmark, BenchmarkSample, Faults, check_keys, text
from actionpairs.benchmarks.documents import digest_of, is_name
from actionpairs.benchmarks.tables import open_tables, table_names
from actionpairs.errors import ScoreError
from actionpairs.storage import Folder

TITLE = "MotionEdit-Bench"
_INPUT, _TARGET = "input_image", "target_image"


def load(folder: Folder) -> Benchmark:
    """The Parquet or Arrow files of the set. Raises ScoreError that names what is missing or broken."""
    names, faults = table_names(folder), Faults()
    if not names:
        raise ScoreError(
            f"{TITLE}: {folder} has no Parquet and no Arrow file.",
            cure="Give the folder that `hf download --repo-type dataset elaine1wan/MotionEdit-Bench` wrote.",
        )
    samples = []
    for table in open_tables(TITLE, folder, names, needed=("id", "prompt", _INPUT)):
        for group, number, row in table.rows(("id", "prompt")):
            key, instruction = text(row, "id"), text(row, "prompt")
            original = table.picture(group, number, _INPUT)
            if not is_name(key) or not instruction:
                faults.add("without an id or a prompt", original.where)
            elif not table.has(group, number, _INPUT):
                faults.add("without a picture", original.where)
            else:
                target = table.picture(group, number, _TARGET) if table.has(group, number, _TARGET) else None
                samples.append(BenchmarkSample(key, instruction, original, f"{key}.jpg", target))
    check_keys(TITLE, samples, faults)
    return Benchmark(
        TITLE,
        tuple(samples),
        digest_of(folder, names),
        edits="outputs/{model}",
        scorer=(
            "MotionEdit has released no program that scores a folder. The edits lie as its "
            "inference/run_image_editing.py writes them, OUTPUT/MODEL/ID.jpg."
        ),
    )
