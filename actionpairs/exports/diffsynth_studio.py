"""modelscope/DiffSynth-Studio: a JSON list of `image, edit_image, prompt`, relative to `--dataset_base_path`.

Read in diffsynth/core/data/unified_dataset.py:70 (load_metadata) and diffsynth/core/data/operators.py:275. JSON,
since pandas turns the instructions `null`, `NA` and `12` of a CSV into numbers (issue 1190). `edit_image` is a
list, also of one picture: editors of several pictures want one (issue 1235).
"""

import json
from collections.abc import Mapping, Sequence

from actionpairs.exports.target import Target, in_two_folders
from actionpairs.records import Entry


def _lists(split: str, entries: Sequence[Entry]) -> Mapping[str, bytes]:
    rows = []
    for entry in entries:
        before, after = in_two_folders(entry.key)
        rows.append({"image": after, "edit_image": [before], "prompt": entry.instruction})
    return {"metadata.json": json.dumps(rows, indent=0).encode() + b"\n"}


TARGET = Target(start="sh {script} PATH/TO/DiffSynth-Studio", lists=_lists, configs=("train.sh",))
