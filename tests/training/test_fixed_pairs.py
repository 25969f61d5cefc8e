"""The discrimination of fixed pairs is that of their margins, shape by shape, and needs no text encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from actionpairs.configs import DiagnosticsConfig, EditorConfig
from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.data.negatives import one_of_each_kind
from actionpairs.editors.editor import Editor
from actionpairs.storage import Folder
from actionpairs.training import margins
from actionpairs.training.fixed_pairs import FixedPairs, fixed_pairs_of
from tests.training import family_runs
from tests.training.squares import SIDE

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def candidates(pairs: tuple[Example, ...], tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """Squares, and five wide pairs; 25 in all."""
    path = tmp_path_factory.mktemp("wide") / "shards"
    family_runs.write_shards(path)
    return [*pairs, *examples.load_train([Folder(path)])]


def make(editor: Editor, candidates: list[Example], count: int) -> FixedPairs | None:
    config = EditorConfig(
        task="editor",
        model={"tiny": True},
        resolution=SIDE,
        diagnostics=DiagnosticsConfig(discrimination_pairs=count),
    )
    return fixed_pairs_of(editor, candidates, config, device=CPU)


def test_none_are_made_unless_the_recipe_asks(small_editor: Editor, candidates: list[Example]) -> None:
    assert make(small_editor, candidates, 0) is None


def test_each_kind_has_the_share_of_positive_margins(small_editor: Editor, candidates: list[Example]) -> None:
    """All candidates, in batches of one shape, against one pair at a time."""
    fixed = make(small_editor, candidates, 100)
    assert fixed is not None
    assert len({batch.pictures.shape[2:4] for batch in fixed.batches}) == 2
    seeds = {seed for batch in fixed.batches for seed in batch.seeds}
    assert len(seeds) == len(candidates)
    measured = fixed.measure(small_editor.denoiser)
    assert list(measured) == ["all", "same verb", "same noun", "same scene"]

    entries = {one.name: one.entry for one in candidates}
    wrong = one_of_each_kind(entries, list(entries.values()), seed=0)
    hits: dict[str, list[bool]] = {}
    for batch in fixed.batches:
        shape = batch.pictures.shape[2:4]
        of_pictures = {examples.load_pair(one, shape).tobytes(): one for one in candidates}
        for pair, seed in zip(batch.pictures[:, None], batch.seeds, strict=True):
            one = of_pictures[pair[0].tobytes()]
            right = small_editor.condition([one.entry.instruction], pair[:, 0])
            for kind, texts in wrong.items():
                if one.name in texts:
                    other = small_editor.condition([texts[one.name]], pair[:, 0])
                    margin = margins.margins(small_editor, pair, right, [other], seeds=[seed])
                    hits.setdefault(kind, []).append(bool(margin[0, 0] > 0))
    assert measured == {kind: (pytest.approx(np.mean(values)), len(values)) for kind, values in hits.items()}


def test_measuring_again_needs_no_text_encoder_and_gives_the_same(
    small_editor: Editor, candidates: list[Example]
) -> None:
    fixed = make(small_editor, candidates, 5)
    assert fixed is not None
    assert sum(len(batch.seeds) for batch in fixed.batches) == 5
    first = fixed.measure(small_editor.denoiser)

    def refuse(*_: object) -> None:
        raise AssertionError("the text encoder has left the device")

    small_editor.pipeline.text_encoder.register_forward_hook(refuse)
    assert fixed.measure(small_editor.denoiser) == first
