"""Every text that training meets is encoded once, kept without its padding, and comes back for its own row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actionpairs.configs import EditorConfig
from actionpairs.data import examples
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Editor, rebuilt
from actionpairs.editors.instruct_pix2pix import InstructPix2Pix
from actionpairs.recipe import load
from actionpairs.training import cache
from actionpairs.training.conditionings import Conditionings, cached_conditionings, meetings
from actionpairs.training.editor_setup import sampler_of
from tests.training.squares import SIDE, SIZES
from tests.training.test_cache import files_of

CPU, ROWS, STEPS = torch.device("cpu"), 8, 4
ALL = slice(ROWS)
NO_PICTURES = np.empty((ROWS, 0, 0, 3), np.uint8)
AUGMENTATION = Augmentation(flip=0.5, conditioning_dropout=0.1, negatives=2, drawn_from="all")


class Ragged(InstructPix2Pix):
    """A token for each word and two more, padded to the batch's longest text and masked there; a pooled vector."""

    encoded = torch.float32

    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        lengths = [2 + len(text.split()) for text in texts]
        mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
        tokens = [_vectors(text, length, 6) for text, length in zip(texts, lengths, strict=True)]
        padded = [torch.cat([one, torch.full((max(lengths) - len(one), 6), 9.0)]) for one in tokens]
        pooled = torch.cat([_vectors(text, 1, 3) for text in texts])
        return Conditioning(torch.stack(padded), mask, pooled).to(dtype=self.encoded)


class Rounded(Ragged):
    encoded = torch.bfloat16


class Seeing(InstructPix2Pix):
    """Its text encoder sees the picture: a token of the text, then the mean colors of the picture's halves."""

    traits = replace(InstructPix2Pix.traits, text_sees_picture=True)

    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        rows = [
            torch.cat([_vectors(text, 1, 3), _colors(picture)])
            for text, picture in zip(texts, pictures, strict=True)
        ]
        return Conditioning(torch.stack(rows))


def _vectors(text: str, count: int, width: int) -> torch.Tensor:
    """Numbers that depend on a text alone."""
    generator = np.random.default_rng([*text.encode(), width])
    return torch.from_numpy(generator.standard_normal((count, width), dtype=np.float32))


def _colors(picture: np.ndarray) -> torch.Tensor:
    """The mean colors of the left and of the right half: 2 3."""
    halves = np.split(picture.astype(np.float32), 2, axis=1)
    return torch.from_numpy(np.stack([half.mean((0, 1)) for half in halves]))


def editor_of(family: type[Editor], like: Editor) -> Editor:
    return family(rebuilt(like.pipeline))


@pytest.fixture(scope="module")
def sampler(pairs: tuple[Example, ...]) -> BatchSampler:
    return BatchSampler(pairs, AUGMENTATION, seed=0, batch_size=ROWS, shapes=[(SIDE, SIDE)] * len(pairs))


def cached(editor: Editor, sampler: BatchSampler, folder: Path, *, steps: int = STEPS) -> Conditionings:
    return cached_conditionings(editor, sampler, folder, steps=steps, device=CPU)


def test_other_weights_have_another_cache(small_editor: Editor, sampler: BatchSampler, tmp_path: Path) -> None:
    before = cached(small_editor, sampler, tmp_path)
    with torch.no_grad():
        next(small_editor.pipeline.text_encoder.parameters()).add_(1.0)
    after = cached(small_editor, sampler, tmp_path)
    assert not np.array_equal(before.tokens, after.tokens)
    assert len(list(tmp_path.glob("texts-*"))) == 2


def test_a_second_run_loads_the_cache(
    small_editor: Editor, sampler: BatchSampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached(small_editor, sampler, tmp_path)
    monkeypatch.setattr(small_editor.pipeline.text_encoder, "forward", None)
    again = cached(small_editor, sampler, tmp_path)
    assert np.array_equal(first.tokens, again.tokens)
    assert first.rows == again.rows
    other = Augmentation(0.5, 0.1, 2, "all", null_text="nothing")
    with pytest.raises(TypeError):  # other texts are other embeddings
        cached(small_editor, BatchSampler(sampler.examples, other, seed=0, batch_size=ROWS), tmp_path)


def test_text_embeddings_come_by_text(small_editor: Editor, sampler: BatchSampler, tmp_path: Path) -> None:
    kept = cached(small_editor, sampler, tmp_path)
    texts = [sampler.texts()[2], ""]
    expected = small_editor.condition(texts, NO_PICTURES[:2]).embeddings
    assert torch.allclose(kept.of(sampler.rows(0, slice(2)), texts).embeddings, expected, atol=1e-6)


@pytest.mark.parametrize("family", [Ragged, Rounded])
def test_texts_of_any_length_are_kept_without_padding_and_come_back_masked(
    small_editor: Editor, sampler: BatchSampler, tmp_path: Path, family: type[Ragged]
) -> None:
    """To the bit, in the type that the text encoder gives. Padding comes back as zeros, whatever it was."""
    editor, texts = editor_of(family, small_editor), [sampler.texts()[1], "", sampler.texts()[-1]]
    kept, rows = cached(editor, sampler, tmp_path), sampler.rows(0, slice(3))
    assert len(kept.tokens) == sum(2 + len(text.split()) for text in sampler.texts())
    batch, expected = kept.of(rows, texts), editor.condition(texts, NO_PICTURES[:3])
    assert expected.mask is not None
    assert not expected.mask.all()
    assert batch.mask is not None
    assert torch.equal(batch.mask, expected.mask)
    assert batch.embeddings.dtype == family.encoded
    assert torch.equal(batch.embeddings, expected.embeddings * expected.mask[..., None])
    assert batch.pooled is not None
    assert torch.equal(batch.pooled, expected.pooled)
    alone = kept.of(rows[1:2], [""])
    assert alone.mask is None
    assert alone.embeddings.shape == (1, 2, 6)


def test_a_text_that_sees_the_picture_is_encoded_with_each_picture_that_it_meets(
    small_editor: Editor, sampler: BatchSampler, tmp_path: Path
) -> None:
    """With its own row's picture, mirrored where the row is; all rows and negatives of every step are there."""
    kept = cached(editor_of(Seeing, small_editor), sampler, tmp_path)
    flips = set()
    for row in (row for step in range(STEPS) for row in sampler.rows(step, ALL)):
        original = examples.load_pair(sampler.examples[row.index], SIDE)[0]
        colors = _colors(original[:, ::-1] if row.flipped else original)
        for text in (row.text, *row.negative_texts):
            tokens = kept.of([row], [text]).embeddings[0]
            assert torch.equal(tokens[:1], _vectors(text, 1, 3))
            assert torch.allclose(tokens[1:], colors, atol=1e-3)
        flips.add((row.flipped, row.index))
    assert {flipped for flipped, _ in flips} == {False, True}


def test_only_what_the_steps_meet_is_encoded_and_a_longer_run_encodes_more(
    small_editor: Editor, sampler: BatchSampler, tmp_path: Path
) -> None:
    editor = editor_of(Seeing, small_editor)
    short, long = (cached(editor, sampler, tmp_path, steps=steps) for steps in (1, STEPS))
    assert list(short.rows) == meetings(sampler, 1)
    assert len(short.rows) <= 3 * ROWS < len(long.rows)
    assert set(short.rows) < set(long.rows)
    unmet = next(key for key in long.rows if key not in short.rows)
    row = replace(sampler.rows(0, slice(1))[0], index=unmet[1], flipped=unmet[2])
    with pytest.raises(KeyError):
        short.of([row], [unmet[0]])


def test_other_pictures_have_another_cache_only_where_the_text_encoder_sees_them(
    small_editor: Editor, sampler: BatchSampler, tmp_path: Path
) -> None:
    one, *others = sampler.examples
    another = {name: getattr(others[0].entry, name) for name in ("original_offset", "original_size")}
    moved = replace(one, entry=replace(one.entry, **another))
    shapes = [(SIDE, SIDE)] * len(sampler.examples)
    other = BatchSampler([moved, *others], AUGMENTATION, seed=0, batch_size=ROWS, shapes=shapes)
    for family, count in ((InstructPix2Pix, 1), (Seeing, 2)):
        folder = tmp_path / family.__name__
        for each in (sampler, other):
            cached(editor_of(family, small_editor), each, folder, steps=1)
        assert len(list(folder.glob("texts-*"))) == count


def test_a_run_that_ends_while_it_encodes_leaves_no_cache_and_the_next_one_is_whole(
    small_editor: Editor, sampler: BatchSampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor, calls = editor_of(Seeing, small_editor), []
    condition = Seeing.condition

    def end_at_third(self: Seeing, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        calls.append(texts)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return condition(self, texts, pictures)

    with monkeypatch.context() as patch:
        patch.setattr(Seeing, "condition", end_at_third)
        with pytest.raises(KeyboardInterrupt):
            cached(editor, sampler, tmp_path, steps=1)
    assert not list(tmp_path.glob("texts-*"))
    again, fresh = cached(editor, sampler, tmp_path, steps=1), cached(editor, sampler, tmp_path / "b", steps=1)
    assert np.array_equal(again.tokens, fresh.tokens)
    assert np.array_equal(again.starts, fresh.starts)


@pytest.mark.parametrize("tokens", [16, 77, 512, 10_000])
def test_long_texts_are_encoded_in_smaller_batches(
    small_editor: Editor, sampler: BatchSampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    """A batch takes no more tokens than 64 texts of CLIP. One text is always taken."""
    texts, sizes, condition = [f"text {number}" for number in range(70)], [], Ragged.condition

    def counted(self: Ragged, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        sizes.append(len(texts))
        return condition(self, texts, pictures)

    monkeypatch.setattr(BatchSampler, "texts", lambda self: tuple(texts))
    monkeypatch.setattr(Ragged, "condition", counted)
    monkeypatch.setattr(Ragged, "expected_tokens", lambda self, height, width: tokens)
    cached(editor_of(Ragged, small_editor), sampler, tmp_path)
    assert sizes == {16: [64, 6], 77: [64, 6], 512: [9] * 7 + [7], 10_000: [1] * 70}[tokens]


def test_instruct_pix2pix_takes_64_texts_at_once(
    small_editor: Editor, sampler: BatchSampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it always did: other batches round otherwise."""
    sizes, condition = [], InstructPix2Pix.condition
    monkeypatch.setattr(BatchSampler, "texts", lambda self: tuple(f"text {number}" for number in range(130)))
    monkeypatch.setattr(
        InstructPix2Pix,
        "condition",
        lambda self, texts, pictures: sizes.append(len(texts)) or condition(self, texts, pictures),
    )
    for length in (77, small_editor.pipeline.text_encoder.config.max_position_embeddings):
        monkeypatch.setattr(small_editor.pipeline.text_encoder.config, "max_position_embeddings", length)
        sizes.clear()
        cached(small_editor, sampler, tmp_path / str(length))
        assert sizes == [64, 64, 2]


@pytest.mark.parametrize("family", [Seeing, Ragged])
def test_conditionings_that_are_kept_are_not_computed_again(
    small_editor: Editor,
    sampler: BatchSampler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    family: type[Editor],
) -> None:
    """And a batch of texts that was cut off is the same batch again, for another would round otherwise."""
    editor, calls, condition = editor_of(family, small_editor), [], family.condition
    monkeypatch.setattr(cache, "_ROWS_PER_FLUSH", 2)
    monkeypatch.setattr(family, "expected_tokens", lambda self, height, width: 64 * 77 // 4)
    whole = cached(editor, sampler, tmp_path / "whole")

    def ends_at_third(self: Editor, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        calls.append(tuple(texts))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return condition(self, texts, pictures)

    monkeypatch.setattr(family, "condition", ends_at_third)
    with pytest.raises(KeyboardInterrupt):
        cached(editor, sampler, tmp_path / "parts")
    [unfinished] = [path for path in (tmp_path / "parts").iterdir() if path.is_dir()]  # not the lock
    os.truncate(unfinished / "lengths.bin", (unfinished / "lengths.bin").stat().st_size - 8)
    stopped_at = calls[-2]
    again = cached(editor, sampler, tmp_path / "parts")
    assert calls[3] == stopped_at
    texts = [text for text, _, _ in whole.rows]
    assert sum(map(len, calls[3:])) == len(texts) - len(calls[0])
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")
    assert np.array_equal(again.tokens, whole.tokens)


def test_a_recipes_pool_bounds_what_is_encoded(small_editor: Editor, pairs: tuple[Example, ...]) -> None:
    """Of each pair its own text, the null text and the pool, unless pictures are mirrored."""
    keys = {"task": "editor", "model": SIZES, "resolution": SIDE, "flip": 0, "batch_size": ROWS}
    counts = []
    for pool in (1, None):
        sampler = sampler_of(small_editor, EditorConfig(**keys, action={"pool": pool}), pairs)
        counts.append(len(meetings(sampler, 100)))
    assert counts[0] <= 3 * len(pairs) < counts[1]


@pytest.mark.parametrize("name", ["qwen-image-edit", "longcat-image-edit", "dreamlite"])
def test_recipes_of_text_encoders_that_see_pictures_have_a_pool_and_mirror_none(name: str) -> None:
    config = load(name).train
    assert isinstance(config, EditorConfig)
    assert (config.action.pool, config.flip) == (4, 0)
