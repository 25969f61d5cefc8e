"""Which instructions a model's text encoder did not read to their end, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.data.examples import Example
from actionpairs.editors import text_limits
from actionpairs.editors.editor import Editor


def cut_note(name: str, editor: Editor, samples: Sequence[Example]) -> Iterator[str]:
    """One note that names every sample whose instruction was cut, with its tokens; none where all were read."""
    cut = text_limits.cut_texts(editor, (sample.entry.instruction for sample in samples))
    named = [
        f"{sample.name} ({cut[sample.entry.instruction]})" for sample in samples if sample.entry.instruction in cut
    ]
    if named:
        yield (
            f"Texts of {name}: cut after the {text_limits.most_tokens(editor)} tokens that it reads, in "
            f"{len(named)} of {len(samples)} samples (tokens in brackets): {', '.join(named)}."
        )
