"""Turn the bytes of a file into text: what the encoding is, or why it cannot be told.

UTF-8, and UTF-16 and UTF-32 with a byte order mark, can be told from the bytes. Nothing else can: every byte is a
letter of cp1252, of latin-1 and of a dozen others. So another encoding must be stated in the recipe; the error
shows how the line would read in cp1252, the usual one of Excel's CSV.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib

from actionpairs.annotations.times import quoted
from actionpairs.errors import AnnotationError, without_secrets

_LARGEST_UNZIPPED_BYTES = 4 << 30  # a few kilobytes of gzip can hold terabytes
_BYTE_ORDER_MARKS = (  # the longer first: UTF-16's is the beginning of UTF-32's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_KINDS = {
    b"PK\x03\x04": (
        "a zip file or a spreadsheet",
        "Unpack it. A whole .xlsx is read by `format: table`; save other spreadsheets as .xlsx or as CSV UTF-8.",
    ),
    b"\xd0\xcf\x11\xe0": ("a spreadsheet of Excel 2003 or before", "Save it as .xlsx or as CSV UTF-8."),
    b"PAR1": ("Parquet", "Parquet is read by `format: table`."),
    b"\x89HDF": ("HDF5", "The only HDF5 annotations that are read are those of `format: mpii2`."),
    b"SQLite format 3": ("an SQLite database", "Export the table as CSV."),
    b"version https://git-lfs": ("a pointer of Git LFS in place of the file", "Get the file: `git lfs pull`."),
    b"<!doctype html": ("a web page", "Download the file itself."),
    b"<!DOCTYPE html": ("a web page", "Download the file itself."),
    b"<html": ("a web page", "Download the file itself, or save the table as CSV UTF-8."),
    b"BZh": ("a file compressed by bzip2", "Unpack it."),
    b"\xfd7zXZ": ("a file compressed by xz", "Unpack it."),
    b"\x28\xb5\x2f\xfd": ("a file compressed by zstd", "Unpack it."),
    b"FEA1": ("Feather of version 1", "Write it as Parquet: `pandas.read_feather(PATH).to_parquet(PATH)`."),
    b"\x93NUMPY": ("a NumPy array", "Write it as CSV or Parquet."),
}
_PICKLE_PROTOCOLS = {bytes([0x80, protocol]) for protocol in range(2, 6)}
_SAMPLE_BYTES = 4096
_SHARE_OF_NULS = 0.2  # UTF-16 of mostly western text has about half of them, UTF-8 none


def gunzip(url: str, data: bytes) -> bytes:
    """The content of a gzip file; other bytes unchanged. Raises AnnotationError if it is damaged or too large."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            content = file.read(_LARGEST_UNZIPPED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise AnnotationError(f"{url}: a gzip file that is not whole: {error}.", cure="Write it again.") from None
    if len(content) > _LARGEST_UNZIPPED_BYTES:
        raise AnnotationError(
            f"{url}: unzipped, it has more than {_LARGEST_UNZIPPED_BYTES >> 30} GiB.", cure="Check the file."
        )
    return content


def decode(url: str, data: bytes, *, encoding: str | None = None) -> str:
    """The text of a file. encoding: the recipe's, or None if it has to be told from the bytes."""
    data = gunzip(url, data)
    _refuse_other_kinds(url, data)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    name = marked or encoding or "utf-8"
    try:
        text = data.decode(name).removeprefix("\ufeff")  # some programs write a second mark
    except UnicodeDecodeError as error:
        raise _undecodable(url, data, name, error) from None
    if name == "utf-8" and data[:_SAMPLE_BYTES].count(0) > _SHARE_OF_NULS * len(data[:_SAMPLE_BYTES]):
        raise AnnotationError(
            f"{url}: not UTF-8 text: it looks like UTF-16 without a byte order mark.",
            cure="Save the file as UTF-8; or read a table with `encoding: utf-16-le` under `extract.annotations`.",
        )
    return text


def refuse_pickle(url: str, data: bytes) -> None:
    """Raise AnnotationError for a pickle: to open one runs whatever code it holds."""
    if data[:2] not in _PICKLE_PROTOCOLS:
        return
    name = without_secrets(url).rpartition("/")[2]
    parquet = f"{name.rpartition('.')[0] or name}.parquet"
    raise AnnotationError(
        f"{url}: this is a pickle, which can run any code when it is opened, so it is not read.",
        cure="If you trust its source, make it a Parquet file:\n"
        f"    import pandas\n    pandas.DataFrame(pandas.read_pickle({name!r})).to_parquet({parquet!r})",
    )


def _refuse_other_kinds(url: str, data: bytes) -> None:
    refuse_pickle(url, data)
    for mark, (kind, cure) in _OTHER_KINDS.items():
        if data.startswith(mark):
            raise AnnotationError(f"{url}: this is {kind}, not text.", cure=cure)


def _undecodable(url: str, data: bytes, name: str, error: UnicodeDecodeError) -> AnnotationError:
    if name != "utf-8":
        return AnnotationError(
            f"{url}: not {name.removesuffix('-sig').upper()} text (byte {error.start}).",
            cure="Save the file as UTF-8, or correct `extract.annotations.encoding` in the recipe.",
        )
    start = data.rfind(b"\n", 0, error.start) + 1
    line = data[start : start + 80].split(b"\n")[0].decode("cp1252", "replace").strip()
    number = data.count(b"\n", 0, start) + 1
    return AnnotationError(
        f"{url}: not UTF-8 text (byte {error.start}); as cp1252, line {number} begins {quoted(line)}.",
        cure="Save the file as UTF-8. If that line is right, a table may instead be read with `encoding: cp1252` "
        "under `extract.annotations` in the recipe.",
    )
