"""A folder for people and for `datasets`: KEY_before.jpg, KEY_after.jpg and metadata.jsonl.

Read in datasets/packaged_modules/folder_based_builder/folder_based_builder.py:223 (since datasets 3.4): a key
`X_file_name` of metadata.jsonl becomes a column `X` of pictures.
"""

from collections.abc import Mapping, Sequence

from actionpairs.exports.target import Target, json_lines
from actionpairs.records import Entry


def _names(key: str) -> tuple[str, str]:
    return f"{key}_before.jpg", f"{key}_after.jpg"


def _lists(split: str, entries: Sequence[Entry]) -> Mapping[str, bytes]:
    rows = []
    for entry in entries:
        before, after = _names(entry.key)
        texts = {name: getattr(entry, name) for name in ("instruction", "verb", "noun", "action", "group")}
        rows.append({"before_file_name": before, "after_file_name": after, "key": entry.key, **texts})
    return {"metadata.jsonl": json_lines(rows)}


TARGET = Target(start="datasets.load_dataset(FOLDER)", pictures=_names, lists=_lists, pages=("README.md",))
