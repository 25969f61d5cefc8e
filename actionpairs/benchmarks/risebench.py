"""RISEBench (arXiv 2504.02826): edits that need reasoning about time, causes, space and logic.

Read from github.com/PhoenixZ810/RISEBench at 5f22651: a JSON list of `index, category, instruction, image`, and
more for the judge, with pictures below data/ (gpt_eval.py, line 330: --input data). The scorer looks up
outputs/MODEL/images/CATEGORY/INDEX.{png,jpg,jpeg} (`find_image`, lines 145 to 150, called in line 157). The full
set of 360 is PhoenixZ/RISEBench on Hugging Face, datav2_total_w_subtask.json with data.zip; data_total.json is the
64 of the repository. The few `reference_img` are one answer of several: they are no target.
"""

from __future__ import annotations

from actionpairs.benchmarks.benchmark import Benchmark, BenchmarkSample, Faults, check_keys, text
from actionpairs.benchmarks.documents import digest_of, find_document, is_inside, is_name, load_objects
from actionpairs.benchmarks.pictures import Picture
from actionpairs.storage import Folder

TITLE = "RISEBench"
_DOCUMENTS = "datav2_total_w_subtask.json", "data_total.json"


def load(folder: Folder) -> Benchmark:
    """The samples of the JSON list. Raises ScoreError that names what is missing or broken."""
    faults = Faults()
    document = find_document(TITLE, folder, _DOCUMENTS)
    files = set(folder.names())
    home = document.rpartition("/")[0]
    roots = [f"{home}/" if home else "", f"{home}/data/" if home else "data/"]
    samples, used = [], [document]
    for place, item in enumerate(load_objects(folder, document, faults)):
        key, category = text(item, "index"), text(item, "category")
        instruction, image = text(item, "instruction"), text(item, "image")
        if not is_name(key) or not is_name(category) or not instruction:
            faults.add("without index, category or instruction", f"{document}[{place}]")
            continue
        path = next((root + image for root in roots if root + image in files), "")
        if not is_inside(image):
            faults.add("with a path that leads outside", key)
        elif not path:
            faults.add("missing", image)
        else:
            used.append(path)
            parts = tuple(part for part in (category, text(item, "subtask")) if part)
            original = Picture.of_file(folder, path)
            samples.append(BenchmarkSample(key, instruction, original, f"{category}/{key}.png", categories=parts))
    check_keys(TITLE, samples, faults)
    return Benchmark(
        TITLE,
        tuple(samples),
        digest_of(folder, used),
        edits="outputs/{model}/images",
        scorer=(
            "Its own scorer, with a model that sees: python gpt_eval.py --data "
            f"{document.rpartition('/')[2]} --input data --output OUT/outputs/NAME."
        ),
    )
