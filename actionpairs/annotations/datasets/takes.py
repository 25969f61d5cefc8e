"""Ego-Exo4D's takes.json: the folder, the participant and the video files of every take.

Layout: docs/data/metadata.md of EGO4D/Ego-Exo4D-docs. `frame_aligned_videos` is camera → stream → `relative_path`;
the head camera is `aria01` with the stream `rgb`, an outer camera has the stream `0`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from actionpairs.annotations.clips import Clip, unreadable
from actionpairs.annotations.documents import load_json
from actionpairs.annotations.rows import load_text
from actionpairs.annotations.times import quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import EgoExo4dFormat
from actionpairs.records import Rejection


@dataclass(frozen=True, slots=True)
class Takes:
    """The takes by their uid, empty without takes.json; annotations: the other files by their URL."""

    by_uid: Mapping[str, Mapping[str, object]]
    annotations: Mapping[str, dict[str, object]]

    def place(self, clip: Clip, uid: str, exo: object, ego_exo: EgoExo4dFormat) -> Clip | Rejection:
        """A clip with its video's path and its participant; exo: the best camera, if the annotation names one.

        Without takes.json, the clip stays as it is.
        """
        if not self.by_uid:
            return clip
        take = self.by_uid.get(uid)
        if take is None:
            return unreadable(clip, f"no take {quoted(uid)} in takes.json")
        clip = replace(clip, video=take.get("take_name"), group=take.get("participant_uid"))
        if ego_exo.camera is None:
            return clip
        best = exo if exo is not None else take.get("best_exo")
        path = _path(take.get("frame_aligned_videos"), ego_exo.camera, best)
        if not path:
            return unreadable(clip, f"the take has no video of the camera {quoted(ego_exo.camera)}")
        folder, _, name = path.rpartition("/")
        if ego_exo.downscaled:
            folder = f"{folder}/downscaled/448"
        return replace(clip, video=f"{take.get('root_dir')}/{folder}/{name}")


def load_takes(urls: Sequence[str]) -> Takes:
    """Load annotation files, and takes.json if it is among them; it is a list, the others are objects."""
    by_uid: dict[str, Mapping[str, object]] = {}
    annotations: dict[str, dict[str, object]] = {}
    for url in urls:
        document = load_json(url)
        if isinstance(document, list):
            takes = [item for item in document if isinstance(item, dict) and isinstance(item.get("take_uid"), str)]
            if not takes:
                raise AnnotationError(
                    f"{url}: a JSON list, but not of takes.",
                    cure="Give the annotation files and takes.json of Ego-Exo4D.",
                )
            by_uid |= {str(take["take_uid"]): take for take in takes}
        elif isinstance(document, dict):
            annotations[url] = document
        else:
            raise AnnotationError(f"{url}: no JSON object.", cure="Check the format in the recipe.")
    return Takes(by_uid, annotations)


def missing_names(urls: Sequence[str], ego_exo: EgoExo4dFormat) -> tuple[str, ...]:
    """The files of the cameras, if the recipe names a camera and takes.json is not among the files."""
    if ego_exo.camera is None or any(load_text(url).lstrip().startswith("[") for url in urls):
        return ()
    return (f"the video files of the camera `{ego_exo.camera}`, which stand in takes.json",)


def _path(cameras: object, camera: str, best: object) -> str:
    """The path of a camera's video in the take's folder; empty if there is none."""
    streams = cameras if isinstance(cameras, dict) else {}
    if camera == "ego":
        names, stream = [name for name in streams if name.startswith("aria")], "rgb"
    else:
        names, stream = [best if camera == "best exo" else camera], "0"
    for name in names:
        videos = streams.get(name) if isinstance(name, str) else None
        video = videos.get(stream) if isinstance(videos, dict) else None
        path = video.get("relative_path") if isinstance(video, dict) else None
        if isinstance(path, str) and path:
            return path
    return ""
