"""Which class of a recognizer an action is: by name, never by number, or by a mapping that the user gives."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from actionpairs.errors import ScoreError, one_line

_LISTED = 5  # names in a message


def load_mapping(labels: Mapping[str, str] | str | None) -> Mapping[str, str]:
    """Our action → the recognizer's label, from a recipe or from the YAML or JSON file that it names.

    Raises ScoreError if the file is not such a mapping.
    """
    if labels is None or isinstance(labels, Mapping):
        return labels or {}
    try:
        mapping = yaml.safe_load(Path(labels).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise ScoreError(
            f"`eval.recognizer.labels`: {labels} cannot be read: {one_line(error)}.",
            cure="Name a YAML or JSON file with one `our action: its label` for each action.",
        ) from error
    if not isinstance(mapping, dict) or not all(isinstance(x, str) for pair in mapping.items() for x in pair):
        raise ScoreError(
            f"`eval.recognizer.labels`: {labels} is not a mapping of texts to texts.",
            cure="Write one `our action: its label` for each action, with quotes around both.",
        )
    return mapping


def digest(mapping: Mapping[str, str]) -> str:
    """16 hexadecimal digits, the same for the same mapping."""
    return hashlib.sha256(json.dumps(sorted(mapping.items())).encode()).hexdigest()[:16]


def class_numbers(
    actions: Sequence[str], classes: Sequence[str], mapping: Mapping[str, str], *, is_ours: bool
) -> dict[str, int]:
    """Action → the number of its class; actions of one class are not told apart.

    classes: the recognizer's labels, in the order of its logits. is_ours: it was trained on shards, so an action
    that it never learned is left out of the result, and its classes may differ in case alone; of another
    recognizer every action must be matched. Else case and the brackets of Something-Something's templates do not
    count. Raises ScoreError with what does not match.
    """
    numbers, plain = _by_name(classes, is_ours=is_ours)

    def number_of(label: str) -> int | None:
        return numbers.get(label, plain.get(_plain(label)))

    wanted = {action: mapping.get(action, action) for action in actions}
    unmatched = sorted({label for label in mapping.values() if number_of(label) is None})
    if unmatched:
        raise ScoreError(
            f"`eval.recognizer.labels` names {len(unmatched)} labels that the recognizer does not have: "
            f"{_listed(unmatched)}.",
            cure=f"Take its own: {_nearest(unmatched[0], classes)}",
        )
    matched = {action: number_of(label) for action, label in wanted.items()}
    missing = sorted(action for action, number in matched.items() if number is None)
    if missing and not is_ours:
        raise ScoreError(
            f"The recognizer was not trained on these shards, and {len(missing)} of {len(wanted)} actions are no "
            f"label of it: {_listed(missing)}. It has {len(classes)}, such as {_listed(list(classes)[:3])}.",
            cure="Say which label each action is: `eval.recognizer.labels: FILE`, with lines `our action: its "
            "label`. Or train a recognizer on these shards.",
        )
    return {action: number for action, number in matched.items() if number is not None}


def _by_name(classes: Sequence[str], *, is_ours: bool) -> tuple[dict[str, int], dict[str, int]]:
    """The number of each class by its name; and by its plain name, where no other class has the same."""
    same, alike = Counter(classes), Counter(map(_plain, classes))
    doubled = [name for name in classes if (same[name] if is_ours else alike[_plain(name)]) > 1]
    if doubled:
        raise ScoreError(
            f"The recognizer has the label {doubled[0]!r} more than once: names do not tell its classes apart.",
            cure="Give each class its own name in `id2label` of its config.json.",
        )
    numbers = {name: number for number, name in enumerate(classes)}
    return numbers, {_plain(name): number for name, number in numbers.items() if alike[_plain(name)] == 1}


def _plain(label: str) -> str:
    """ "Putting [something] into [something]" and "putting something into something" are one label."""
    return " ".join(label.replace("[", "").replace("]", "").casefold().split())


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join(map(repr, names[:_LISTED])) + (f" and {rest:,} more" if rest > 0 else "")


def _nearest(label: str, classes: Sequence[str]) -> str:
    near = difflib.get_close_matches(label, classes, n=3, cutoff=0.4) or list(classes)[:3]
    return f"{_listed(near)}; all of them are in its config.json, under `id2label`."
