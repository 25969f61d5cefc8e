"""What a recognizer takes as input, how it is trained and scored, and that a saved one is loaded unchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actionpairs.data.batches import EpochOrder
from actionpairs.data.examples import Example
from actionpairs.errors import ModelError
from actionpairs.recognition import families
from actionpairs.recognition.recognizer import Recognizer, Sizes
from actionpairs.training.recognizer_task import (
    ClipAugmentation,
    RecognizerTask,
    confusion_csv,
    hold_out,
    mirrored_action,
    score_recognizer,
)
from tests.training.squares import SIDE

ACTIONS = ("move away", "move left", "move near", "move right")
SIZES = Sizes(resolution=SIDE, frames=4, patch_size=8, width=16, layers=1, heads=2)


@pytest.fixture
def small() -> Recognizer:
    return families.build(ACTIONS, SIZES, seed=0)


def test_a_clip_is_half_original_and_half_edit(small: Recognizer) -> None:
    originals = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    clips = small.to_clips(torch.stack([originals, originals + 255], 1))
    assert clips.shape == (2, 4, 3, SIDE, SIDE)
    assert clips[:, :2].eq(-1).all()
    assert clips[:, 2:].eq(1).all()


def test_the_input_changes_is_gray_where_nothing_changes_and_is_saved(tmp_path: Path) -> None:
    built = families.build(ACTIONS, replace(SIZES, input="changes"), seed=0)
    built.save(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["input"] == "changes"
    originals = torch.full((2, SIDE, SIDE, 3), 255, dtype=torch.uint8)
    edits = originals.clone()
    edits[:, :8, :8] = 0
    for one in (built, families.load(str(tmp_path))):
        clips = one.to_clips(torch.stack([originals, edits], 1))
        assert clips[:, :2, :, :7, :7].eq(1).all()
        assert clips[:, 2:, :, :7, :7].eq(-1).all()
        assert clips[:, :, :, 10:].eq(0).all()
        same = originals[:1].numpy()
        assert not np.allclose(one.features(same, same), one.features(edits[:1].numpy(), edits[:1].numpy()))


@pytest.mark.parametrize("value", ["pictures", "changes"])
def test_a_recognizer_saved_by_version_0_1_has_its_input_as_shown(tmp_path: Path, value: str) -> None:
    """Version 0.1 wrote the input into config.json as `shown`."""
    built = families.build(ACTIONS, replace(SIZES, input=value), seed=0)
    built.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["shown"] = config.pop("input")
    (tmp_path / "config.json").write_text(json.dumps(config))
    pictures = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, 2, SIDE, SIDE, 3), np.uint8))
    clips = families.load(str(tmp_path)).to_clips(pictures)
    assert torch.equal(clips, built.to_clips(pictures))


def test_before_and_after_differ_from_the_first_step_on(small: Recognizer) -> None:
    """The logits depend on the order of the pictures; with transformers' own first weights they do not."""
    pictures = np.random.default_rng(0).integers(0, 255, (2, 4, SIDE, SIDE, 3), np.uint8)
    small.model.eval()
    there, back = small.predict(*pictures), small.predict(*pictures[::-1])
    assert np.abs(there - back).max() > 1e-3
    torch.nn.init.zeros_(small.model.timesformer.embeddings.time_embeddings)
    there, back = small.predict(*pictures), small.predict(*pictures[::-1])
    assert np.allclose(there, back, atol=1e-5)


def test_position_embeddings_start_as_large_as_time_embeddings() -> None:
    """With transformers' own first weights, left and right are confused for thousands of steps."""
    embeddings = families.build(ACTIONS, replace(SIZES, width=96), seed=0).model.timesformer.embeddings
    position, time = embeddings.position_embeddings.std().item(), embeddings.time_embeddings.std().item()
    assert position == pytest.approx(time, rel=0.2)
    assert position > 0.4


def test_a_saved_recognizer_has_the_same_logits(small: Recognizer, tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (2, 20, 40, 50, 3), np.uint8)
    small.save(tmp_path)
    again = families.load(str(tmp_path))
    assert again.actions == ACTIONS
    small.model.eval()
    logits = again.predict(*pictures)
    assert logits.shape == (20, 4)
    assert np.array_equal(logits, small.predict(*pictures))
    assert again.features(*pictures).shape == (20, 16)


def test_published_weights_get_a_last_layer_for_our_actions(small: Recognizer, tmp_path: Path) -> None:
    small.save(tmp_path)
    started = families.from_pretrained(str(tmp_path), ["open", "close"], resolution=SIDE, frames=4, seed=0)
    assert started.actions == ("open", "close")
    assert started.model.classifier.out_features == 2
    body = small.model.timesformer.state_dict()
    assert all(torch.equal(body[name], value) for name, value in started.model.timesformer.state_dict().items())


def test_published_weights_of_another_clip_length_are_refused(small: Recognizer, tmp_path: Path) -> None:
    small.save(tmp_path)
    with pytest.raises(ModelError, match="takes 4 frames of 32; the recipe says 8 of 32"):
        families.from_pretrained(str(tmp_path), ["open"], resolution=SIDE, frames=8, seed=0)


def test_a_folder_without_recognizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a recognizer"):
        families.load(str(tmp_path))


def test_sizes_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ModelError, match="cannot be divided into patches of 7"):
        families.build(ACTIONS, Sizes(32, 4, 7, 16, 1, 2), seed=0)


def test_a_mirror_swaps_left_and_right_where_both_are_actions() -> None:
    actions = ["move-left", "move-right", "move near", "push left", "turn clockwise"]
    assert [mirrored_action(action, actions) for action in actions] == [1, 0, 2, None, None]


class ClipRecorder(torch.nn.Module):
    """Keeps the clips that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, clips: torch.Tensor) -> object:
        self.clips = clips
        return type("Output", (), {"logits": self.weight * torch.zeros(len(clips), len(ACTIONS))})


def test_both_pictures_are_shifted_alike_and_each_pair_by_itself(
    small: Recognizer, pairs: tuple[Example, ...]
) -> None:
    """Every picture is the same dot in the middle."""
    pictures = np.zeros((len(pairs), 2, SIDE, SIDE, 3), np.uint8)
    pictures[:, :, SIDE // 2, SIDE // 2] = 255
    order = EpochOrder(tuple(pair.name for pair in pairs), seed=0, batch_size=len(pairs))
    augmentation = ClipAugmentation(flip=0.0, shift=0.25)
    task = RecognizerTask(small, pairs, pictures, order=order, augmentation=augmentation, balanced=False)
    network = ClipRecorder()
    task.losses(network, 0, slice(len(pairs)))
    assert torch.equal(network.clips[:, 0], network.clips[:, -1])
    dots = {tuple(dot) for dot in (network.clips[:, 0, 0] > 0).nonzero()[:, 1:].tolist()}
    assert len(dots) > len(pairs) / 2
    assert max(abs(position - SIDE // 2) for dot in dots for position in dot) <= SIDE / 4


def test_holding_out_divides_by_name_alone(pairs: tuple[Example, ...]) -> None:
    train, test = hold_out(pairs, share=0.3, seed=0)
    assert sorted([*train, *test], key=lambda pair: pair.name) == list(pairs)
    assert 0 < len(test) < len(train)
    assert hold_out(pairs[3:], share=0.3, seed=0)[1] == tuple(pair for pair in test if pair in pairs[3:])


def test_the_score_counts_top_1_and_top_5(pairs: tuple[Example, ...]) -> None:
    class Constant:
        actions = ACTIONS

        def predict(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
            return np.tile([0.1, 0.9, 0.0, 0.2], (len(originals), 1))

    pictures = np.zeros((len(pairs), 2, 4, 4, 3), np.uint8)
    score = score_recognizer(Constant(), pairs, pictures)  # type: ignore[arg-type]
    lefts = sum(pair.entry.action == "move left" for pair in pairs)
    assert (score.samples, score.top_1, score.top_5) == (len(pairs), lefts, len(pairs))
    assert score.confusion[:, 1].sum() == len(pairs)
    table = confusion_csv(score, ACTIONS).decode().splitlines()
    assert table[0] == "action,move away,move left,move near,move right"
    assert table[2] == f"move left,0,{lefts},0,0"
