"""VectorSpaceLab/OmniGen2: JSON lines of `task_type, instruction, input_images, output_image`.

Read in omnigen2/dataset/omnigen2_train_dataset.py:51 (the YAML that names the lists) and :134 (paths are opened as
they are, so relative to where training starts; a picture that fails is replaced by another one at random).
"""

from collections.abc import Mapping, Sequence

from actionpairs.exports.target import Target, in_two_folders, json_lines
from actionpairs.records import Entry


def _lists(split: str, entries: Sequence[Entry]) -> Mapping[str, bytes]:
    rows = []
    for entry in entries:
        before, after = (f"{split}/{name}" for name in in_two_folders(entry.key))
        task = {"task_type": "edit", "instruction": entry.instruction}
        rows.append({**task, "input_images": [before], "output_image": after})
    return {"pairs.jsonl": json_lines(rows)}


TARGET = Target(
    start="sh {script} PATH/TO/OmniGen2",
    lists=_lists,
    configs=("omnigen2.yml", "data.yml", "train.sh"),
)
