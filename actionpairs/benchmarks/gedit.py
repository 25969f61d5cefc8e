"""GEdit-Bench (arXiv 2504.17761): people's real wishes, each in English and in Chinese.

Read from github.com/stepfun-ai/Step1X-Edit at 570eba6, GEdit-Bench/: generate_image_example.py names the columns
(lines 5 to 11) and writes SAVE/MODEL/fullset/TASK/LANGUAGE/KEY.png with KEY_SRCIMG.png, the input, beside it
(lines 48 to 54). test_gedit_score.py looks both up (lines 122 to 125), skips a sample where one is missing, and
resizes the edit to the input (line 34). The authors say to edit `input_image` (issue 41 there).
"""

from __future__ import annotations

from functools import partial

from actionpairs.benchmarks import pictures
from actionpairs.benchmarks.benchmark import (
    Benchmark,
    BenchmarkSample,
    Companion,
    Faults,
    check_keys,
    decoded,
    text,
)
from actionpairs.benchmarks.documents import digest_of, is_name
from actionpairs.benchmarks.pictures import Picture
from actionpairs.benchmarks.tables import open_tables, table_names
from actionpairs.errors import ScoreError
from actionpairs.storage import Folder

TITLE = "GEdit-Bench"
_TEXTS = "key", "task_type", "instruction_language", "instruction"


def load(folder: Folder) -> Benchmark:
    """The Arrow or Parquet files of the set. Raises ScoreError that names what is missing or broken."""
    names, faults = table_names(folder), Faults()
    if not names:
        raise ScoreError(
            f"{TITLE}: {folder} has no Arrow and no Parquet file.",
            cure="Give the folder that `hf download --repo-type dataset stepfun-ai/GEdit-Bench` wrote.",
        )
    samples = []
    for table in open_tables(TITLE, folder, names, needed=(*_TEXTS, "input_image")):
        for group, number, row in table.rows(_TEXTS):
            key, task, language, instruction = (text(row, name) for name in _TEXTS)
            original = table.picture(group, number, "input_image")
            if not all(map(is_name, (key, task, language))) or not instruction:
                faults.add("without a key, task, language or instruction", original.where)
            elif not table.has(group, number, "input_image"):
                faults.add("without a picture", original.where)
            else:
                samples.append(_sample(key, task, language, instruction, original))
    check_keys(TITLE, samples, faults)
    return Benchmark(
        TITLE,
        tuple(samples),
        digest_of(folder, names),
        edits="results/{model}/fullset",
        scorer=(
            "Its own scorer, with a model that sees: test_gedit_score.py --model_name NAME --save_path "
            "OUT/results. Its load_dataset needs split='train'. calculate_statistics.py takes en or zh, and the "
            "Chinese samples are called cn."
        ),
    )


def _sample(key: str, task: str, language: str, instruction: str, original: Picture) -> BenchmarkSample:
    place = f"{task}/{language}/{key}"
    return BenchmarkSample(
        f"{task}-{language}-{key}",
        instruction,
        original,
        f"{place}.png",
        categories=(task, language),
        companion=Companion(f"{place}_SRCIMG.png", partial(_png, original)),
    )


def _png(original: Picture) -> bytes:
    return pictures.encode(decoded(original), ".png")
