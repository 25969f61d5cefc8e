"""What the text encoder makes of every instruction that training will meet, computed once and kept on disk.

Where the text encoder reads the input picture too, an instruction is encoded for each picture that it meets.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from actionpairs.data import examples
from actionpairs.data.batches import BatchSampler, TrainRow
from actionpairs.editors.conditioning import Conditioning, concatenate
from actionpairs.editors.editor import Editor
from actionpairs.progress import Progress
from actionpairs.training import cache

_TEXTS_PER_BATCH, _TOKENS_PER_BATCH = 64, 64 * 77  # both as of CLIP; longer texts would take more of the GPU
Key = tuple[str, int, bool]  # instruction; number of the pair, or −1 where the picture is not read; mirrored


@dataclass(frozen=True, slots=True)
class Conditionings:
    """The conditioning of every text (and picture) that a training row can have.

    tokens: the embeddings of all keys one after another, N D. starts: where each key's begin, and the end of the
    last, K + 1. pooled: K P, or None. rows: key → its number.
    """

    rows: Mapping[Key, int]
    tokens: np.ndarray
    starts: np.ndarray
    pooled: np.ndarray | None
    with_picture: bool

    def of(self, rows: Sequence[TrainRow], texts: Sequence[str]) -> Conditioning:
        """The conditionings of some texts for some training rows, padded to the longest: float32 or bfloat16."""
        keys = [key_of(row, text, with_picture=self.with_picture) for row, text in zip(rows, texts, strict=True)]
        return concatenate([self._one(self.rows[key]) for key in keys])

    def _one(self, number: int) -> Conditioning:
        tokens = self.tokens[self.starts[number] : self.starts[number + 1]]
        pooled = None if self.pooled is None else _tensor(self.pooled[number])[None]
        return Conditioning(_tensor(tokens)[None], pooled=pooled)


def key_of(row: TrainRow, text: str, *, with_picture: bool) -> Key:
    """What a text's conditioning depends on in a training row."""
    return (text, row.index, row.flipped) if with_picture else (text, -1, False)


# 6 parameters: what is encoded, and where the result is kept
def cached_conditionings(
    editor: Editor, sampler: BatchSampler, folder: Path, *, steps: int, device: torch.device
) -> Conditionings:
    """The conditionings that `steps` steps of a sampler meet, from the cache in `folder`, or computed."""
    with_picture = editor.traits.text_sees_picture
    keys = meetings(sampler, steps) if with_picture else [(text, -1, False) for text in sampler.texts()]
    weights = [cache.weights_digest(part) for part in editor.text_encoders()]
    signature = [*weights, editor.traits.name, _tokenizers(editor), json.dumps(keys)]
    if with_picture:
        signature += [str(sampler.order.shapes), *cache.example_signatures(sampler.examples)]

    def compute(start: int) -> Iterator[list[tuple[np.ndarray, np.ndarray | None]]]:
        with editor.encoders_on(device, editor.text_encoders()):
            if with_picture:
                yield from map(_arrays, _encode_with_pictures(editor, sampler, keys[start:]))
            else:
                yield from map(_arrays, _encode_texts(editor, [text for text, _, _ in keys], start))

    tokens, starts, pooled = cache.cached_ragged(folder, "texts", signature, compute)
    return Conditionings({key: row for row, key in enumerate(keys)}, tokens, starts, pooled, with_picture)


def meetings(sampler: BatchSampler, steps: int) -> list[Key]:
    """Every (text, picture) that the steps of a sampler meet, sorted. Draws are fixed by seed, epoch and name."""
    keys: set[Key] = set()
    for step in range(steps):
        for row in sampler.rows(step, slice(None)):
            keys |= {key_of(row, text, with_picture=True) for text in row.texts}
    return sorted(keys)


def _encode_texts(editor: Editor, texts: Sequence[str], start: int) -> Iterator[list[Conditioning]]:
    """The conditionings of the texts from `start` on, block after block, each without its padding."""
    expected = editor.expected_tokens(0, 0)  # no picture is read
    size = max(1, min(_TEXTS_PER_BATCH, _TOKENS_PER_BATCH // expected))
    for first in range(start - start % size, len(texts), size):  # a text in another batch rounds otherwise
        batch = texts[first : first + size]
        rows = _split(editor.condition(batch, np.empty((len(batch), 0, 0, 3), np.uint8)))
        yield rows[max(0, start - first) :]


def _encode_with_pictures(
    editor: Editor, sampler: BatchSampler, keys: Sequence[Key]
) -> Iterator[list[Conditioning]]:
    """The conditioning of one key after another."""
    for text, index, flipped in Progress(keys, desc="instructions", unit="text"):
        shape = sampler.order.shapes[index] if sampler.order.shapes else None
        assert shape is not None
        pictures = np.empty((2, *shape, 3), np.uint8)
        examples.load_pair_into(pictures, sampler.examples[index], flipped=flipped)
        yield [editor.condition([text], pictures[:1])]


def _split(batch: Conditioning) -> list[Conditioning]:
    """The rows of a batch, each without its padding."""
    rows = []
    for number in range(len(batch.embeddings)):
        embeddings = batch.embeddings[number : number + 1]
        if batch.mask is not None:
            embeddings = embeddings[:, batch.mask[number].bool()]
        pooled = None if batch.pooled is None else batch.pooled[number : number + 1]
        rows.append(Conditioning(embeddings, pooled=pooled))
    return rows


def _arrays(block: Sequence[Conditioning]) -> list[tuple[np.ndarray, np.ndarray | None]]:
    return [
        (_array(each.embeddings[0]), None if each.pooled is None else _array(each.pooled[0])) for each in block
    ]


def _array(tensor: Tensor) -> np.ndarray:
    """float32, or the bits of bfloat16 as uint16, which NumPy does not have."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return np.asarray(tensor.view(torch.uint16))
    return np.asarray(tensor.float())


def _tensor(array: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(np.array(array))
    return tensor.view(torch.bfloat16) if array.dtype == np.uint16 else tensor


def _tokenizers(editor: Editor) -> str:
    """The digest of what turns texts into tokens."""
    digest = hashlib.sha256()
    for name, part in sorted(editor.pipeline.components.items()):
        if "tokenizer" in name or "processor" in name:
            vocabulary = getattr(part, "tokenizer", part).get_vocab()
            digest.update(json.dumps(sorted(vocabulary.items())).encode())
    return digest.hexdigest()
