"""Which video codecs this build of PyAV decodes and encodes."""

from __future__ import annotations

from typing import Literal

from actionpairs.diagnosis.records import Codecs
from actionpairs.errors import one_line

# The coders that work without special hardware; FFmpeg's own `av1` decoder needs some.
_DECODERS = {
    "h264": ("h264", "libopenh264"),
    "hevc": ("hevc",),
    "av1": ("libdav1d", "libaom-av1", "libgav1"),
    "vp9": ("vp9", "libvpx-vp9"),
    "vp8": ("vp8", "libvpx"),
    "mpeg4": ("mpeg4",),
    "mpeg2": ("mpeg2video",),
    "mjpeg": ("mjpeg",),
    "prores": ("prores",),
    "wmv3": ("wmv3",),
}
_ENCODERS = {"h264": ("libx264",)}  # of the videos that `demo` renders


def codecs() -> Codecs:
    """The codecs; where PyAV cannot be imported, why."""
    try:
        import av
        from av.codec import Codec
    except Exception as error:  # a broken build raises whatever it likes
        return Codecs("", {}, {}, {}, f"{type(error).__name__}: {one_line(error)}")
    libraries = {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}

    def first(names: tuple[str, ...], mode: Literal["r", "w"]) -> str:
        for name in names:
            try:
                if Codec(name, mode).name == name:
                    return name
            except ValueError:
                continue
        return ""

    decoders = {codec: first(names, "r") for codec, names in _DECODERS.items()}
    encoders = {codec: first(names, "w") for codec, names in _ENCODERS.items()}
    return Codecs(str(getattr(av, "ffmpeg_version_info", "")), libraries, decoders, encoders, "")
