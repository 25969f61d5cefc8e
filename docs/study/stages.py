"""The stages of a study: sets, screening, base and recognizer, rows. Each skips what is finished."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import base
import figures
import runs
import scoring
import screening
import tables
from jobs import Deadline, Job, run_all
from rows import BASE, BOUNDS, Run, Study, drop_stale, full_rows, group

from actionpairs.synthetic.synthetic_shards import write_synthetic_shards

_SHARED = ("sets", "outcomes", "base", "recognizer")  # what a row that is checked takes from the study


# 5 parameters: the options of the command
def run_study(study: Study, part: str, rows: Sequence[str], *, jobs: int, deadline: Deadline) -> bool:
    """Render the sets, screen, train and score the rows, and write tables and pictures after each. Is all done?"""
    _limit_threads(study)
    if not _prepare(study, part, deadline):
        return False
    if part != "rows" and study.size.screening and not _screen(study, jobs=jobs, deadline=deadline):
        return False
    if part == "screening":
        return True
    if not _train_base_and_recognizer(study, jobs=jobs, deadline=deadline):
        return False
    full = full_rows(study, rows)
    drop_stale(study, full)
    return _run_rows(study, group(study, full), jobs=jobs, deadline=deadline)


def _limit_threads(study: Study) -> None:
    """Let the processes of the jobs compute with as many threads as the size says."""
    if study.size.threads:
        os.environ["OMP_NUM_THREADS"] = str(study.size.threads)


def check(study: Study, row: str, *, deadline: Deadline) -> bool:
    """Train and score a row's seed 0 in OUT/check, and compare every score. Raises SystemExit if one differs."""
    _limit_threads(study)
    again = Study(study.size, study.out / "check" / row, study.device)
    finished = [again.scores(spec, f"{row}-seed0").exists() for spec in study.test_sets]
    if all(finished):  # of an earlier check
        shutil.rmtree(again.out)
    again.out.mkdir(parents=True, exist_ok=True)
    for name in _SHARED:
        if (study.out / name).exists() and not (again.out / name).exists():
            (again.out / name).symlink_to((study.out / name).resolve())
    chosen = [one for one in full_rows(again, [row]) if one.name == f"{row}-seed0"]
    jobs = [Job(run.digest, runs.train_and_score, (again, run)) for run in group(again, chosen)]
    if not run_all(jobs, at_once=1, deadline=deadline, after_each=lambda: None):
        return False
    pairs = [
        pair
        for spec in study.test_sets
        for pair in zip(
            *(scoring.load_scores(one.scores(spec, f"{row}-seed0")) for one in (study, again)), strict=True
        )
    ]
    different = sum(one != other for one, other in pairs)
    if different:
        raise SystemExit(f"{row}: {different} of {len(pairs)} scores differ")
    print(f"{row}: all {len(pairs)} scores are the same to the last digit")
    return True


def _prepare(study: Study, part: str, deadline: Deadline) -> bool:
    """Render every set and its correct outcomes. A set that is begun is finished, whatever the deadline."""
    tested = [] if part == "screening" else [*study.test_sets]
    screened = study.size.screening.sets if study.size.screening and part != "rows" else ()
    for spec in dict.fromkeys([*study.size.sets, *tested, *screened]):
        if deadline.is_over:
            return False
        write_synthetic_shards(spec, out=str(study.shards(spec)))
    for spec in (*tested, *screened):
        if deadline.is_over:
            return False
        scoring.write_outcomes(spec, study.shards(spec), study.outcomes(spec))
    return True


def _screen(study: Study, *, jobs: int, deadline: Deadline) -> bool:
    """Run one round of the screening after the other."""
    assert study.size.screening
    for number in range(len(study.size.screening.rounds)):
        steps, names = screening.plan(study)[number]
        rows = [screening.row_of(study, name, steps) for name in names]
        drop_stale(study, rows)
        work = [_job(study, run) for run in group(study, rows) if not run.is_finished(study)]
        if not run_all(work, at_once=jobs, deadline=deadline, after_each=lambda: tables.write(study)):
            return False
    tables.write(study)
    return True


def _train_base_and_recognizer(study: Study, *, jobs: int, deadline: Deadline) -> bool:
    """Train what every row needs, and score the base."""
    static, first = study.size.base, []
    if static:
        for spec in static.sets:
            if deadline.is_over:
                return False
            write_synthetic_shards(spec, out=str(study.shards(spec)))
        folders = [str(study.shards(spec)) for spec in static.sets]
        first.append(Job("base", base.train_base, (static.recipe, folders, study.out), {"device": study.device}))
    if study.size.reported:
        first.append(Job("recognizer", runs.train_recognizer, (study,)))
    names = (BASE, *BOUNDS)
    is_scored = all(study.scores(spec, name).exists() for spec in study.test_sets for name in names)
    at_once = jobs if study.size.threads else 1
    if is_scored:
        return True
    if not run_all(first, at_once=at_once, deadline=deadline, after_each=lambda: None):
        return False
    scored = Job(BASE, runs.score_base, (study,))
    return run_all([scored], at_once=1, deadline=deadline, after_each=lambda: _write_page(study))


def _run_rows(study: Study, every: Sequence[Run], *, jobs: int, deadline: Deadline) -> bool:
    work = [_job(study, run) for run in every if not run.is_finished(study)]
    is_finished = run_all(work, at_once=jobs, deadline=deadline, after_each=lambda: _write_page(study))
    _write_page(study)
    return is_finished


def _job(study: Study, run: Run) -> Job:
    return Job(", ".join(row.name for row in run.rows), runs.train_and_score, (study, run))


def _write_page(study: Study) -> None:
    tables.write(study)
    figures.draw(study)
