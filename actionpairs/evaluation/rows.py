"""The rows of a report: every model and folder of edits, the copy of the input, the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from actionpairs.configs import EvalConfig
from actionpairs.data import negatives
from actionpairs.data.examples import Example, Shape
from actionpairs.editors import families
from actionpairs.editors.editor import Editor, Sampling
from actionpairs.evaluation import notes, samples, scorecard
from actionpairs.evaluation.cut_texts import cut_note
from actionpairs.evaluation.gaps import ColumnGaps, refuse
from actionpairs.evaluation.predictions import ModelPredictions, Predictions
from actionpairs.evaluation.records import COPY, TRUTH, Kind, ReportRow
from actionpairs.evaluation.samples import EditOf
from actionpairs.metrics.metric import AnyMetric


@dataclass(frozen=True, slots=True)
class Compared:
    """What a report compares. resolution: in pixels. shape_of: a sample's name → height and width of its edits."""

    samples: tuple[Example, ...]
    resolution: int
    shape_of: Mapping[str, Shape]
    predictions: tuple[Predictions, ...]


def score_rows(
    compared: Compared,
    metrics: Sequence[AnyMetric],
    config: EvalConfig,
    *,
    device: str,
    on_gaps: Callable[[ColumnGaps], None] = refuse,
) -> tuple[tuple[ReportRow, ...], tuple[str, ...]]:
    """Make the missing predictions and score all rows. Also returns how each model's edits were sampled, in words.

    The models, those that do the action best first, then the copy, then the truth.
    """

    def score(
        name: str, kind: Kind, edit_of: EditOf, editor: Editor | None = None, has: Callable[[str], bool] = _always
    ) -> ReportRow:
        batches = samples.iter_batches(
            name,
            [sample for sample in compared.samples if has(sample.name)],
            edit_of,
            shape_of=compared.shape_of,
            batch_size=config.batch_size,
            editor=editor,
        )
        return scorecard.score_row(name, kind, batches, metrics, on_gaps=on_gaps)

    models, sampling_notes = [], []
    for each in compared.predictions:
        editor = None
        if isinstance(each, ModelPredictions):
            editor = families.load(str(each.model.path), quantize=config.quantize, device=device)
            editor.to(torch.device(device))
            sampling_notes.append(generate_missing(each, editor, compared.samples, config))
            sampling_notes += cut_note(each.name, editor, compared.samples)
        models.append(score(each.name, "model", _edits_of(each), editor, each.has))
    models.sort(key=lambda row: -row.scores[0].value)
    copy = score(COPY, "copy", lambda _, pair: pair[0])
    truth = score(TRUTH, "truth", lambda _, pair: pair[1])
    return (*models, copy, truth), tuple(sampling_notes)


def generate_missing(
    predictions: ModelPredictions, editor: Editor, chosen: Sequence[Example], config: EvalConfig
) -> str:
    """Write the predictions that are missing. Returns how they are sampled, in words."""
    sampling = sampling_of(editor, config)
    samples.generate_missing(
        predictions,
        editor,
        chosen,
        sampling,
        seed=config.seed,
        batch_size=config.batch_size,
        negative_of=_negatives(editor, config, chosen),
    )
    by_picture = editor.traits.guided_by_picture
    note = notes.sampling_note(predictions.name, sampling, guided_by_picture=by_picture, seed=config.seed)
    return note + (f" Guided away from a wrong instruction ({config.negatives})." if config.negatives else "")


def _negatives(editor: Editor, config: EvalConfig, chosen: Sequence[Example]) -> dict[str, str] | None:
    """A wrong instruction for each sample, by name; the null text where there is none."""
    if config.negatives is None:
        return None
    named = {each.name: each.entry for each in chosen}
    drawn = negatives.one_each(named, list(named.values()), config.negatives, seed=config.seed)
    return {name: drawn.get(name, editor.null_text()) for name in named}


def sampling_of(editor: Editor, config: EvalConfig) -> Sampling:
    """The recipe's sampling; what it leaves out is the model's own."""
    return editor.defaults.sampling.updated(
        scheduler=config.scheduler,
        steps=config.steps,
        image_guidance=config.image_guidance,
        text_guidance=config.text_guidance,
    )


def _always(_: str) -> bool:
    return True


def _edits_of(predictions: Predictions) -> EditOf:
    return lambda sample, _: predictions.load(sample.name)
