"""export: shards in, pictures and a config for another project's trainer out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from actionpairs import manifest
from actionpairs.errors import RecipeError
from actionpairs.executors import Executor, ExecutorName, get_executor
from actionpairs.exports import targets
from actionpairs.exports.configs import render_configs
from actionpairs.exports.contents import Contents, load_contents
from actionpairs.exports.picture_files import write_pictures
from actionpairs.exports.target import Target
from actionpairs.keys import Config
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.storage import Folder


class ExportConfig(Config):
    """What an export was asked for: the layout, and the splits (none for all)."""

    target: str
    splits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """The result of `export`: pairs by split, how training starts, and how many workers were lost.

    `start` is empty where the layout has a config and the training split was not exported.
    """

    out: str
    target: str
    pairs: Mapping[str, int]
    start: str
    lost: int


# 6 parameters and the executor: this is the command `export` in Python, with one parameter for each of its options
def export(
    shards: str,
    *,
    to: str,
    out: str,
    splits: Sequence[str] = (),
    workers: int | None = None,
    executor: ExecutorName | Executor = "local",
) -> ExportSummary:
    """Write the pairs of a shards folder in the layout of a trainer, with a config that is ready to run.

    to: one of `actionpairs.exports.TARGETS`. splits: the splits to write, each into a folder of its own; all by
    default. The bytes depend on the shards, the layout and the splits alone. The same call again goes on where it
    stopped, and does nothing where the export is finished. Raises ActionpairsErrors.
    """
    target = _target(to)
    source, folder = Folder(shards), Folder(out)
    inputs = {"shards": manifest.load(source, stage="shard").digest}
    spec = StageSpec("export", to, ExportConfig(target=to, splits=tuple(sorted(set(splits)))), inputs)
    contents, lost = load_contents(source, sorted(set(splits))), 0
    counts = {split: len(entries) for split, entries in contents.splits.items()}
    with manifest.working(folder, spec) as finished:
        if not finished:
            run = partial(get_executor(executor), workers=workers)
            files, lost = write_pictures(source, folder, to, contents.splits, run)
            files |= _write_texts(folder, to, target, contents)
            files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
            manifest.finish(folder, spec, counts=counts, files=files)
    start = target.start.format(script=shlex.quote(folder.path("train.sh")))
    return ExportSummary(out, to, counts, start if contents.train or not target.configs else "", lost)


def _target(name: str) -> Target:
    if name not in targets.BY_NAME:
        raise RecipeError(f"No layout is called {name!r}.", cure=f"Choose one of: {', '.join(targets.BY_NAME)}.")
    return targets.BY_NAME[name]


def _write_texts(folder: Folder, name: str, target: Target, contents: Contents) -> dict[str, FileDigest]:
    """Write the lists of every split, the pages and the configs; returns their digests."""
    texts = dict(render_configs(name, target, contents))
    for split, entries in contents.splits.items():
        texts |= {f"{split}/{file}": data for file, data in target.lists(split, entries).items()}
    for file, data in texts.items():
        folder.write_bytes(file, data)
    return {file: FileDigest.of(data) for file, data in texts.items()}
