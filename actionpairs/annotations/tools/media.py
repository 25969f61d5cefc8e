"""The names of videos in the files of annotation tools: paths of another computer, and URLs."""

from __future__ import annotations

from urllib.parse import unquote


def media_name(place: object) -> object:
    """The file name in a path or URL, of any system; what is no text stays as it is."""
    if not isinstance(place, str):
        return place
    path = place.strip()
    if "://" in path:
        path = unquote(path.partition("?")[0].partition("#")[0])
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
