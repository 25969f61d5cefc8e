"""Which texts an editor's text encoder does not read to their end.

CLIP reads 77 tokens, with the two around the text; diffusers' pipelines leave the rest out, with a warning that
names no sample. Editors that read through several encoders cut what none of them reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from actionpairs.editors.editor import Editor

_NO_LIMIT = 10**6  # tokenizers without a limit state an astronomical one


def most_tokens(editor: Editor) -> int:
    """How many tokens of a text the editor reads, with those around it; 0 where there is no limit."""
    return _longest_reader(editor)[1]


def cut_texts(editor: Editor, texts: Iterable[str]) -> Mapping[str, int]:
    """The texts that are cut, each with its number of tokens."""
    tokenizer, most = _longest_reader(editor)
    if not most:
        return {}
    counts = {text: len(tokenizer(text).input_ids) for text in dict.fromkeys(texts)}
    return {text: count for text, count in counts.items() if count > most}


def _longest_reader(editor: Editor) -> tuple[Any, int]:
    """The tokenizer that reads most, and how many tokens."""
    parts: Iterable[Any] = (getattr(editor.pipeline, part, None) for part in ("tokenizer", "tokenizer_2"))
    limits = [(part, int(getattr(part, "model_max_length", 0) or 0)) for part in parts if part is not None]
    tokenizer, most = max(limits, key=lambda item: item[1], default=(None, 0))
    return tokenizer, most if most < _NO_LIMIT else 0
