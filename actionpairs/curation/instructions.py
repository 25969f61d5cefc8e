"""The instruction of each pair: from templates, drawn by hash, so that the order of pairs does not matter."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actionpairs.annotations.words import spoken
from actionpairs.configs import InstructionsConfig, TemplateInstructions
from actionpairs.configs.instructions import template_fields
from actionpairs.errors import ShardError

_COLUMNS = ("id", "verb", "noun", "action", "instruction")


@dataclass(frozen=True, slots=True)
class PairWords:
    """What templates are filled with: the row of a pair in the table of facts, and its words.

    fields: verb, noun and label as plain words, and twice the text that extract kept; "" if a pair has none.
    """

    row: int
    id: str
    verb: str
    action: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Instructions:
    """New instructions by row of the table of facts, and where they come from: source → number of pairs."""

    texts: Mapping[int, str]
    counts: Mapping[str, int]

    def replaced_in(self, facts: pa.Table) -> pa.Table:
        """The facts with these instructions instead of their own."""
        column = facts.schema.get_field_index("instruction")
        texts = facts["instruction"].to_pylist()
        for row, text in self.texts.items():
            texts[row] = text
        return facts.set_column(column, facts.schema.field(column), pa.array(texts, pa.string()))


def iter_words(facts: pa.Table, kept: NDArray[np.bool_]) -> Iterator[PairWords]:
    """The words of all kept pairs. facts: a table of columns.FACTS; kept: whether each of its rows is kept."""
    columns = [facts[name].to_pylist() for name in _COLUMNS]
    for row, (pair_id, verb, noun, action, instruction) in enumerate(zip(*columns, strict=True)):
        if kept[row]:
            fields = {
                "verb": spoken(verb),
                "noun": spoken(noun),
                "label": _spoken_label(action),
                "instruction": instruction,
                "narration": instruction,
            }
            yield PairWords(row, pair_id, verb, action, fields)


def _spoken_label(action: str) -> str:
    """A label as plain words: of `put-down board:chopping` each key by itself, `lid: put on` as one."""
    return spoken(action) if ": " in action else " ".join(map(spoken, action.split()))


def fill(template: str, fields: Mapping[str, str]) -> str:
    """A template with a pair's words in it."""
    return template.format_map(fields)


def hash_index(count: int, *, seed: int, pair_id: str) -> int:
    """One of `count` choices for a pair: the same for ever, whatever other pairs there are."""
    digest = hashlib.sha256(f"instruction:{seed}:{pair_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % count


def from_templates(facts: pa.Table, kept: NDArray[np.bool_], config: TemplateInstructions) -> Instructions:
    """The instructions of all kept pairs. Raises ShardError if a pair has no template whose fields it has."""
    texts: dict[int, str] = {}
    counts: Counter[str] = Counter()
    unfit: list[PairWords] = []
    for words in iter_words(facts, kept):
        source, templates = _fitting(words, config)
        if not templates:
            unfit.append(words)
            continue
        template = templates[hash_index(len(templates), seed=config.seed, pair_id=words.id)]
        texts[words.row] = " ".join(fill(template, words.fields).split())
        counts[source] += 1
    if unfit:
        lacking = sorted(name for name, text in unfit[0].fields.items() if not text)
        raise ShardError(
            f"{len(unfit)} pairs fit no template of `shard.instructions`: {unfit[0].id!r} has no "
            f"{' and no '.join(lacking)}, and its text is {unfit[0].fields['instruction']!r}.",
            cure='Add templates for them to the recipe, such as `otherwise: ["{instruction}"]`.',
        )
    return Instructions(texts, dict(sorted(counts.items())))


def _fitting(words: PairWords, config: TemplateInstructions) -> tuple[str, Sequence[str]]:
    """The templates that a pair can fill, of its action, its verb or all pairs; and which of these they are."""
    if words.action in config.actions:
        source, templates = "templates of the action", config.actions[words.action]
    elif words.verb in config.verbs:
        source, templates = "templates of the verb", config.verbs[words.verb]
    else:
        source, templates = "templates of all", config.templates
    if fitting := _filled(templates, words):
        return source, fitting
    return "templates otherwise", _filled(config.otherwise or (), words)


def _filled(templates: Sequence[str], words: PairWords) -> list[str]:
    return [one for one in templates if all(words.fields[name] for name in template_fields(one))]


def describe(config: InstructionsConfig) -> str:
    """Where the instructions come from, as a sentence for the data-set card."""
    kept = "The text of the annotations is in `json`, under `segment.instruction`."
    if isinstance(config, TemplateInstructions):
        drawn = f"drawn by hash (seed {config.seed})"
        return f"Instructions are templates, {drawn} and filled with the annotations' words. {kept}"
    return f"Instructions were written by {config.server.model} from the annotations' words. {kept}"
