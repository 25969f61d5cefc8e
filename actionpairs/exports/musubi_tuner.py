"""kohya-ss/musubi-tuner: JSON lines of `image_path, control_path, caption`, relative to where training starts.

Read in src/musubi_tuner/dataset/datasources.py:276 (ImageJsonlDatasource). Not `control_directory`: it looks for
control pictures by the beginnings of names (:157), which goes wrong for some (issue 677).
"""

from collections.abc import Mapping, Sequence

from actionpairs.exports.target import Target, in_two_folders, json_lines
from actionpairs.records import Entry


def _lists(split: str, entries: Sequence[Entry]) -> Mapping[str, bytes]:
    rows = []
    for entry in entries:
        before, after = in_two_folders(entry.key)
        paths = {"image_path": f"{split}/{after}", "control_path": f"{split}/{before}"}
        rows.append({**paths, "caption": entry.instruction})
    return {"metadata.jsonl": json_lines(rows)}


TARGET = Target(
    start="sh {script} PATH/TO/musubi-tuner",
    lists=_lists,
    configs=("dataset.toml", "sample_prompts.json", "train.sh"),
)
