"""Rows of a benchmark's report: the edits are made, then scored by what needs a target and by what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from actionpairs.benchmarks.answers import Answers, Questions
from actionpairs.benchmarks.benchmark import BenchmarkSample
from actionpairs.configs import EvalConfig
from actionpairs.data import rng
from actionpairs.editors import families
from actionpairs.editors import sampling as editing
from actionpairs.editors.editor import Editor
from actionpairs.evaluation import batching, comparisons, notes, scorecard
from actionpairs.evaluation.calibration import KnownSample
from actionpairs.evaluation.gaps import ColumnGaps, refuse
from actionpairs.evaluation.records import COPY, EditScores, Kind, ReportPart, ReportRow
from actionpairs.evaluation.rows import sampling_of
from actionpairs.metrics.disc_edit import DiscEdit
from actionpairs.metrics.metric import AnyMetric, EditBatch
from actionpairs.metrics.vlm_judge import VlmJudge
from actionpairs.progress import Progress

TARGET = "the benchmark's target"  # the name of the row of the truth
EditOf = Callable[[BenchmarkSample], np.ndarray]
OnGaps = Callable[[ColumnGaps], None]


def score_rows(
    answers: Sequence[Answers],
    questions: Questions,
    metrics: Sequence[AnyMetric],
    config: EvalConfig,
    *,
    device: str,
    on_gaps: OnGaps = refuse,
) -> tuple[tuple[ReportRow, ...], tuple[str, ...]]:
    """Make the missing edits and score all rows. Also returns how each model's edits were sampled, in words.

    The rows of edits, the best in the first score first, then the copy, then the target where there is one.
    on_gaps: as in `scorecard.score_row`.
    """

    def score(
        name: str, kind: Kind, samples: Sequence[BenchmarkSample], edit_of: EditOf, editor: Editor | None = None
    ) -> ReportRow:
        return _row(_Scorer(name, kind, samples, edit_of, editor), questions, metrics, config, on_gaps)

    rows, sampling_notes = [], []
    for each in answers:
        editor = None
        if each.model is not None:
            editor = families.load(str(each.model.path), quantize=config.quantize, device=device)
            editor.to(torch.device(device))
            sampling_notes.append(make_missing(each, editor, config))
        each.copy_missing()
        chosen = [sample for sample in questions.samples if each.has(sample)]
        rows.append(score(each.name, "model", chosen, each.load, editor))
    rows.sort(key=lambda row: -row.scores[0].value if row.scores else 0.0)
    rows.append(score(COPY, "copy", questions.samples, questions.original))
    with_target = [sample for sample in questions.samples if sample.target is not None]
    if with_target:
        rows.append(score(TARGET, "truth", with_target, questions.target))
    return tuple(rows), tuple(sampling_notes)


def make_missing(answers: Answers, editor: Editor, config: EvalConfig) -> str:
    """Let a model make the edits that are missing. Returns how, in words.

    A batch is made as a whole, so that a run that is stopped and continued writes the same bytes.
    """
    questions, sampling = answers.questions, sampling_of(editor, config)

    def edits_of(batch: Sequence[BenchmarkSample]) -> np.ndarray:
        return editing.sample(
            editor,
            np.stack([questions.original(sample) for sample in batch]),
            [sample.instruction for sample in batch],
            seeds=[rng.torch_seed(config.seed, "edit", sample.key) for sample in batch],
            sampling=sampling,
        )

    batches = _batches(questions, questions.samples, config.batch_size)
    batching.make_missing(
        batches, edits_of, exists=answers.exists, save=answers.save, description=f"edits of {answers.name}"
    )
    by_picture = editor.traits.guided_by_picture
    return notes.sampling_note(answers.name, sampling, guided_by_picture=by_picture, seed=config.seed)


def by_category(rows: Sequence[ReportRow], samples: Sequence[BenchmarkSample]) -> tuple[ReportPart, ...]:
    """The per-sample scores of every category; none where nothing is scored, or all samples are of the same."""
    if not any(row.scores for row in rows):
        return ()
    names = sorted({name for sample in samples for name in sample.categories})
    keys_of = {name: {sample.key for sample in samples if name in sample.categories} for name in names}
    return tuple(comparisons.part(name, rows, keys) for name, keys in keys_of.items() if len(keys) < len(samples))


class _Scorer:
    """One row: its samples, and how the edit of each is loaded."""

    def __init__(
        self,
        name: str,
        kind: Kind,
        samples: Sequence[BenchmarkSample],
        edit_of: EditOf,
        editor: Editor | None = None,
    ) -> None:
        self.name, self.kind, self.samples, self._edit_of, self._editor = name, kind, samples, edit_of, editor

    def batches(
        self, questions: Questions, samples: Sequence[BenchmarkSample], *, size: int, with_targets: bool
    ) -> Iterator[EditBatch]:
        """Batches of one shape each. Without targets, `truths` is empty: a metric that looks at it fails."""
        with Progress(total=len(samples), unit="sample", desc=f"scores of {self.name}") as bar:
            for batch in _batches(questions, samples, size):
                originals = np.stack([questions.original(sample) for sample in batch])
                yield EditBatch(
                    keys=tuple(sample.key for sample in batch),
                    instructions=tuple(sample.instruction for sample in batch),
                    actions=tuple(category(sample) for sample in batch),
                    originals=originals,
                    edits=np.stack([self._edit_of(sample) for sample in batch]),
                    truths=np.stack([questions.target(each) for each in batch]) if with_targets else originals[:0],
                    editor=self._editor,
                    row=self.name,
                )
                bar.update(len(batch))


def category(sample: BenchmarkSample) -> str:
    """What stands in a report in the place of the action."""
    return sample.categories[0] if sample.categories else ""


def _row(
    scorer: _Scorer, questions: Questions, metrics: Sequence[AnyMetric], config: EvalConfig, on_gaps: OnGaps
) -> ReportRow:
    """The scores of one row: those that need a target on the samples that have one, the others on all."""
    parts = []
    for with_targets in (True, False):
        chosen = [sample for sample in scorer.samples if sample.target is not None or not with_targets]
        wanted = [metric for metric in metrics if needs_target(metric) == with_targets]
        if chosen and wanted:
            batches = scorer.batches(questions, chosen, size=config.batch_size, with_targets=with_targets)
            parts.append(scorecard.score_row(scorer.name, scorer.kind, batches, wanted, on_gaps=on_gaps))
    edits = {sample.key: EditScores(sample.key, {}, {}) for sample in scorer.samples}
    for part in parts:
        for edit in part.edits:
            own = edits[edit.key]
            edits[edit.key] = EditScores(edit.key, {**own.values, **edit.values}, {**own.texts, **edit.texts})
    scores = tuple(score for part in parts for score in part.scores)
    return ReportRow(scorer.name, scorer.kind, scores, tuple(edits[key] for key in sorted(edits)))


def needs_target(metric: AnyMetric) -> bool:
    """Whether a metric looks at the target."""
    return metric.shows_truth if isinstance(metric, VlmJudge) else not isinstance(metric, DiscEdit)


def known_samples(questions: Questions) -> Iterator[KnownSample]:
    """What known pairs for a judge are made of. Each instruction is an action of its own."""
    for sample in questions.samples:
        after = None if sample.target is None else partial(questions.target, sample)
        own = sample.instruction
        yield KnownSample(sample.key, own, own, partial(questions.original, sample), after)


def _batches(
    questions: Questions, samples: Sequence[BenchmarkSample], size: int
) -> Iterator[Sequence[BenchmarkSample]]:
    """Batches of one shape each, in the order of the files: so a table's row groups are loaded once a shape."""
    return batching.by_shape(samples, lambda sample: questions.shape_of[sample.key], size)
