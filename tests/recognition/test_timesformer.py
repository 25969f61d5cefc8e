"""A recognizer learns what can be told apart, and a saved one answers as before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actionpairs.data.batches import EpochOrder
from actionpairs.data.examples import Example
from actionpairs.errors import ModelError
from actionpairs.recognition import timesformer
from actionpairs.recognition.timesformer import Recognizer, Sizes
from actionpairs.training.recognizer_task import (
    RecognizerTask,
    Variation,
    confusion_table,
    hold_out,
    judge,
    mirrored,
)
from tests.training.squares import SIDE

ACTIONS = ("move away", "move left", "move near", "move right")
SIZES = Sizes(resolution=SIDE, frames=4, patch_size=8, width=16, layers=1, heads=2)


@pytest.fixture
def small() -> Recognizer:
    return timesformer.build(ACTIONS, SIZES, seed=0)


def test_a_clip_is_half_original_and_half_edit(small: Recognizer) -> None:
    originals = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    clips = small.clips(torch.stack([originals, originals + 255], 1))
    assert clips.shape == (2, 4, 3, SIDE, SIDE)
    assert clips[:, :2].eq(-1).all()
    assert clips[:, 2:].eq(1).all()


def test_a_clip_may_show_changes_alone_and_a_saved_recognizer_remembers(tmp_path: Path) -> None:
    made = timesformer.build(ACTIONS, replace(SIZES, shown="changes"), seed=0)
    made.save(tmp_path)
    originals = torch.full((2, SIDE, SIDE, 3), 255, dtype=torch.uint8)
    edits = originals.clone()
    edits[:, :8, :8] = 0
    for one in (made, timesformer.load(str(tmp_path))):
        clips = one.clips(torch.stack([originals, edits], 1))
        assert clips[:, :2, :, :7, :7].eq(1).all()
        assert clips[:, 2:, :, :7, :7].eq(-1).all()
        assert clips[:, :, :, 10:].eq(0).all()
        same = originals[:1].numpy()
        assert not np.allclose(one.features(same, same), one.features(edits[:1].numpy(), edits[:1].numpy()))


def test_before_and_after_differ_from_the_first_step_on(small: Recognizer) -> None:
    """The order of two pictures is in the answer; with transformers' own beginning it is not."""
    pictures = np.random.default_rng(0).integers(0, 255, (2, 4, SIDE, SIDE, 3), np.uint8)
    small.model.eval()
    there, back = small.predict(*pictures), small.predict(*pictures[::-1])
    assert np.abs(there - back).max() > 1e-3
    torch.nn.init.zeros_(small.model.timesformer.embeddings.time_embeddings)
    there, back = small.predict(*pictures), small.predict(*pictures[::-1])
    assert np.allclose(there, back, atol=1e-5)


def test_places_are_told_apart_as_clearly_as_times_in_the_first_weights() -> None:
    """With transformers' own beginning, left and right stay one for thousands of steps."""
    embeddings = timesformer.build(ACTIONS, replace(SIZES, width=96), seed=0).model.timesformer.embeddings
    places, times = embeddings.position_embeddings.std().item(), embeddings.time_embeddings.std().item()
    assert places == pytest.approx(times, rel=0.2)
    assert places > 0.4


def test_a_saved_recognizer_answers_as_before(small: Recognizer, tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (2, 20, 40, 50, 3), np.uint8)
    small.save(tmp_path)
    again = timesformer.load(str(tmp_path))
    assert again.actions == ACTIONS
    small.model.eval()
    logits = again.predict(*pictures)
    assert logits.shape == (20, 4)
    assert np.array_equal(logits, small.predict(*pictures))
    assert again.features(*pictures).shape == (20, 16)


def test_published_weights_get_a_last_layer_for_our_actions(small: Recognizer, tmp_path: Path) -> None:
    small.save(tmp_path)
    started = timesformer.begin(str(tmp_path), ["open", "close"], resolution=SIDE, frames=4, seed=0)
    assert started.actions == ("open", "close")
    assert started.model.classifier.out_features == 2
    body = small.model.timesformer.state_dict()
    assert all(torch.equal(body[name], value) for name, value in started.model.timesformer.state_dict().items())


def test_published_weights_of_another_clip_length_are_refused(small: Recognizer, tmp_path: Path) -> None:
    small.save(tmp_path)
    with pytest.raises(ModelError, match="takes 4 frames of 32; the recipe says 8 of 32"):
        timesformer.begin(str(tmp_path), ["open"], resolution=SIDE, frames=8, seed=0)


def test_a_folder_without_recognizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a TimeSformer"):
        timesformer.load(str(tmp_path))


def test_sizes_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ModelError, match="cannot be cut into patches of 7"):
        timesformer.build(ACTIONS, Sizes(32, 4, 7, 16, 1, 2), seed=0)


def test_a_mirror_swaps_left_and_right_where_both_are_actions() -> None:
    actions = ["move-left", "move-right", "move near", "push left", "turn clockwise"]
    assert [mirrored(action, actions) for action in actions] == [1, 0, 2, None, None]


class Asked(torch.nn.Module):
    """Keeps what a task asks it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, clips: torch.Tensor) -> object:
        self.clips = clips
        return type("Reply", (), {"logits": self.weight * torch.zeros(len(clips), len(ACTIONS))})


def test_both_pictures_are_shifted_alike_and_each_pair_by_itself(
    small: Recognizer, pairs: tuple[Example, ...]
) -> None:
    """Every picture is the same dot in the middle."""
    pictures = np.zeros((len(pairs), 2, SIDE, SIDE, 3), np.uint8)
    pictures[:, :, SIDE // 2, SIDE // 2] = 255
    order = EpochOrder(tuple(pair.name for pair in pairs), seed=0, batch_size=len(pairs))
    variation = Variation(flip=0.0, shift=0.25)
    task = RecognizerTask(small, pairs, pictures, order=order, variation=variation, balanced=False)
    network = Asked()
    task.losses(network, 0, slice(len(pairs)))
    assert torch.equal(network.clips[:, 0], network.clips[:, -1])
    dots = {tuple(place) for place in (network.clips[:, 0, 0] > 0).nonzero()[:, 1:].tolist()}
    assert len(dots) > len(pairs) / 2
    assert max(abs(place - SIDE // 2) for dot in dots for place in dot) <= SIDE / 4


def test_holding_out_divides_by_name_alone(pairs: tuple[Example, ...]) -> None:
    learned, aside = hold_out(pairs, share=0.3, seed=0)
    assert sorted([*learned, *aside], key=lambda pair: pair.name) == list(pairs)
    assert 0 < len(aside) < len(learned)
    assert hold_out(pairs[3:], share=0.3, seed=0)[1] == tuple(pair for pair in aside if pair in pairs[3:])


def test_the_verdict_counts_first_and_first_five(pairs: tuple[Example, ...]) -> None:
    class Oracle:
        actions = ACTIONS

        def predict(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
            return np.tile([0.1, 0.9, 0.0, 0.2], (len(originals), 1))

    pictures = np.zeros((len(pairs), 2, 4, 4, 3), np.uint8)
    verdict = judge(Oracle(), pairs, pictures)  # type: ignore[arg-type]
    lefts = sum(pair.entry.action == "move left" for pair in pairs)
    assert (verdict.samples, verdict.first, verdict.first_five) == (len(pairs), lefts, len(pairs))
    assert verdict.confusion[:, 1].sum() == len(pairs)
    table = confusion_table(verdict, ACTIONS).decode().splitlines()
    assert table[0] == "action,move away,move left,move near,move right"
    assert table[2] == f"move left,0,{lefts},0,0"
