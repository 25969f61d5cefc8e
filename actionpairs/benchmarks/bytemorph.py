"""ByteMorph-Bench (arXiv 2506.03107): five kinds of non-rigid motion, with a target each.

Read from github.com/ByteDance-Seed/BM-code at 594d543: the bench is TYPE/KEY.png, whose left half is the input and
whose right half is the target, with TYPE/KEY.json of `input, output, edit` (image_datasets/dataset.py, lines 135
to 166). ByteMorph-Eval/clip_eval.py goes through the bench, looks up the edit at the same path below
--gen_data_root (line 139), halves it (line 64) and resizes its right half to the target (line 66); gpt_eval.py
goes through the edits and reads KEY.json beside each (lines 85 to 97). On Hugging Face the bench is a Parquet
table, ByteDance-Seed/BM-Bench, with the columns of its card; `edit_prompt` is taken for `edit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import PurePosixPath

from actionpairs.benchmarks.benchmark import (
    Benchmark,
    BenchmarkSample,
    Companion,
    Faults,
    check_keys,
    text,
)
from actionpairs.benchmarks.documents import digest_of, is_name, load_json
from actionpairs.benchmarks.pictures import Picture
from actionpairs.benchmarks.tables import open_tables, table_names
from actionpairs.errors import ScoreError
from actionpairs.evaluation.predictions import listed
from actionpairs.manifest import json_bytes
from actionpairs.storage import Folder

TITLE = "ByteMorph-Bench"
_TEXTS = "image_id", "edit_type", "edit_prompt"
_CAPTIONS = "src_img_caption", "tgt_img_caption"


def load(folder: Folder) -> Benchmark:
    """The folder TYPE/KEY.png, KEY.json, or the Parquet table. Raises ScoreError that names what is missing."""
    names, faults = table_names(folder), Faults()
    samples, used = _of_tables(folder, names, faults) if names else _of_files(folder, faults)
    check_keys(TITLE, samples, faults)
    return Benchmark(
        TITLE,
        tuple(samples),
        digest_of(folder, used),
        edits="gen_images/{model}",
        beside_input=True,
        scorer=(
            "Its own scorer: clip_eval.py --src_data_root output_bench --gen_data_root OUT/gen_images/NAME for "
            "CLIP, gpt_eval.py --src_root OUT/gen_images/NAME with a model that sees."
        ),
    )


def _of_files(folder: Folder, faults: Faults) -> tuple[list[BenchmarkSample], list[str]]:
    """The samples of TYPE/KEY.png and TYPE/KEY.json, and the files that were read."""
    files = folder.names()
    there = set(files)
    documents = [name for name in files if name.endswith(".json") and name.count("/")]
    samples, used = list[BenchmarkSample](), list[str]()
    for document in documents:
        picture, path = f"{document[:-5]}.png", PurePosixPath(document)
        content = load_json(folder, document)
        instruction = text(content, "edit") if isinstance(content, dict) else ""
        if not instruction:
            faults.add("without an `edit`", document)
        elif picture not in there:
            faults.add("missing", picture)
        else:
            used += [picture, document]
            halves = [Picture.of_file(folder, picture, half) for half in ("left", "right")]
            samples.append(
                _sample(path.parent.name, path.stem, instruction, halves, partial(_copy, folder, document))
            )
    alone = {f"{name[:-4]}.json" for name in files if name.endswith(".png") and name.count("/")} - there
    for name in sorted(alone):
        faults.add("missing", name)
    if not documents and not alone:
        raise ScoreError(
            f"{TITLE}: {folder} has neither TYPE/KEY.png with TYPE/KEY.json nor a Parquet file; it has "
            f"{listed(files) or 'nothing'}.",
            cure="Give output_bench, or the folder of `hf download --repo-type dataset ByteDance-Seed/BM-Bench`.",
        )
    return samples, used


def _of_tables(
    folder: Folder, names: Sequence[str], faults: Faults
) -> tuple[list[BenchmarkSample], Sequence[str]]:
    samples = []
    for table in open_tables(TITLE, folder, names, needed=(*_TEXTS, "src_img", "tgt_img")):
        for group, number, row in table.rows((*_TEXTS, *_CAPTIONS)):
            key, kind, instruction = (text(row, name) for name in _TEXTS)
            halves = [table.picture(group, number, column) for column in ("src_img", "tgt_img")]
            if not is_name(key) or not is_name(kind) or not instruction:
                faults.add("without image_id, edit_type or edit_prompt", halves[0].where)
            elif not all(table.has(group, number, column) for column in ("src_img", "tgt_img")):
                faults.add("without a picture", halves[0].where)
            else:
                before, after = (text(row, name) for name in _CAPTIONS)
                content = partial(_document, before, after, instruction)
                samples.append(_sample(kind, key, instruction, halves, content))
    return samples, names


def _sample(
    kind: str, key: str, instruction: str, halves: Sequence[Picture], content: Callable[[], bytes]
) -> BenchmarkSample:
    place = f"{kind}/{key}"
    return BenchmarkSample(
        f"{kind}-{key}",
        instruction,
        halves[0],
        f"{place}.png",
        halves[1],
        categories=(kind,),
        companion=Companion(f"{place}.json", content),
    )


def _copy(folder: Folder, document: str) -> bytes:
    return folder.read_bytes(document)


def _document(before: str, after: str, instruction: str) -> bytes:
    return json_bytes({"input": before, "output": after, "edit": instruction})
