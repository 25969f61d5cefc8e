"""What holds of the training of every family. Predicting and sampling: tests/editors/test_contract.py."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from actionpairs.configs import ActionLossConfig, EditorConfig, RegularizationConfig
from actionpairs.data import examples
from actionpairs.editors import families, freezing, lora, sampling
from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Editor
from actionpairs.storage import Folder
from actionpairs.training import devices, metric_log
from actionpairs.training.diffusion_batches import DiffusionBatches
from actionpairs.training.editor_task import EditorTask
from actionpairs.training.loss_terms import LossWeights
from actionpairs.training.run import TrainRun
from actionpairs.training.train_editor import _encode
from tests.editors import tiny_pipelines
from tests.editors.tiny_pipelines import FAMILIES
from tests.training import family_runs
from tests.training.family_runs import LORA, STEPS

ROWS = slice(0, 6)
SIBLINGS = {"sdxl", "flux2-klein", "qwen-plus", "qwen-2511"}  # they share their code with another


def slow(families_of_slow_tests: set[str]) -> list[Any]:
    """All families, some of them for slow tests."""
    return [
        pytest.param(one, marks=pytest.mark.slow) if one in families_of_slow_tests else one for one in FAMILIES
    ]


FORMS = ("logistic", "hinge", "negated", "dpo", "nft")


@dataclass
class Runs:
    """The runs of one family, each done once, when a test first asks for it."""

    family: str
    folder: Path
    shards: Path

    @cached_property
    def editor(self) -> Editor:
        return family_runs.editor_of(self.family)

    @cached_property
    def base(self) -> Path:
        """The pipeline before training."""
        self.editor.save(self.folder / "base")
        return self.folder / "base"

    @cached_property
    def whole(self) -> Path:
        return self._run("whole")

    @cached_property
    def adapters(self) -> Path:
        return self._run("adapters", lora=LORA)

    @cached_property
    def batches(self) -> DiffusionBatches:
        """Of six rows: some without text, some without picture where the family drops it."""
        section = family_runs.RUN | {"batch_size": 6, "conditioning_dropout": 0.2}
        config = EditorConfig.model_validate(section | {"model": {"source": str(self.base)}})
        accelerator = devices.create_accelerator("cpu")
        out, encoded = self.folder / "batches", self.folder / "cache"
        run = TrainRun((Folder(self.shards),), None, out, encoded, accelerator, 0, None)
        return _encode(run, config, self.editor, _pairs(self))

    def _run(self, name: str, **changes: object) -> Path:
        family_runs.train_family(self.base, self.shards, self.folder / name, **changes)
        return self.folder / name

    def weights(self, folder: Path) -> dict[str, Tensor]:
        part = self.editor.traits.denoiser
        return load_file(folder / part / "diffusion_pytorch_model.safetensors")


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with family_runs.quick():
        yield


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "WIDE"
    family_runs.write_shards(path)
    return path


@pytest.fixture(scope="module", params=slow(SIBLINGS))
def runs(request: pytest.FixtureRequest, shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    made = Runs(request.param, tmp_path_factory.mktemp(request.param), shards)
    assert made.editor
    return made


def test_frozen_layers_are_bit_equal_after_training_and_all_others_moved(runs: Runs) -> None:
    before, after = runs.weights(runs.base), runs.weights(runs.whole)
    assert before.keys() == after.keys()
    frozen = {name for name in before if any(part in name for part in runs.editor.traits.text_layers)}
    assert {name for name in before if torch.equal(before[name], after[name])} == frozen
    assert 0 < len(frozen) < len(before)


def test_of_an_editor_with_adapters_nothing_else_moves(runs: Runs) -> None:
    """The merged weights differ only where an adapter is; without the adapters they are the base's."""
    before, after = runs.weights(runs.base), runs.weights(runs.adapters)
    targets = tuple(f"{end}.weight" for end in runs.editor.traits.lora_targets)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert before.keys() == after.keys()
    assert moved == {name for name in before if f".{name}".endswith(tuple(f".{end}" for end in targets))}
    assert moved


@pytest.mark.parametrize("kind", ["whole", "adapters"])
def test_a_run_begins_with_no_distance_to_the_frozen_model(runs: Runs, kind: str) -> None:
    """Up to the last bits: the model also runs on wrong texts, and kernels may sum larger batches otherwise."""
    rows = metric_log.load_rows(getattr(runs, kind) / metric_log.TABLE_FILE)
    assert rows[0]["regularization"] <= 1e-12 * rows[0]["static"]
    assert rows[0]["loss"] == pytest.approx(rows[0]["static"] + 0.1 * rows[0]["action"], rel=1e-6)
    assert len(rows) == STEPS
    assert min(row["regularization"] for row in rows[1:]) > 1e-11


def test_a_run_that_is_stopped_ends_with_the_same_weights(runs: Runs) -> None:
    out = runs.folder / "stopped"
    stopped = family_runs.train_family(runs.base, runs.shards, out, stop_after=2)
    assert (stopped.finished, stopped.step) == (False, 2)
    family_runs.train_family(runs.base, runs.shards, out)
    _assert_same_run(runs, out)


@pytest.mark.parametrize("runs", slow(set(FAMILIES) - {"sd", "kontext"}), indirect=True)
def test_a_run_that_is_killed_ends_with_the_same_weights(runs: Runs) -> None:
    """SIGKILL comes after the second step and before its checkpoint."""
    out = runs.folder / "killed"
    code = family_runs.in_fresh_process(family_runs.train_until_killed, runs.base, runs.shards, out)
    assert code == -signal.SIGKILL
    assert [path.name for path in sorted((out / "checkpoints").glob("step-*"))] == ["step-000001"]
    family_runs.train_family(runs.base, runs.shards, out)
    _assert_same_run(runs, out)


def _assert_same_run(runs: Runs, out: Path) -> None:
    resumed, expected = runs.weights(out), runs.weights(runs.whole)
    assert [name for name in expected if not torch.equal(resumed[name], expected[name])] == []
    assert _losses(out) == _losses(runs.whole)


def _losses(out: Path) -> list[dict[str, float]]:
    rows = metric_log.load_rows(out / metric_log.TABLE_FILE)
    return [{name: value for name, value in row.items() if name != "images_per_second"} for row in rows]


@pytest.mark.parametrize("kind", ["whole", pytest.param("adapters", marks=pytest.mark.slow)])
def test_a_saved_editor_opens_in_diffusers_in_a_fresh_process_and_edits(runs: Runs, kind: str) -> None:
    out, path = getattr(runs, kind), runs.folder / f"{kind}.npy"
    assert family_runs.in_fresh_process(family_runs.edit_opened, out, runs.family, path) == 0
    edit, unchanged = np.load(path), family_runs.edit(tiny_pipelines.build(runs.family), runs.family)
    assert np.abs(edit - unchanged).max() > 1e-5
    assert np.array_equal(edit, family_runs.edit(families.load(str(out)).pipeline, runs.family))


def test_the_adapters_of_a_run_are_its_merged_editor(runs: Runs) -> None:
    """The file opened on the base edits as the folder that has them merged in, up to rounding."""
    base = tiny_pipelines.build(runs.family)
    family_runs.load_adapters(base, runs.adapters / "lora", runs.editor)
    edit = family_runs.edit(base, runs.family)
    merged = family_runs.edit(families.load(str(runs.adapters)).pipeline, runs.family)
    assert np.allclose(edit, merged, atol=1e-4)
    metadata = json.loads((runs.adapters / "lora" / lora.FILE).read_bytes()[8:].partition(b"}}")[0] + b"}}")
    assert metadata["__metadata__"][lora.BASE] == str(runs.base)


def _pairs(runs: Runs) -> tuple[examples.Example, ...]:
    return examples.load_train([Folder(runs.shards)])


def _frozen_layers(editor: Editor) -> list[torch.nn.Parameter]:
    """Freeze the layers that mix the instruction in. Returns the parameters that train."""
    freezing.freeze(editor.denoiser, editor.traits.text_layers)
    return [parameter for parameter in editor.denoiser.parameters() if parameter.requires_grad]


@pytest.mark.parametrize("kind", ["whole", "adapters"])
def test_the_distance_to_the_frozen_model_is_exactly_0_for_the_same_batch(runs: Runs, kind: str) -> None:
    """Diffusion-DPO runs both models on the same texts, right and wrong."""
    editor = family_runs.editor_of(runs.family)
    _frozen_layers(editor)
    if kind == "adapters":
        lora.add_adapters(editor.denoiser, editor.traits.lora_targets, rank=2, alpha=4.0, seed=0)
        reference = lora.without_adapters(editor.denoiser)
    else:
        reference = freezing.frozen_copy(editor.denoiser)
    weights = LossWeights(ActionLossConfig(form="dpo"), RegularizationConfig(weight=0.1))
    task = EditorTask(
        editor, runs.batches, weights, accelerator=devices.create_accelerator("cpu"), reference=reference
    )
    terms = task.losses(editor.denoiser.train(), 0, ROWS).terms
    assert terms["regularization"].tolist() == [0, 6]
    total, count = terms["action"].tolist()
    assert total == pytest.approx(count * math.log(2) / 1000)  # neither preferred


def test_every_form_of_the_action_loss_has_finite_gradients_of_its_own(runs: Runs) -> None:
    editor = family_runs.editor_of(runs.family)
    trained, reference = _frozen_layers(editor), freezing.frozen_copy(editor.denoiser)
    with torch.no_grad():  # nft and hinge have the same gradients where the model is the frozen one
        for parameter in trained:
            parameter *= 1.03  # little enough that the logistic form is not yet as steep as the hinge
    norms = set()
    for form in FORMS:
        weights = LossWeights(ActionLossConfig(form=form, weight=1.0), RegularizationConfig(weight=0.1))
        accelerator = devices.create_accelerator("cpu")
        task = EditorTask(editor, runs.batches, weights, accelerator=accelerator, reference=reference)
        losses = task.losses(editor.denoiser, 0, ROWS)
        gradients = torch.autograd.grad(losses.total, trained)
        assert all(gradient.isfinite().all() for gradient in gradients), form
        norms.add(float(torch.stack([gradient.norm() for gradient in gradients]).norm()))
        assert 0 < losses.terms["action"][1] < 6  # a row without text has no wrong instruction
    assert len(norms) == len(FORMS)
    assert min(norms) > 0


def test_a_dropped_text_or_picture_is_what_sampling_calls_null(runs: Runs) -> None:
    editor, batches, pairs = runs.editor, runs.batches, _pairs(runs)
    batch = batches.draw(0, ROWS)
    guidance = replace(editor.traits.sampling, image_guidance=2.0, text_guidance=2.0)
    kinds = set()
    for number, row in enumerate(batches.sampler.rows(0, ROWS)):
        pictures = np.empty((2, 48, 80, 3), np.uint8)
        examples.load_pair_into(pictures, pairs[row.index], flipped=row.flipped)
        texts = sampling.guided_texts(editor, [pictures[:1]], [row.text], guidance)
        null = editor.condition([editor.null_text()], pictures[:1]) if texts.null is None else texts.null
        is_dropped = row.text == editor.null_text()
        assert _same(_row(batch.right, number), null) == is_dropped
        assert _same(_row(batch.right, number), texts.texts)
        assert bool(batch.reference[number].any()) != row.picture_dropped
        kinds.add((is_dropped, row.picture_dropped))
    assert {dropped for dropped, _ in kinds} == {False, True}
    assert any(dropped for _, dropped in kinds) == editor.traits.guided_by_picture


def _row(batch: Conditioning, number: int) -> Conditioning:
    """One row without its padding."""
    embeddings = batch.embeddings[number : number + 1]
    if batch.mask is not None:
        embeddings = embeddings[:, batch.mask[number]]
    pooled = None if batch.pooled is None else batch.pooled[number : number + 1]
    return Conditioning(embeddings, pooled=pooled)


def _same(one: Conditioning, other: Conditioning) -> bool:
    """Whether two conditionings of one row are equal, up to the bits that depend on the batch they came in."""
    first, second = _row(one, 0), _row(other, 0)
    if first.embeddings.shape != second.embeddings.shape:
        return False
    pooled = first.pooled is None or torch.allclose(first.pooled, second.pooled, atol=1e-5)
    return pooled and torch.allclose(first.embeddings, second.embeddings, atol=1e-5)
