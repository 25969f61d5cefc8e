"""What `eval` does with a judge: open it, ask it about known pairs, and keep every question and answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from actionpairs.configs import JudgeConfig, JudgeOptions
from actionpairs.errors import StorageError
from actionpairs.evaluation import calibration, gaps
from actionpairs.evaluation.calibration import KnownSample
from actionpairs.evaluation.gaps import ColumnGaps
from actionpairs.language_models import open_cache
from actionpairs.metrics import judge_models, judge_records, judge_rubrics
from actionpairs.metrics.judge_asking import JudgeAsking
from actionpairs.metrics.vlm_judge import VlmJudge, judge_digest
from actionpairs.storage import Folder

FILE = "judge.parquet"
CACHE_FOLDER = "judge"


@dataclass
class Judged:
    """The judge of a report, or None, and the gaps that its scores have so far.

    calibrated: the columns about the action that told right from wrong about every kind of known pairs.
    """

    metric: VlmJudge | None = None
    allow_gaps: bool = False
    config: JudgeConfig = field(default_factory=JudgeConfig)
    gaps: list[ColumnGaps] = field(default_factory=list)
    calibrated: tuple[str, ...] = ()

    def calibrate(self, samples: Iterable[KnownSample]) -> tuple[str, ...]:
        """Ask about known pairs, before anything is scored. Returns what a report says of it."""
        if self.metric is None:
            return ()
        made = calibration.calibrate(self.metric, tuple(samples), count=self.config.calibration)
        self.gaps += made.gaps
        self.calibrated = calibration.reliable(made)
        return tuple(calibration.notes(made, self.metric.rubrics))

    def gap_notes(self) -> tuple[str, ...]:
        """The gaps as a report says them; raises ScoreError where there are some that the user does not allow."""
        if self.gaps and not self.allow_gaps:
            gaps.refuse(*self.gaps)
        return tuple(gaps.note(each) for each in self.gaps)


@dataclass(frozen=True, slots=True)
class Judging:
    """Which judge a report has, if any, how it is asked, and the report's folder."""

    options: JudgeOptions | None
    config: JudgeConfig
    folder: Folder
    device: str

    def spec_inputs(self) -> dict[str, str]:
        """The judge by digest, without asking or loading it. Raises ScoreError or ModelError if there is none."""
        if self.options is None:
            return {}
        settings = judge_models.settings_digest(self.options, self.config)
        return {"judge": judge_digest(settings, judge_rubrics.load(self.config.rubrics), self.config)}

    @contextmanager
    def opened(self) -> Iterator[Judged]:
        """Open the judge, and in the end write all that it was asked, also where its scores are refused."""
        if self.options is None:
            yield Judged()
            return
        rubrics = judge_rubrics.load(self.config.rubrics)
        model = judge_models.open_model(self.options, self.config, device=self.device)
        concurrency = 1 if judge_models.is_local(self.options) else self.options.concurrency
        with open_cache(_cache_folder(self.folder, self.options), model, prompt="judge") as cache:
            asking = JudgeAsking(model, cache, self.config, concurrency=concurrency)
            try:
                yield Judged(VlmJudge(asking, rubrics, self.config), self.options.allow_gaps, self.config)
            finally:
                with self.folder.create(FILE) as file:
                    pq.write_table(judge_records.to_table(asking.records), file)


def _cache_folder(folder: Folder, options: JudgeOptions) -> Path:
    if options.cache is not None:
        return Path(options.cache)
    if not folder.is_local:
        raise StorageError(
            f"{folder}: a judge's answers are kept on this machine's disk.",
            cure="Give a folder for them: --judge-cache DIR.",
        )
    return folder.local_path(CACHE_FOLDER)
