"""Which file a video's name in an annotation means: only files that stand in the folder can be meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from posixpath import splitext
from unicodedata import normalize

SUFFIXES = frozenset(
    ".mp4 .m4v .mov .qt .mkv .webm .avi .mpg .mpeg .mpv .m2v .vob .ts .m2ts .mts .flv .f4v .wmv .asf .3gp .3g2 "  # noqa: SIM905
    ".ogv .mxf .gxf .y4m .dv .h264 .hevc .ivf .obu .rm .rmvb .wtv .nut".split()
)


def _composed(name: str) -> str:
    # Not NFKC: that makes one name of files that anybody sees to be two, such as `clip²` and `clip2`.
    return normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(_composed(name).casefold())


def _tidied(name: str) -> str:
    plain = name.strip().replace("\\", "/")
    return str(PurePosixPath(plain)) if "./" in plain or "//" in plain or plain.endswith(("/", "/.")) else plain


def loosest(name: str) -> str:
    """What names have in common that can find each other at all."""
    return _folded(_tidied(name))


def listed(files: Sequence[str], *, most: int = 3) -> str:
    """The first few files for a message; names that look alike, or cannot be printed, are spelt out in ASCII."""
    names = [file if file.isprintable() and _composed(file) == file else ascii(file) for file in files[:most]]
    more = [f"{len(files) - most} more"] if len(files) > most else []
    return ", ".join([*names, *more])


class Catalog:
    """The videos of a folder, found by path, by file name or by stem.

    `P01_01` finds `P01/videos/P01_01.MP4` as well as `P01_01.mp4`. Names are compared letter by letter first, then
    in one Unicode form (NFC), then without regard to upper and lower case; then all three once more with `\\` read
    as `/`, and without a `./` or spaces around. A name never becomes a path: it is looked up among the files
    listed, so `../x` or a URL finds nothing.
    """

    def __init__(self, names: Iterable[str], *, suffixes: frozenset[str] = SUFFIXES) -> None:
        self._suffixes = suffixes
        self._found: dict[str, tuple[str, ...]] = {}  # many rows name one video
        self._alike: dict[str, list[str]] = defaultdict(list)
        for file in names:
            path = loosest(file)
            for name in {path, *self._names(path)}:
                self._alike[name].append(file)

    def find(self, video: str) -> tuple[str, ...]:
        """The files that a name can mean: none, one, or several that the name does not tell apart.

        The first comparison that finds any file decides.
        """
        if video not in self._found:
            self._found[video] = self._search(video)
        return self._found[video]

    def _search(self, video: str) -> tuple[str, ...]:
        alike = self._alike.get(loosest(video), ())
        for tidy in (str, _tidied):
            for form in (str, _composed, _folded):
                wanted = form(tidy(video))
                paths = {file: form(tidy(file)) for file in alike}
                found = [file for file, path in paths.items() if path == wanted]
                found = found or [file for file, path in paths.items() if wanted in self._names(path)]
                if found:
                    return tuple(found)
        return ()

    def _names(self, path: str) -> tuple[str, ...]:
        """What a file is called besides its path."""
        name = path.rpartition("/")[2]
        stem, suffix = splitext(name)
        # A file under an annotated name is meant even where it is no video: opening it says so.
        return (name, stem) if suffix.lower() in self._suffixes else (name,)
