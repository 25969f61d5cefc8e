"""huggingface/diffusers: a data set whose columns are the picture before, the picture after and the instruction.

Read in examples/instruct_pix2pix/train_instruct_pix2pix.py:626 and, in examples/dreambooth,
train_dreambooth_lora_flux_kontext.py:830 and train_dreambooth_lora_flux2_klein_img2img.py:782: they take
`load_dataset(NAME)["train"]` and columns by name. Ours have the default names of the first script. A key
`X_file_name` becomes a column `X` of pictures (datasets' packaged_modules/folder_based_builder, since 3.4); a
plain name of a file stays a text (diffusers issue 6039).
"""

from collections.abc import Mapping, Sequence

from actionpairs.exports.target import Target, in_two_folders, json_lines
from actionpairs.records import Entry


def _lists(split: str, entries: Sequence[Entry]) -> Mapping[str, bytes]:
    names = [in_two_folders(entry.key) for entry in entries]
    rows = [
        {"input_image_file_name": before, "edited_image_file_name": after, "edit_prompt": entry.instruction}
        for entry, (before, after) in zip(entries, names, strict=True)
    ]
    return {"metadata.jsonl": json_lines(rows)}


TARGET = Target(
    start="sh {script} PATH/TO/diffusers",
    lists=_lists,
    pages=("README.md",),
    configs=("train.sh", "train_flux2_klein.sh", "train_instruct_pix2pix.sh"),
)
