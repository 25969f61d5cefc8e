"""extract: annotation files and videos in, frame pairs out, with every segment accounted for."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from actionpairs import manifest, pairs
from actionpairs.annotations import FilePaths, list_files, stated_rate
from actionpairs.executors import Died, Done, Executor, ExecutorName, get_executor
from actionpairs.extraction import missing_videos, plan, unit_notes
from actionpairs.extraction.failures import ENOUGH_SEGMENTS, FailureCount
from actionpairs.extraction.summary import ExtractSummary, summarize
from actionpairs.extraction.video_pairs import VideoResult, VideoTask, extract_video, memory_bytes
from actionpairs.extraction.videos import VideoSource, video_source, video_tasks
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.progress import Progress
from actionpairs.recipe import Recipe, load
from actionpairs.records import Reason, Rejection, Segment
from actionpairs.report import pairs_page
from actionpairs.storage import Folder, located

_logger = logging.getLogger(__name__)


# 8 parameters: one per option of the command.
def extract(
    recipe: str | Path | Recipe,
    *,
    videos: str | None = None,
    frames: str | None = None,
    annotations: FilePaths,
    out: str,
    workers: int | None = None,
    limit: int | None = None,
    executor: ExecutorName | Executor = "local",
) -> ExtractSummary:
    """Extract the first and last frame of every wanted segment; the same call again goes on where it stopped.

    videos or frames: the folder of the videos, or of the frames released instead. annotations: a path or several.
    The executor changes no byte. Raises ActionpairsError subclasses; a bad row or video becomes a rejection.
    """
    recipe = load(recipe)
    config = recipe.extract
    files = list_files(annotations, config.annotations)
    plan.check_names(files, config)
    source = video_source(videos, frames)
    spec = StageSpec("extract", recipe.name, config, _inputs(files, limit, source))
    folder, rate = _cleared(Folder(out), spec), stated_rate(config.annotations)
    with manifest.working(folder, spec) as finished:
        todo = plan.make_plan(files, config, limit=limit)
        tasks, missing = video_tasks(todo.segments, source, folder, config)
        pending = [task for task in tasks if not folder.exists(task.name)]
        if finished and not pending:
            return _summary_again(folder, finished.counts, todo, tasks, rate=rate)
        missing_videos.check(missing, segments=len(todo.segments), source=source)
        manifest.reopen(folder, finished)
        run = partial(get_executor(executor), workers=workers, memory_bytes=memory_bytes(pending))
        results = _earlier_results(folder, tasks, pending)
        outcome = _run(run, pending, results, missing, max_rejected=config.max_rejected)
        rejections = _all_rejections(todo.rejections, missing, outcome)
        counts = _counts(todo, outcome.results, rejections)
        summary = _summarized(folder, counts, rejections, todo, tasks, _notes(outcome.results), rate=rate)
        overview = write_overview(folder, summary, rejections, todo.segments)
        manifest.finish(folder, spec, counts=counts, files=_digests(outcome.results) | overview)
        return unit_notes.checked(replace(summary, lost=outcome.lost), tasks, _notes(outcome.results))


def write_overview(
    folder: Folder, summary: ExtractSummary, rejections: Sequence[Rejection], segments: Sequence[Segment] = ()
) -> dict[str, FileDigest]:
    """Write the files that are about all videos together; gives their digests. segments: for the page's times."""
    return {
        pairs.REJECTED_FILE: pairs.write_rejections(folder, rejections),
        manifest.RECIPE_FILE: FileDigest.of_file(folder, manifest.RECIPE_FILE),
        pairs_page.PAGE_FILE: pairs_page.write_extracted(folder, summary, rejections, segments),
    }


def _cleared(folder: Folder, spec: StageSpec) -> Folder:
    """The folder, without what another spec left if not one pair came of it, as with a wrong unit."""
    if not folder.exists(manifest.MANIFEST_FILE):
        return folder
    earlier = manifest.parse(folder.read_bytes(manifest.MANIFEST_FILE), where=f"{folder}/{manifest.MANIFEST_FILE}")
    if earlier.stage == spec.stage and earlier.spec_digest != spec.digest and not earlier.counts.get("pairs", 1):
        for name in (manifest.MANIFEST_FILE, *earlier.files, manifest.RECIPE_FILE):
            folder.remove(name)
    return folder


def _inputs(annotations: Sequence[str], limit: int | None, source: VideoSource) -> dict[str, str]:
    inputs = {} if limit is None else {"limit": str(limit)}
    if source.frames_released:
        inputs["source"] = "released frames"
    for number, url in enumerate(annotations):
        inputs[f"annotations {number}"] = FileDigest.of_file(*located(url)).sha256
    return inputs


def _summary_again(
    folder: Folder,
    counts: Mapping[str, int],
    todo: plan.Plan,
    tasks: Sequence[VideoTask],
    *,
    rate: Fraction | None,
) -> ExtractSummary:
    """The summary of a run that has finished before."""
    notes = {task.file: pairs.load_notes(folder, task.name) for task in tasks}
    summary = _summarized(folder, counts, pairs.load_rejections(folder), todo, tasks, notes, rate=rate)
    return unit_notes.checked(summary, tasks, notes)


# 7 parameters: what the summary and its warnings are made of.
def _summarized(
    folder: Folder,
    counts: Mapping[str, int],
    rejections: Sequence[Rejection],
    todo: plan.Plan,
    tasks: Sequence[VideoTask],
    notes: Mapping[str, pairs.VideoNotes],
    *,
    rate: Fraction | None,
) -> ExtractSummary:
    summary = summarize(folder.url, counts, rejections, notes, rate=rate)
    return missing_videos.noted(unit_notes.noted(summary, todo.notes, tasks, notes), rejections)


def _earlier_results(
    folder: Folder, tasks: Sequence[VideoTask], pending: Sequence[VideoTask]
) -> list[VideoResult]:
    """The results of the videos that an earlier run has finished."""
    left = {task.name for task in pending}
    return [
        VideoResult(
            task.file,
            task.name,
            FileDigest.of_file(folder, task.name),
            pairs.count(folder, task.name),
            pairs.load_notes(folder, task.name),
        )
        for task in tasks
        if task.name not in left
    ]


@dataclass(frozen=True, slots=True)
class _RunOutcome:
    """The results of all videos, the segments of videos whose worker died, and the count of lost workers."""

    results: list[VideoResult]
    died: list[Rejection]
    lost: int


def _run(
    run: Callable[..., Iterator[Done[VideoTask, VideoResult] | Died[VideoTask]]],
    pending: Sequence[VideoTask],
    results: list[VideoResult],
    missing: Sequence[Rejection],
    *,
    max_rejected: float,
) -> _RunOutcome:
    """Extract the pending videos; raises VideoError where a larger share of segments fails than is allowed."""
    died: list[Rejection] = []
    lost = 0
    failures = FailureCount(max_rejected)
    failures.add(len(missing), missing)
    for result in results:
        failures.add(result.pairs + len(result.notes.rejections), result.notes.rejections)
    total = failures.segments + sum(len(task.segments) for task in pending)
    videos, done = len(results) + len(pending), len(results)
    with Progress(total=total, initial=failures.segments, unit="segment", desc="extract") as bar:
        for outcome in run(extract_video, pending):
            segments = outcome.task.segments
            if isinstance(outcome, Died):
                rejected: Sequence[Rejection] = [_died(segment, outcome) for segment in segments]
                died += rejected
                failures.add(len(segments), rejected)
            else:
                rejected = outcome.result.notes.rejections
                results.append(outcome.result)
                failures.add(outcome.result.pairs + len(rejected), rejected)  # a segment can have several pairs
            _logger.info("%s: %s", outcome.task.file, _in_words(outcome, rejected))
            lost += outcome.lost
            if failures.segments >= ENOUGH_SEGMENTS:
                failures.check()
            done += 1
            bar.set_postfix(videos=f"{done}/{videos}", rejected=len(failures.failures), lost=lost, refresh=False)
            bar.update(len(segments))
    failures.check()
    return _RunOutcome(results, died, lost)


def _in_words(outcome: Done[VideoTask, VideoResult] | Died[VideoTask], rejected: Sequence[Rejection]) -> str:
    """What came of a video, for the log."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(each.reason for each in rejected).items())
    texts = [f"{0 if isinstance(outcome, Died) else outcome.result.pairs} pairs"]
    if reasons:
        texts.append(f"rejected: {reasons}")
    if isinstance(outcome, Done) and outcome.result.notes.read_through:
        texts.append(f"decoded from beginning to end: {outcome.result.notes.read_through}")
    return "; ".join(texts)


def _died(segment: Segment, outcome: Died[VideoTask]) -> Rejection:
    reason, detail = Reason.WORKER_DIED, outcome.why
    if outcome.hung:
        reason, detail = Reason.TIMED_OUT, "the video hangs: nothing new came of it for too long"
    return Rejection(segment.id, segment.video, "extract", reason, detail)


def _all_rejections(
    unwanted: Sequence[Rejection], missing: Sequence[Rejection], outcome: _RunOutcome
) -> list[Rejection]:
    """Every rejection, sorted."""
    in_videos = [item for result in outcome.results for item in result.notes.rejections]
    every = [*unwanted, *missing, *outcome.died, *in_videos]
    return sorted(every, key=lambda item: (item.segment_id, item.reason, item.detail))


def _counts(todo: plan.Plan, results: Sequence[VideoResult], rejections: Sequence[Rejection]) -> dict[str, int]:
    return {
        "rows": todo.rows,
        "selected": len(todo.segments),
        "videos": len(results),
        "pairs": sum(result.pairs for result in results),
        "read_through": sum(result.read_through for result in results),
        "rejected": len(rejections),
    }


def _digests(results: Sequence[VideoResult]) -> dict[str, FileDigest]:
    return {result.name: result.digest for result in results}


def _notes(results: Sequence[VideoResult]) -> dict[str, pairs.VideoNotes]:
    return {result.file: result.notes for result in results}
