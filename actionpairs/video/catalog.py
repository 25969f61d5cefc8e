"""Match a video's name in an annotation to a file of the videos folder."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from posixpath import splitext
from unicodedata import normalize

SUFFIXES = frozenset(
    ".mp4 .m4v .mov .qt .mkv .webm .avi .mpg .mpeg .mpv .m2v .vob .ts .m2ts .mts .flv .f4v .wmv .asf .3gp .3g2 "  # noqa: SIM905
    ".ogv .mxf .gxf .y4m .dv .h264 .hevc .ivf .obu .rm .rmvb .wtv .nut".split()
)

_EPISODE = re.compile(r"#episode_\d+\Z", re.ASCII)


def _nfc(name: str) -> str:
    # Not NFKC: it would make `clip²` and `clip2` the same name.
    return normalize("NFC", name)


def _casefold(name: str) -> str:
    return _nfc(_nfc(name).casefold())


def _normalize_path(name: str) -> str:
    stripped = name.strip().replace("\\", "/")
    is_plain = "./" not in stripped and "//" not in stripped and not stripped.endswith(("/", "/."))
    return stripped if is_plain else str(PurePosixPath(stripped))


def loose_key(name: str) -> str:
    """A key that is equal for all names that `Catalog` could match."""
    return _casefold(_normalize_path(name))


def list_names(files: Sequence[str], *, limit: int = 3) -> str:
    """The first `limit` files, for a message; names that are not plain NFC text are written in ASCII."""
    names = [file if file.isprintable() and _nfc(file) == file else ascii(file) for file in files[:limit]]
    more = [f"{len(files) - limit} more"] if len(files) > limit else []
    return ", ".join([*names, *more])


class Catalog:
    """The videos of a folder, looked up by path, by file name or by stem.

    `P01_01` matches `P01/videos/P01_01.MP4` as well as `P01_01.mp4`. Names are compared exactly, then in Unicode
    form NFC, then without case. If none matches, all three are tried again with `\\` as `/`, and without `./` and
    outer spaces. A name is never used as a path: `../x` or a URL matches no file.

    A name can end in the episode of a file that has several: `file-000.mp4#episode_000003`. Without a file of the
    whole name, it matches as without that end.
    """

    def __init__(self, names: Iterable[str], *, suffixes: frozenset[str] = SUFFIXES) -> None:
        self._suffixes = suffixes
        self._matches: dict[str, tuple[str, ...]] = {}  # a cache: many rows name one video
        self._candidates: dict[str, list[str]] = defaultdict(list)
        for file in names:
            path = loose_key(file)
            for name in {path, *self._names(path)}:
                self._candidates[name].append(file)

    def find(self, video: str) -> tuple[str, ...]:
        """The files that match a name: none, one, or several if the name is ambiguous.

        The first comparison that matches any file decides.
        """
        if video not in self._matches:
            self._matches[video] = self._match(video) or self._match(_EPISODE.sub("", video))
        return self._matches[video]

    def _match(self, video: str) -> tuple[str, ...]:
        candidates = self._candidates.get(loose_key(video), ())
        for normalize_path in (str, _normalize_path):
            for form in (str, _nfc, _casefold):
                target = form(normalize_path(video))
                paths = {file: form(normalize_path(file)) for file in candidates}
                matches = [file for file, path in paths.items() if path == target]
                matches = matches or [file for file, path in paths.items() if target in self._names(path)]
                if matches:
                    return tuple(matches)
        return ()

    def _names(self, path: str) -> tuple[str, ...]:
        """A file's name, and its stem if the file is a video."""
        name = path.rpartition("/")[2]
        stem, suffix = splitext(name)
        # A full file name matches even if the file is no video; opening it then fails with a clear error.
        return (name, stem) if suffix.lower() in self._suffixes else (name,)
