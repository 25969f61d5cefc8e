"""Which instructions a model's text encoder did not read to their end, sample by sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from actionpairs.data.examples import Example
from actionpairs.editors.editor import Editor

_NO_LIMIT = 10**6  # tokenizers without a limit state an astronomical one


def cut_note(name: str, editor: Editor, samples: Sequence[Example]) -> Iterator[str]:
    """One note that names every sample whose instruction was cut, with its tokens; none where all were read.

    CLIP reads 77 tokens, with the two around the text; diffusers' pipelines leave the rest out, with a warning
    that names no sample. Models that read through several encoders cut what none of them reads.
    """
    tokenizer, most = _longest_reader(editor)
    if not most:
        return
    counts = ((sample.name, len(tokenizer(sample.entry.instruction).input_ids)) for sample in samples)
    if cut := [f"{key} ({count})" for key, count in counts if count > most]:
        yield (
            f"Texts of {name}: cut after the {most} tokens that it reads, in {len(cut)} of {len(samples)} samples "
            f"(tokens in brackets): {', '.join(cut)}."
        )


def _longest_reader(editor: Editor) -> tuple[Any, int]:
    """The tokenizer that reads most, and how many tokens with those around a text; 0 where there is no limit."""
    parts: Iterable[Any] = (getattr(editor.pipeline, part, None) for part in ("tokenizer", "tokenizer_2"))
    limits = [(part, int(getattr(part, "model_max_length", 0) or 0)) for part in parts if part is not None]
    tokenizer, most = max(limits, key=lambda item: item[1], default=(None, 0))
    return tokenizer, most if most < _NO_LIMIT else 0
