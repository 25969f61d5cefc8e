"""extract: annotation files and videos in, frame pairs out, with every segment accounted for."""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from actionpairs import manifest, pairs
from actionpairs.annotations import files as annotation_files
from actionpairs.annotations import stated_rate
from actionpairs.configs import ExtractConfig
from actionpairs.errors import StorageError, VideoError
from actionpairs.executors import Died, Done, Executor, local
from actionpairs.extraction import plan
from actionpairs.extraction.summary import FAILURES, ExtractSummary, summarize
from actionpairs.extraction.video_pairs import VideoResult, VideoTask, extract_video, memory_bytes
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.progress import Progress
from actionpairs.recipe import Recipe, load
from actionpairs.records import Reason, Rejection, Segment
from actionpairs.report import pairs_page
from actionpairs.storage import Folder, located
from actionpairs.video import released
from actionpairs.video.catalog import Catalog, listed


def extract(
    recipe: str | Path | Recipe,
    *,
    videos: str | None = None,
    frames: str | None = None,
    annotations: Sequence[str],
    out: str,
    workers: int | None = None,
    limit: int | None = None,
    executor: Executor = local.run,
) -> ExtractSummary:
    """Cut the first and last frame of every wanted segment; the same call again goes on where it stopped.

    videos, frames: the folder of the videos, or of the frames released instead of them; one of the two. The
    number of workers and the executor change no byte. Raises ActionpairsError subclasses; what is wrong with a
    single row or video becomes a rejection instead.
    """
    recipe = load(recipe)
    config = recipe.extract
    annotations = annotation_files(annotations)
    plan.check_names(annotations, config)
    source = _source(videos, frames)
    order = StageSpec("extract", recipe.name, config, _inputs(annotations, limit, source))
    folder, rate = Folder(out), stated_rate(config.annotations)
    with manifest.working(folder, order) as finished:
        todo = plan.make(annotations, config, limit=limit)
        tasks, unfound = _tasks(todo.segments, source, folder, config)
        pending = [task for task in tasks if not folder.exists(task.name)]
        if finished and not pending:
            videos_seen = {task.file: pairs.notes(folder, task.name) for task in tasks}
            rejections = pairs.read_rejections(folder)
            return summarize(folder.url, finished.counts, rejections, videos_seen, rate=rate)
        folder.remove(manifest.MANIFEST_FILE)
        cuts, died, lost = _run(
            pending,
            _resumed(folder, tasks, pending),
            unfound,
            executor=partial(executor, workers=workers, memory_bytes=memory_bytes(pending)),
            allowed=config.max_rejected,
        )
        return replace(_finish(folder, order, todo, cuts, [*unfound, *died], rate=rate), lost=lost)


def _finish(
    folder: Folder,
    order: StageSpec,
    todo: plan.Plan,
    cuts: Sequence[VideoResult],
    others: Sequence[Rejection],
    *,
    rate: Fraction | None,
) -> ExtractSummary:
    """Write what belongs to all videos together, the manifest last.

    others: rejections that are in no video's file.
    """
    rejections = sorted(
        [*todo.rejections, *others, *(item for cut in cuts for item in cut.notes.rejections)],
        key=lambda item: (item.segment_id, item.reason, item.detail),
    )
    counts = {
        "rows": todo.rows,
        "selected": len(todo.segments),
        "videos": len(cuts),
        "pairs": sum(cut.pairs for cut in cuts),
        "read_through": sum(cut.read_through for cut in cuts),
        "rejected": len(rejections),
    }
    summary = summarize(folder.url, counts, rejections, {cut.file: cut.notes for cut in cuts}, rate=rate)
    files = {cut.name: cut.digest for cut in cuts}
    files[pairs.REJECTED_FILE] = pairs.write_rejections(folder, rejections)
    files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
    files[pairs_page.PAGE_FILE] = pairs_page.write_extracted(folder, summary, rejections)
    manifest.finish(folder, order, counts=counts, files=files)
    return summary


@dataclass(frozen=True, slots=True)
class _Source:
    """The folder of the videos, or of the frames that were released instead."""

    url: str
    frames_released: bool


def _source(videos: str | None, frames: str | None) -> _Source:
    if videos and not frames:
        return _Source(videos, frames_released=False)
    if frames and not videos:
        return _Source(frames, frames_released=True)
    raise VideoError("give either videos or frames.", cure="--videos FOLDER, or --frames FOLDER with the JPEGs.")


def _inputs(annotations: Sequence[str], limit: int | None, source: _Source) -> dict[str, str]:
    inputs = {} if limit is None else {"limit": str(limit)}
    if source.frames_released:
        inputs["source"] = "released frames"
    for number, url in enumerate(annotations):
        inputs[f"annotations {number}"] = FileDigest.of_file(*located(url)).sha256
    return inputs


def _tasks(
    segments: Sequence[Segment], source: _Source, out: Folder, config: ExtractConfig
) -> tuple[list[VideoTask], list[Rejection]]:
    """One task per video file, longest first, and the segments whose video is not there."""
    folder = Folder(source.url)
    if not folder.exists():
        raise StorageError(f"{folder}: no such folder.", cure="Give the folder of the videos or frames.")
    find = _finder(segments, folder, source)
    by_file: dict[str, list[Segment]] = defaultdict(list)
    unfound: list[Rejection] = []
    for segment in segments:
        files = find(segment.video)
        why = _not_found(files, folder, follow_links=config.follow_links)
        if why is None:
            by_file[files[0]].append(segment)
        else:
            unfound.append(Rejection(segment.id, segment.video, "extract", *why))
    tasks = [
        VideoTask(
            folder.path(), file, tuple(wanted), out.path(), pairs.file_name(file), config, source.frames_released
        )
        for file, wanted in by_file.items()
    ]
    return sorted(tasks, key=lambda task: (-len(task.segments), task.file)), unfound


def _finder(segments: Sequence[Segment], folder: Folder, source: _Source) -> Callable[[str], Sequence[str]]:
    """What tells the files that a video's name can mean."""
    if source.frames_released:
        found = released.find(folder, {segment.video for segment in segments})
        return lambda video: found[video]
    return Catalog(folder.names()).find


def _not_found(files: Sequence[str], folder: Folder, *, follow_links: bool) -> tuple[Reason, str] | None:
    """Why the files that a name can mean are not the one video wanted; None where there is just that one."""
    if not files:
        return Reason.VIDEO_MISSING, "no such file in the folder"
    if len(files) > 1:
        return Reason.VIDEO_AMBIGUOUS, f"could be any of {listed(files)}"
    if folder.is_local and folder.local_path(files[0]).is_symlink():
        try:
            target = folder.local_path(files[0]).resolve(strict=True)
        except (OSError, RuntimeError):
            return Reason.VIDEO_MISSING, f"{files[0]} is a link that leads to no file"
        if not follow_links and not target.is_relative_to(folder.local_path().resolve()):
            return (
                Reason.VIDEO_MISSING,
                f"{files[0]} is a link out of the videos folder, and follow_links is false",
            )
    return None


def _resumed(folder: Folder, tasks: Sequence[VideoTask], pending: Sequence[VideoTask]) -> list[VideoResult]:
    """What an earlier run has done already."""
    left = {task.name for task in pending}
    return [
        VideoResult(
            task.file,
            task.name,
            FileDigest.of_file(folder, task.name),
            pairs.count(folder, task.name),
            pairs.notes(folder, task.name),
        )
        for task in tasks
        if task.name not in left
    ]


def _run(
    pending: Sequence[VideoTask],
    cuts: list[VideoResult],
    unfound: Sequence[Rejection],
    *,
    executor: Callable[..., Iterator[Done[VideoTask, VideoResult] | Died[VideoTask]]],
    allowed: float,
) -> tuple[list[VideoResult], list[Rejection], int]:
    """Run what is left; stops the run where more fails than allowed. Counts the workers that were lost, too."""
    died: list[Rejection] = []
    lost = 0
    tally = _Tally(allowed)
    tally.add(len(unfound), unfound)
    for cut in cuts:
        tally.add(cut.pairs + len(cut.notes.rejections), cut.notes.rejections)
    total = tally.attempted + sum(len(task.segments) for task in pending)
    with Progress(total=total, initial=tally.attempted, unit="segment", desc="extract") as bar:
        videos, done = len(cuts) + len(pending), len(cuts)
        for outcome in executor(extract_video, pending):
            segments = outcome.task.segments
            if isinstance(outcome, Died):
                rejected: Sequence[Rejection] = [_died(segment, outcome) for segment in segments]
                died += rejected
            else:
                rejected = outcome.result.notes.rejections
                cuts.append(outcome.result)
            tally.add(len(segments), rejected)
            lost += outcome.lost
            if tally.attempted >= _ENOUGH_TO_JUDGE:
                tally.check()
            done += 1
            bar.set_postfix(videos=f"{done}/{videos}", rejected=len(tally.failures), lost=lost, refresh=False)
            bar.update(len(segments))
    tally.check()
    return cuts, died, lost


_ENOUGH_TO_JUDGE = 100


class _Tally:
    """How many segments were tried and which of them failed."""

    def __init__(self, allowed: float) -> None:
        self.allowed = allowed
        self.attempted = 0
        self.failures: list[Rejection] = []

    def add(self, attempted: int, rejections: Sequence[Rejection]) -> None:
        self.attempted += attempted
        self.failures += [item for item in rejections if item.reason in FAILURES]

    def check(self) -> None:
        """Raise VideoError where a larger share failed than is allowed."""
        if len(self.failures) <= self.allowed * self.attempted:
            return
        reason, times = Counter(item.reason for item in self.failures).most_common(1)[0]
        example = next(item for item in self.failures if item.reason == reason)
        raise VideoError(
            f"{len(self.failures)} of {self.attempted} segments failed, and max_rejected is {self.allowed:g}; "
            f"most ({times}) for {reason}, for example {example.segment_id}: {example.detail}.",
            cure="See to the cause, or raise `extract.max_rejected` in the recipe.",
        )


def _died(segment: Segment, outcome: Died[VideoTask]) -> Rejection:
    reason, why = Reason.WORKER_DIED, outcome.why
    if outcome.signal == signal.SIGALRM:
        reason, why = Reason.TIMED_OUT, "the video hangs: nothing new came of it for too long"
    return Rejection(segment.id, segment.video, "extract", reason, why)
