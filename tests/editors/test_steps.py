"""A step of sampling is one time, whether the denoiser passes it once or twice, and it can be the last one."""

from __future__ import annotations

import numpy as np
import pytest

from actionpairs.editors import sampling
from actionpairs.editors.editor import Editor
from actionpairs.editors.steps import each_step
from tests.editors.tiny_pipelines import FAMILIES
from tests.training.family_runs import TEXT, editor_of, picture


def sample(editor: Editor, *, steps: int) -> np.ndarray:
    asked = editor.defaults.sampling.updated(steps=steps)
    return sampling.sample(editor, picture(0)[None], [TEXT], seeds=[3], sampling=asked)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_step_of_each_family_begins_once_and_changes_nothing(family: str) -> None:
    editor, begun = editor_of(family), list[None]()
    with each_step(editor, lambda: begun.append(None)):
        watched = sample(editor, steps=3)
    assert len(begun) == 3
    assert np.array_equal(watched, sample(editor, steps=3))
    assert len(begun) == 3


def test_what_a_step_raises_ends_the_sampling() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    editor = editor_of(FAMILIES[0])
    with pytest.raises(KeyboardInterrupt), each_step(editor, stop):
        sample(editor, steps=3)
    assert not editor.denoiser._forward_pre_hooks
