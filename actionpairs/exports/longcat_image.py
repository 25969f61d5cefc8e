"""meituan-longcat/LongCat-Image: JSON lines of `img_path, ref_img_path, prompt, width, height`.

Read in train_examples/edit_lora/train_dataset.py:49 (the list; width and height choose the bucket) and :121 (paths
are opened as they are, so relative to where training starts; one that fails is replaced by another one at random).
"""

from collections.abc import Mapping, Sequence

from actionpairs.exports.target import Target, in_two_folders, json_lines
from actionpairs.records import Entry


def _lists(split: str, entries: Sequence[Entry]) -> Mapping[str, bytes]:
    rows = []
    for entry in entries:
        before, after = (f"{split}/{name}" for name in in_two_folders(entry.key))
        size = {"width": entry.width, "height": entry.height}
        rows.append({"img_path": after, "ref_img_path": before, "prompt": entry.instruction, **size})
    return {"pairs.txt": json_lines(rows)}


TARGET = Target(
    start="sh {script} PATH/TO/LongCat-Image",
    lists=_lists,
    configs=("longcat.yaml", "train.sh"),
)
