"""measure: the measures of a pairs folder again, from its stored JPEGs.

It brings the folder of an earlier version up to date, and adds a new measure to pairs that exist. All files are
measured into a folder of their own first. In place, this is a hidden folder whose files replace the old ones when
all of them are there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from actionpairs import manifest, pairs
from actionpairs.annotations import stated_rate
from actionpairs.configs import ExtractConfig
from actionpairs.errors import StorageError
from actionpairs.executors import Died, Executor, ExecutorName, get_executor
from actionpairs.extraction.remeasure import MeasureTask, remeasure_video
from actionpairs.extraction.summary import summarize
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.progress import Progress
from actionpairs.stages.extract import write_overview
from actionpairs.storage import Folder
from actionpairs.version import PACKAGE_VERSION, SCHEMA_VERSION

_WORKER_BYTES = 1 << 30
_SOURCE = "measured from"  # the input that names the pairs folder


@dataclass(frozen=True, slots=True)
class MeasureSummary:
    """The result of `measure`: the folder, and how many videos and pairs were measured by this call."""

    out: str
    videos: int
    pairs: int


def measure(
    pairs_folder: str,
    *,
    out: str | None = None,
    force: bool = False,
    workers: int | None = None,
    executor: ExecutorName | Executor = "local",
) -> MeasureSummary:
    """Measure all pairs of a folder again; the same call again goes on where it stopped.

    out: a new folder for the result; without it, the files of the folder are replaced. force: replace also what
    this very version wrote. `extract` does not go on with a folder that was measured again. Raises StorageError
    where extract has not finished, or a picture cannot be decoded.
    """
    source = Folder(pairs_folder)
    if out is not None and Folder(out).path() != source.path():
        return _measure_into(Folder(out), source, workers=workers, executor=executor)
    staging = Folder(source.path(manifest.STAGING_FOLDER))
    if not staging.exists(manifest.MANIFEST_FILE):
        earlier = manifest.load(source, stage="extract", oldest=1)
        if not force and (earlier.schema_version, earlier.package_version) == (SCHEMA_VERSION, PACKAGE_VERSION):
            return MeasureSummary(source.url, 0, 0)
        summary = _measure_into(staging, source, workers=workers, executor=executor)
    else:  # an earlier call was stopped while it replaced the files
        summary = MeasureSummary(source.url, 0, 0)
    with manifest.locked(source):
        _replace(source, staging)
    return MeasureSummary(source.url, summary.videos, summary.pairs)


def _measure_into(
    folder: Folder, source: Folder, *, workers: int | None, executor: ExecutorName | Executor
) -> MeasureSummary:
    """Measure all pairs of the source into a folder."""
    earlier = manifest.load(source, stage="extract", oldest=1)
    owner = json.loads(source.read_bytes(manifest.RECIPE_FILE))
    inputs = {**earlier.inputs, _SOURCE: earlier.digest}
    config = ExtractConfig.model_validate(owner["config"])
    spec = StageSpec("extract", earlier.recipe, config, inputs)
    names = pairs.file_names(source)
    with manifest.locked(source), manifest.working(folder, spec) as finished:
        if finished:
            return MeasureSummary(folder.url, 0, 0)
        tasks = [MeasureTask(source.path(), folder.path(), name) for name in names if not folder.exists(name)]
        _run(tasks, folder, workers=workers, executor=executor)
        counts = {"read_through": 0, **earlier.counts}
        rejections = pairs.load_rejections(source)
        notes = {pairs.video_name(folder, name): pairs.load_notes(folder, name) for name in names}
        summary = summarize(folder.url, counts, rejections, notes, rate=stated_rate(config.annotations))
        files = {name: FileDigest.of_file(folder, name) for name in names}
        overview = write_overview(folder, summary, rejections)
        manifest.finish(folder, spec, counts=counts, files=files | overview)
    return MeasureSummary(folder.url, len(tasks), sum(pairs.count(folder, task.name) for task in tasks))


def _run(
    tasks: Sequence[MeasureTask], folder: Folder, *, workers: int | None, executor: ExecutorName | Executor
) -> None:
    run = get_executor(executor)
    with Progress(total=len(tasks), unit="video", desc="measure") as bar:
        for outcome in run(remeasure_video, tasks, workers=workers, memory_bytes=_WORKER_BYTES):
            if isinstance(outcome, Died):
                raise StorageError(f"{folder}/{outcome.task.name}: {outcome.why}.", cure="Free some memory.")
            bar.update()


def _replace(source: Folder, staging: Folder) -> None:
    """Put the finished files of the hidden folder in the place of the old ones, the manifest last."""
    names = [*manifest.load(staging, stage="extract").files, manifest.MANIFEST_FILE]
    source.remove(manifest.MANIFEST_FILE)
    for name in names:
        source.write_bytes(name, staging.read_bytes(name))
    for name in names:
        staging.remove(name)
    if staging.is_local:
        shutil.rmtree(staging.local_path())
