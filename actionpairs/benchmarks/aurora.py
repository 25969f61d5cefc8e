"""AURORA-Bench (arXiv 2407.03471): eight kinds of edits, 50 each, and DiscEdit's instructions for five of them.

Read from github.com/McGill-NLP/AURORA at aa5778f: test.json is a list of `input, instruction, task` and, for five
of the eight tasks, `output` (issue 11 there: the others have no target); the pictures lie where it says, below
data/. People rate the edits of test.json; no program looks them up. DiscEdit is the other score: disc_edit.py lets
a model answer two instructions, of which the input already fulfills the first, and eval_disc_edit.py counts how
often the answer to the first stays nearer to the input. Its lists are in disc_edit_data/ (issue 8 there), and
data/TASK/ is where edit_dataset.py, lines 268 to 277, looks for them: `pos` is fulfilled, `neg` or else `prompt`
asks for a change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

from actionpairs.benchmarks.benchmark import (
    Benchmark,
    BenchmarkSample,
    Contrast,
    Faults,
    check_keys,
    text,
)
from actionpairs.benchmarks.documents import digest_of, find_document, is_inside, is_name, load_objects
from actionpairs.benchmarks.pictures import Picture
from actionpairs.evaluation.predictions import listed
from actionpairs.storage import Folder

TITLE = "AURORA-Bench"
_TASKS = {"whatsup": "itm_test", "something": "valid", "ag": "valid", "kubric": "valid", "clevr": "valid"}
_FIRST = 3  # parts of a path before what is the same in all lists: data, the task, and one folder, which differs


def load(folder: Folder) -> Benchmark:
    """test.json, its pictures and DiscEdit's lists. Raises ScoreError that names what is missing or broken."""
    faults, files = Faults(), set(folder.names())
    document = find_document(TITLE, folder, ("test.json",))
    home = document[: document.rfind("/") + 1]
    contrasts, used = _contrasts(folder, home, files, faults)
    used.append(document)
    samples, absent, counts = list[BenchmarkSample](), list[str](), Counter[str]()
    for item in load_objects(folder, document, faults):
        task, instruction = text(item, "task"), text(item, "instruction")
        paths = [text(item, name) for name in ("input", "output")]
        key = f"{task}-{counts[task]:03d}"
        counts[task] += 1
        if not is_name(task) or not instruction or not paths[0]:
            faults.add("without task, instruction or input", key)
        elif not all(is_inside(path) for path in paths if path):
            faults.add("with a path that leads outside", key)
        elif home + paths[0] not in files:
            faults.add("missing", home + paths[0])
        else:
            original, target = (Picture.of_file(folder, home + path) for path in paths)
            has_target = home + paths[1] in files and bool(paths[1])
            absent += [paths[1]] if paths[1] and not has_target else []
            used += [picture.where for picture in (original, target)[: 1 + has_target]]
            edit = f"{task}/{counts[task] - 1:03d}.png"
            contrast = contrasts.get((task, _identity(paths[0])))
            own = BenchmarkSample(key, instruction, original, edit, target if has_target else None, (task,))
            samples.append(own if contrast is None else _with(own, contrast))
    check_keys(TITLE, samples, faults)
    return Benchmark(
        TITLE,
        tuple(samples),
        digest_of(folder, used),
        edits="edits/{model}",
        scorer=(
            "People rate these edits; no program of AURORA looks them up. Edit N of a task, in the order of "
            "test.json, is TASK/N.png, from 000. Its disc_edit.py takes its own checkpoints and no edits."
        ),
        notes=_notes(absent, contrasts),
    )


def _with(sample: BenchmarkSample, contrast: Contrast) -> BenchmarkSample:
    return BenchmarkSample(
        sample.key,
        sample.instruction,
        sample.original,
        sample.edit,
        sample.target,
        sample.categories,
        None,
        contrast,
    )


def _notes(absent: list[str], contrasts: Mapping[tuple[str, str], Contrast]) -> tuple[str, ...]:
    notes = []
    if absent:
        notes.append(f"Targets that test.json names and that are not there: {listed(absent)}. They count as none.")
    if not contrasts:
        notes.append("No DiscEdit: there is no disc_edit_data/TASK/valid.json or itm_test.json.")
    return tuple(notes)


def _contrasts(
    folder: Folder, home: str, files: set[str], faults: Faults
) -> tuple[dict[tuple[str, str], Contrast], list[str]]:
    """DiscEdit's instructions by task and input; of several for one input, the first. Also the files read."""
    contrasts: dict[tuple[str, str], Contrast] = {}
    used = []
    for task, name in _TASKS.items():
        places = (f"{home}{parent}/{task}/{name}.json" for parent in ("disc_edit_data", "data"))
        document = next((place for place in places if place in files), None)
        if document is None:
            continue
        used.append(document)
        for item in load_objects(folder, document, faults):
            fulfilled = text(item, "pos")
            unfulfilled = text(item, "neg") or text(item, "prompt")
            identity = _identity(text(item, "input") or text(item, "image"))
            if fulfilled and unfulfilled:
                contrasts.setdefault((task, identity), Contrast(fulfilled, unfulfilled))
    return contrasts, used


def _identity(path: str) -> str:
    """What names an input in all lists: data/something/images/36/first.jpg → 36/first.jpg."""
    return "/".join(PurePosixPath(path).parts[_FIRST:])
