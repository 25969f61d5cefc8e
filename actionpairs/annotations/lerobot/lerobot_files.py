"""The files of a LeRobot data set, its info.json, and its tables of episodes and tasks.

The layout is that of lerobot's own loaders: v2.x from its commit before f55c6e89f (datasets/utils.py,
lerobot_dataset.py), v3.0 from datasets/dataset_metadata.py, io_utils.py and utils.py at 7427f3180.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from actionpairs.annotations.clips import malformed
from actionpairs.annotations.documents import load_object
from actionpairs.annotations.rows import Row, file_name, load_text
from actionpairs.annotations.times import number, quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import LerobotFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection
from actionpairs.storage import Folder, located

_INFO, _DATA_FILE = "meta/info.json", re.compile(r"\.(jsonl?|parquet)$")
_META_FILE = re.compile(r"info\.json|(episodes|tasks)\.jsonl|(sub)?tasks\.parquet|episodes/.+\.parquet")
_FIELD = re.compile(r"\{(\w+)(?::0?(\d)d)?\}", re.ASCII)
_FIELDS = {
    "2": {"video_key", "episode_index", "episode_chunk"},
    "3": {"video_key", "chunk_index", "file_index"},
}
_MOST = 10**9  # episodes, files, frames
_ROWS_AT_ONCE = 8192
_GIVE_ROOT = (
    "Give the data set's folder, which contains meta/, data/ and videos/. One on the Hugging Face Hub is "
    "hf://datasets/OWNER/NAME."
)


@dataclass(frozen=True, slots=True)
class LerobotDataset:
    """What info.json says, and the URLs of the data set's files by their paths below its folder.

    rate: frames per second. cameras: the chosen keys of videos. columns: the names of all features. video_path:
    the template of a video's path. chunk_size: episodes per chunk (v2.x).
    """

    info_url: str
    files: Mapping[str, str]
    major: int
    rate: Fraction
    cameras: tuple[str, ...]
    columns: tuple[str, ...]
    video_path: str
    chunk_size: int

    @property
    def half_frame_seconds(self) -> float:
        """Half a frame: times in the files are rounded, and sums of rounded times."""
        return float(1 / (2 * self.rate))

    def names(self, start: str, suffix: str) -> list[str]:
        """The URLs of the files whose path begins and ends so, sorted by path."""
        return [
            url for name, url in sorted(self.files.items()) if name.startswith(start) and name.endswith(suffix)
        ]

    def video_name(self, **fields: object) -> str:
        """A video's path below the folder. Not by str.format, whose templates can do more than name fields."""
        return _FIELD.sub(lambda field: str(fields[field[1]]).zfill(int(field[2] or 0)), self.video_path)


def list_files(urls: Sequence[str], lerobot: LerobotFormat) -> list[str]:
    """The files of a data set that are read: a folder, or its info.json alone, is replaced by them.

    Videos and statistics are left out; so are the tables of frames if the config does not need them. Raises
    AnnotationError if a folder is no LeRobot data set, or one of a version before 2.0.
    """
    if len(urls) == 1 and urls[0].endswith(f"/{_INFO}"):
        urls = [urls[0].removesuffix(f"/{_INFO}")]
    files: list[str] = []
    for url in urls:
        files += [url] if _DATA_FILE.search(url) else _files_of(url.rstrip("/").removesuffix("/meta"), lerobot)
    return list(dict.fromkeys(files))


def _files_of(root: str, lerobot: LerobotFormat) -> list[str]:
    names = [f"meta/{name}" for name in Folder(f"{root}/meta").names() if _META_FILE.fullmatch(name)]
    if _INFO not in names:
        if Folder(root).exists("meta_data/info.json"):
            raise AnnotationError(
                f"{root}: a LeRobot data set of version 1, which has meta_data/info.json.",
                cure="Convert it with lerobot 0.3's datasets/v2/convert_dataset_v1_to_v2.py.",
            )
        raise AnnotationError(f"{root}: not a LeRobot data set: it has no {_INFO}.", cure=_GIVE_ROOT)
    if lerobot.needs_frames:
        names = [*(f"data/{name}" for name in Folder(f"{root}/data").names(".parquet")), *names]
    return [f"{root}/{name}" for name in names]


def load_dataset(urls: Sequence[str], lerobot: LerobotFormat) -> LerobotDataset:
    """Load info.json, which must be among these files; raises AnnotationError if it cannot be used."""
    infos = sorted({url for url in urls if url.endswith(f"/{_INFO}")})
    if len(infos) != 1:
        what = f"{len(infos)} data sets" if infos else f"no {_INFO}"
        raise AnnotationError(
            f"{urls[0]}: {what} among the annotation files.", cure=f"{_GIVE_ROOT} One at a time."
        )
    root, info = infos[0].removesuffix(_INFO), load_object(infos[0])
    version = re.fullmatch(r"v?(\d{1,3})\.\d{1,3}(\.\d{1,3})?", str(info.get("codebase_version")))
    if version is None or version[1] not in {"2", "3"}:
        raise _problem(
            infos[0], f"`codebase_version` is {quoted(info.get('codebase_version'))}, not v2.0, v2.1 or v3.0"
        )
    features = info.get("features")
    if not isinstance(features, dict):
        raise _problem(infos[0], "no `features`")
    try:
        rate = parse_rate(info.get("fps"))
        chunk_size = whole(info.get("chunks_size", 1000), "`chunks_size`") or 1000
    except ValueError as error:
        raise _problem(infos[0], f"`fps` or `chunks_size`: {error}") from None
    cameras = _cameras(infos[0], features, lerobot.cameras)
    path = info.get("video_path")
    fields = _FIELDS[version[1]]
    if not isinstance(path, str) or "{" in _FIELD.sub(lambda field: "" if field[1] in fields else "{", path):
        raise _problem(infos[0], f"`video_path` is {quoted(path)}, not a path with {', '.join(sorted(fields))}")
    files = {url.removeprefix(root): url for url in urls if url.startswith(root)}
    return LerobotDataset(infos[0], files, int(version[1]), rate, cameras, tuple(features), path, chunk_size)


def _problem(url: str, what: str) -> AnnotationError:
    return AnnotationError(
        f"{url}: {what}.", cure="Convert the data set with lerobot's tools, or download it again."
    )


def _cameras(url: str, features: Mapping[str, object], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The keys of the wanted cameras; those of depth are no pictures."""
    kinds = {key: item for key, item in features.items() if isinstance(item, dict)}
    videos = [key for key, item in kinds.items() if item.get("dtype") == "video" and not _is_depth(item)]
    if not videos and any(item.get("dtype") == "image" for item in kinds.values()):
        raise AnnotationError(
            f"{url}: its pictures are in the tables of the frames (dtype image), not in videos.",
            cure="Make a copy with videos: lerobot-edit-dataset --operation.type convert_image_to_video.",
        )
    chosen = []
    for name in videos if wanted is None else wanted:
        matches = [key for key in videos if name in (key, short_name(key))]
        if len(matches) != 1:
            raise AnnotationError(
                f"{url}: no video of a camera {name!r}; it has: {', '.join(videos)[:200] or 'none'}.",
                cure="Name its cameras under `extract.annotations.cameras` in the recipe.",
            )
        chosen += matches
    if not chosen:
        raise _problem(url, "no feature is a video")
    return tuple(dict.fromkeys(chosen))


def _is_depth(feature: Mapping[str, Any]) -> bool:
    """Whether a feature is a depth map; the three places are those of lerobot's configs/video.py."""
    infos = [item for item in (feature.get("info"), feature.get("video_info")) if isinstance(item, dict)]
    return any(item.get("is_depth_map") or item.get("video.is_depth_map") for item in infos)


def short_name(camera: str) -> str:
    """A camera's name: `top` of `observation.images.top`."""
    return camera.removeprefix("observation.images.").removeprefix("observation.")


def episode_rows(dataset: LerobotDataset, group: str | None) -> Iterator[Row | Rejection]:
    """The rows of the episodes: episode_index, tasks, length, the cameras' columns (v3.0), and the group if there.

    Raises AnnotationError if a column is missing.
    """
    if dataset.major == 2:
        yield from _json_rows(dataset, "meta/episodes.jsonl")
        return
    needs = ["episode_index", "tasks", "length"]
    for camera in dataset.cameras:
        needs += [f"videos/{camera}/{name}" for name in VIDEO_COLUMNS]
    tables = dataset.names("meta/episodes/", ".parquet")
    if not tables:
        raise _problem(dataset.info_url, "no meta/episodes/*.parquet beside it")
    for url in tables:
        for place, cells in enumerate(_records(url, needs, also=[group] if group else [])):
            yield Row(f"{file_name(url)}, row {place + 1}", cells)


VIDEO_COLUMNS = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")


def _json_rows(dataset: LerobotDataset, name: str) -> Iterator[Row | Rejection]:
    if (url := dataset.files.get(name)) is None:
        raise _problem(dataset.info_url, f"no {name} beside it")
    for line, text in enumerate(load_text(url).split("\n"), start=1):
        where = f"{file_name(url)}, line {line}"
        if text.strip():
            try:
                content = json.loads(text)
            except (ValueError, RecursionError) as error:
                content = str(error)
            yield Row(where, content) if isinstance(content, dict) else malformed(where, "not a JSON object")


def load_texts(dataset: LerobotDataset, kind: str) -> dict[int, str]:
    """The texts by number, from the table of a kind (`task` or `subtask`).

    v3.0 keeps the texts as the index of a pandas table; several writers do not name it. Raises AnnotationError if
    there is no such table.
    """
    if dataset.major == 2 and kind == "task":
        rows = [row.cells for row in _json_rows(dataset, "meta/tasks.jsonl") if isinstance(row, Row)]
    elif (url := dataset.files.get(f"meta/{kind}s.parquet")) is not None:
        rows = list(_records(url, [f"{kind}_index"], also=(kind, "__index_level_0__")))
    else:
        raise _problem(dataset.info_url, f"no meta/{kind}s.parquet beside it")
    texts: dict[int, str] = {}
    for cells in rows:
        index, text = cells.get(f"{kind}_index"), cells.get(kind, cells.get("__index_level_0__"))
        if isinstance(index, int) and isinstance(text, str):
            texts[index] = text
    return texts


def _records(url: str, needs: Sequence[str], also: Sequence[str]) -> Iterator[dict[str, Any]]:
    for batch in batches(url, needs, also=also):
        yield from batch.to_pylist()


def batches(url: str, needs: Sequence[str], *, also: Sequence[str] = ()) -> Iterator[Any]:
    """The record batches of a Parquet file with these columns; only they are read.

    also: columns that the file may lack. Raises AnnotationError if a column is missing or the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder, name = located(url)
    try:
        with folder.open(name) as source:
            file = pq.ParquetFile(source)
            present = set(file.schema_arrow.names)
            for column in needs:
                if column not in present:
                    raise no_column(url, column, present)
            columns = [*needs, *(column for column in also if column in present)]
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(dict.fromkeys(columns))):
                batch.validate(full=True)  # texts that are not UTF-8
                yield batch
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise AnnotationError(f"{url}: not a whole Parquet file: {error}.", cure="Download it again.") from None


def no_column(url: str, column: str, present: Iterable[str]) -> AnnotationError:
    """The error for a column that a table does not have."""
    names = ", ".join(sorted(name for name in present if not name.startswith("stats/")))
    return AnnotationError(
        f"{url}: no column {column!r}; it has: {names[:300] or 'none'}.",
        cure="Check `extract.annotations` in the recipe (cameras, column, group), or download the file again.",
    )


def whole(value: object, what: str) -> int:
    """A count or an index, also as a float, as pandas may write it; raises ValueError for anything else."""
    result = number(value)
    if not 0 <= result < _MOST or not result.is_integer():
        raise ValueError(f"{what} is {quoted(value)}, not a count")
    return int(result)
