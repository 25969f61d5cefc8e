"""measure: the measures of a pairs folder again, from its stored JPEGs.

It brings the folder of an earlier version up to date, and adds a new measure to pairs that exist. In place, the
manifest is set aside while the files are rewritten, so that no other command takes a half-measured folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from actionpairs import manifest, pairs
from actionpairs.annotations import stated_rate
from actionpairs.configs import ExtractConfig
from actionpairs.errors import StorageError
from actionpairs.executors import Died, Executor, ExecutorName, get_executor
from actionpairs.extraction.remeasure import MeasureTask, remeasure_video
from actionpairs.extraction.summary import summarize
from actionpairs.manifest import FileDigest, Manifest
from actionpairs.progress import Progress
from actionpairs.report import pairs_page
from actionpairs.storage import Folder
from actionpairs.version import PACKAGE_VERSION, SCHEMA_VERSION

EARLIER_FILE = "manifest.before-measure.json"
_WORKER_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class MeasureSummary:
    """The result of `measure`: how many files and pairs have new measures, and how many files had them already."""

    out: str
    videos: int
    pairs: int
    skipped: int


def measure(
    pairs_folder: str,
    *,
    out: str | None = None,
    force: bool = False,
    workers: int | None = None,
    executor: ExecutorName | Executor = "local",
) -> MeasureSummary:
    """Measure all pairs of a folder again; the same call again goes on where it stopped.

    out: a new folder for the result; without it, the folder is changed in place. force: measure the files of this
    very version, too. Raises StorageError where extract has not finished, or a picture cannot be decoded.
    """
    source, folder = Folder(pairs_folder), Folder(out or pairs_folder)
    with manifest.locked(folder):
        earlier, force = _set_aside(source, folder, force=force)
        names = pairs.file_names(source)
        if folder.path() == source.path():
            pending = [name for name in names if force or not pairs.is_current(source, name)]
        else:  # each file is whole when it is there
            pending = [name for name in names if not folder.exists(name)]
        tasks = [MeasureTask(source.path(), folder.path(), name) for name in pending]
        _run(tasks, folder, workers=workers, executor=executor)
        _finish(source, folder, earlier, names)
    return MeasureSummary(folder.url, len(pending), earlier.counts["pairs"], len(names) - len(pending))


def _set_aside(source: Folder, folder: Folder, *, force: bool) -> tuple[Manifest, bool]:
    """The manifest of the pairs; in the output folder it is set aside until all pairs are measured.

    Gives `force`, too: a run that goes on with one that was stopped does all that the stopped one was to do.
    """
    if folder.exists(EARLIER_FILE):
        aside = json.loads(folder.read_bytes(EARLIER_FILE))
        data = json.dumps(aside["manifest"]).encode()
        return manifest.parse(data, where=f"{folder}/{EARLIER_FILE}"), force or aside["force"]
    earlier = manifest.load(source, stage="extract", oldest=1)
    others = [name for name in folder.names() if name != manifest.LOCK_FILE]
    if folder.path() != source.path() and others:
        raise StorageError(f"{folder}: not empty.", cure="Choose an empty or a new folder for --out.")
    content = json.loads(source.read_bytes(manifest.MANIFEST_FILE))
    folder.write_bytes(EARLIER_FILE, manifest.json_bytes({"force": force, "manifest": content}))
    folder.remove(manifest.MANIFEST_FILE)
    return earlier, force


def _run(
    tasks: Sequence[MeasureTask], folder: Folder, *, workers: int | None, executor: ExecutorName | Executor
) -> None:
    run = get_executor(executor)
    with Progress(total=len(tasks), unit="video", desc="measure") as bar:
        for outcome in run(remeasure_video, tasks, workers=workers, memory_bytes=_WORKER_BYTES):
            if isinstance(outcome, Died):
                raise StorageError(f"{folder}/{outcome.task.name}: {outcome.why}.", cure="Free some memory.")
            bar.update()


def _finish(source: Folder, folder: Folder, earlier: Manifest, names: Sequence[str]) -> None:
    """Write what belongs to all videos together, and the manifest last."""
    owner = json.loads(source.read_bytes(manifest.RECIPE_FILE))
    owner |= {"spec_digest": earlier.spec_digest, "schema_version": SCHEMA_VERSION}
    owner |= {"package_version": PACKAGE_VERSION}
    owner.pop("order_digest", None)
    folder.write_bytes(manifest.RECIPE_FILE, manifest.json_bytes(owner))
    rejections = pairs.load_rejections(source)
    counts = {"read_through": 0, **earlier.counts}
    notes = {name: pairs.load_notes(folder, name) for name in names}
    rate = stated_rate(ExtractConfig.model_validate(owner["config"]).annotations)
    summary = summarize(folder.url, counts, rejections, notes, rate=rate)
    files = {name: FileDigest.of_file(folder, name) for name in names}
    files[pairs.REJECTED_FILE] = pairs.write_rejections(folder, rejections)
    files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
    files[pairs_page.PAGE_FILE] = pairs_page.write_extracted(folder, summary, rejections)
    manifest.write(
        folder,
        replace(
            earlier,
            counts=counts,
            files=dict(sorted(files.items())),
            schema_version=SCHEMA_VERSION,
            package_version=PACKAGE_VERSION,
        ),
    )
    folder.remove(EARLIER_FILE)
