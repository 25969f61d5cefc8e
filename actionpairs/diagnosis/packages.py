"""Installed packages and what the extras lack, from their metadata: nothing is imported."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata

from actionpairs.diagnosis.privacy import shell_command
from actionpairs.diagnosis.records import Extra, Packages
from actionpairs.installation import extra_command
from actionpairs.version import PACKAGE_VERSION

_NAME = "actionpairs"
_ALL = "all"  # the extra that lists those for users; the others are for developers
_LISTED = (
    *("av", "numpy", "pandas", "pyarrow", "webdataset", "fsspec", "pydantic", "click", "rich"),
    *("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors", "huggingface-hub"),
)
# All of them install the module cv2, each over the files of the other.
_OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(?:\[(?P<extras>[^\]]*)\])?\s*\(?(?P<range>[^;)]*)\)?\s*(?:;(?P<marker>.*))?"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A line of the metadata: a package, its lowest version, and the extra that wants it ("" for none)."""

    name: str
    lowest: str
    extra: str
    extras: tuple[str, ...]

    @classmethod
    def parse(cls, line: str) -> Requirement | None:
        """The requirement; None for one that is for other systems or that has another form."""
        match = _REQUIREMENT.fullmatch(line.strip())
        if match is None:
            return None
        marker = match["marker"] or ""
        system = re.search(r"sys_platform\s*==\s*['\"](\w+)['\"]", marker)
        if system and system[1] != sys.platform:
            return None
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        lowest = re.search(r">=\s*([\w.]+)", match["range"])
        extras = tuple(filter(None, re.split(r"[\s,]+", match["extras"] or "")))
        return cls(match["name"], lowest[1] if lowest else "", extra[1] if extra else "", extras)


def installed() -> Packages:
    """Versions, and what of the package's own requirements and extras is not there."""
    requirements = list(_requirements())
    opencv = [name for name in _OPENCV if version_of(name)]
    versions = {_NAME: PACKAGE_VERSION, **{name: version_of(name) for name in (*opencv, *_LISTED)}}
    missing = "; its metadata is not there, so extras are not listed" if not requirements else ""
    return Packages(
        versions=versions if opencv else {**versions, _OPENCV[0]: ""},
        installed_from=_installed_from() + missing,
        lacks=_lacking(requirements, ""),
        extras=tuple(
            Extra(name, lacks, shell_command(extra_command(name)) if lacks else "")
            for name in _user_extras(requirements)
            for lacks in [_lacking(requirements, name)]
        ),
        warnings=(
            (f"{' and '.join(opencv)} overwrite each other's files; keep one of them",) if len(opencv) > 1 else ()
        ),
    )


def _installed_from() -> str:
    """What pip would install an extra from, in words."""
    words = shlex.split(extra_command("x"))
    if "--editable" in words:
        return "an editable checkout"
    kinds = {"@ git+": "git", "@ ": "a file", "/": "a folder"}
    return next((kind for sign, kind in kinds.items() if sign in words[-1]), "an index")


def version_of(name: str) -> str:
    """The version of an installed package, "" if it is not installed."""
    try:
        return str(metadata.version(name))
    except metadata.PackageNotFoundError:
        return ""


def _requirements() -> Iterator[Requirement]:
    try:
        lines = metadata.requires(_NAME) or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        requirement = Requirement.parse(line)
        if requirement is not None:
            yield requirement


def _user_extras(requirements: Sequence[Requirement]) -> list[str]:
    """The extras that `all` takes together."""
    return sorted({extra for each in requirements if each.extra == _ALL for extra in each.extras})


def _lacking(requirements: Sequence[Requirement], extra: str) -> tuple[str, ...]:
    """What an extra, or the package itself, needs and does not find."""
    texts = []
    for each in requirements:
        if each.extra != extra or each.name == _NAME:
            continue
        version = version_of(each.name)
        if not version:
            texts.append(each.name)
        elif each.lowest and _numbers(version) < _numbers(each.lowest):
            texts.append(f"{each.name} {each.lowest} or newer (it is {version})")
    return tuple(texts)


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a release: 2.10 is newer than 2.9, and 2.10.0a1+cu128 is 2.10.0."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in release[0].split(".")] if release else [0]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
