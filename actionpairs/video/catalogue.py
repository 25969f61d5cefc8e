"""Which file a video's name in an annotation means: only files that stand in the folder can be meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .m2ts .mts .flv .wmv .3gp .ogv .mxf".split()  # noqa: SIM905
)


class Catalogue:
    """The videos of a folder, found by path, by file name or by stem.

    `P01_01` finds `P01/videos/P01_01.MP4` as well as `P01_01.mp4`. A name never becomes a path: it is looked up
    among the files listed, so `../x` or a URL finds nothing.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._paths: set[str] = set()
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in names:
            # A file under an annotated name is meant even where it is no video: opening it says so.
            pure = PurePosixPath(path)
            self._paths.add(path)
            self._by_name[pure.name].append(path)
            if pure.suffix.lower() in _SUFFIXES:
                self._by_name[pure.stem].append(path)

    def find(self, video: str) -> tuple[str, ...]:
        """The files that a name can mean: none, one, or several that the name does not tell apart."""
        if video in self._paths:
            return (video,)
        return tuple(self._by_name.get(video, ()))
