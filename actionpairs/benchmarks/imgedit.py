"""ImgEdit-Bench (arXiv 2505.20275), its basic suite: single edits of nine types.

Read from github.com/PKU-YuanGroup/ImgEdit at 547185d, Benchmark/Basic/: a JSON object `{KEY: {id, prompt,
edit_type}}`; basic_bench.py takes the input from ORIGIN/ID (line 60) and looks up RESULT/KEY.png (lines 58, 59).
The same file is basic_edit.json in the repository, and singleturn.json beside its pictures in Benchmark.tar of
sysuyy/ImgEdit on Hugging Face. The suites of hard and of several turns have other forms and are not read.
"""

from __future__ import annotations

from actionpairs.benchmarks.benchmark import Benchmark, BenchmarkSample, Faults, check_keys, text
from actionpairs.benchmarks.documents import digest_of, find_document, is_inside, is_name, load_json
from actionpairs.benchmarks.pictures import Picture
from actionpairs.errors import ScoreError
from actionpairs.storage import Folder

TITLE = "ImgEdit-Bench"
_DOCUMENTS = "singleturn.json", "basic_edit.json"


def load(folder: Folder) -> Benchmark:
    """The samples of the JSON object. Raises ScoreError that names what is missing or broken."""
    faults = Faults()
    document = find_document(TITLE, folder, _DOCUMENTS)
    content, files = load_json(folder, document), set(folder.names())
    if not isinstance(content, dict):
        raise ScoreError(f"{folder}/{document}: no object of keys.", cure="Get it again.")
    home = document[: document.rfind("/") + 1]
    samples, used = [], [document]
    for key, item in content.items():
        row = item if isinstance(item, dict) else {}
        name, instruction, kind = text(row, "id"), text(row, "prompt"), text(row, "edit_type")
        if not is_name(key) or not instruction or not name:
            faults.add("without id or prompt", key[:40])
        elif not is_inside(name):
            faults.add("with a path that leads outside", key)
        elif home + name not in files:
            faults.add("missing", home + name)
        else:
            used.append(home + name)
            original = Picture.of_file(folder, home + name)
            kinds = (kind,) if kind else ()
            samples.append(BenchmarkSample(key, instruction, original, f"{key}.png", categories=kinds))
    check_keys(TITLE, samples, faults)
    return Benchmark(
        TITLE,
        tuple(samples),
        digest_of(folder, used),
        edits="edited_images/{model}",
        scorer=(
            "Its own scorer, with a model that sees: python basic_bench.py --result_img_folder "
            f"OUT/edited_images/NAME --edit_json {document} --origin_img_root {home or '.'} --prompts_json "
            "prompts.json, then step1_get_avgscore.py and step2_typescore.py."
        ),
    )
