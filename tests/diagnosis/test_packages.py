"""Versions and extras, from metadata alone."""

from __future__ import annotations

import configparser
import sys
from importlib import metadata
from pathlib import Path

import pytest

from actionpairs.diagnosis import packages
from actionpairs.diagnosis.packages import Requirement


class Metadata:
    """The metadata of an environment: the lines of actionpairs, and what is installed."""

    PackageNotFoundError = metadata.PackageNotFoundError

    def __init__(self, lines: list[str] | None, **versions: str) -> None:
        self.lines, self.versions = lines, {name.replace("_", "-"): text for name, text in versions.items()}

    def requires(self, _: str) -> list[str]:
        if self.lines is None:
            raise metadata.PackageNotFoundError
        return self.lines

    def version(self, name: str) -> str:
        if name not in self.versions:
            raise metadata.PackageNotFoundError
        return self.versions[name]


LINES = [
    "av>=18",
    "opencv-python-headless>=4.11",
    'torch>=2.5; extra == "train"',
    'peft>=0.15; extra == "train"',
    'ray>=2.40; extra == "ray"',
    'pytest>=8; extra == "test"',
    f'bitsandbytes>=0.45; sys_platform == "{sys.platform}" and extra == "quantize"',
    'mlx>=1; sys_platform == "another" and extra == "quantize"',
    'actionpairs[quantize,ray,train]; extra == "all"',
]


def test_an_extra_says_what_it_lacks_and_what_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Metadata(LINES, av="18.1.0", opencv_python_headless="5.0", torch="2.10.0+cu128", peft="0.9", ray="2.40")
    monkeypatch.setattr(packages, "metadata", here)
    facts = packages.installed()
    lacks = {extra.name: extra.lacks for extra in facts.extras}
    assert lacks == {"quantize": ("bitsandbytes",), "ray": (), "train": ("peft 0.15 or newer (it is 0.9)",)}
    assert {extra.name: "[" in extra.cure for extra in facts.extras} == {
        "quantize": True,
        "ray": False,
        "train": True,
    }
    assert (facts.lacks, facts.versions["torch"], facts.versions["diffusers"]) == ((), "2.10.0+cu128", "")


def test_a_package_that_extract_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "metadata", Metadata(LINES, av="17.0"))
    assert packages.installed().lacks == ("av 18 or newer (it is 17.0)", "opencv-python-headless")


def test_two_opencv_packages_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Metadata(LINES, opencv_python="4.12", opencv_python_headless="4.11")
    monkeypatch.setattr(packages, "metadata", both)
    facts = packages.installed()
    assert facts.warnings == (
        "opencv-python-headless and opencv-python overwrite each other's files; keep one of them",
    )
    assert facts.versions["opencv-python"] == "4.12"


def test_without_metadata_there_are_versions_and_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "metadata", Metadata(None))
    facts = packages.installed()
    assert (facts.extras, facts.lacks) == ((), ())
    assert "not listed" in facts.installed_from


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("av>=18", Requirement("av", "18", "", ())),
        ("aiohttp (>=3.9) ; extra == 's3'", Requirement("aiohttp", "3.9", "s3", ())),
        ('mkdocstrings[python]>=1; extra == "docs"', Requirement("mkdocstrings", "1", "docs", ("python",))),
        ("types-PyYAML", Requirement("types-PyYAML", "", "", ())),
        ("a @ https://host/a.whl", Requirement("a", "", "", ())),
        ("?", None),
    ],
)
def test_a_requirement_is_parsed(line: str, requirement: Requirement | None) -> None:
    assert Requirement.parse(line) == requirement


def test_every_requirement_of_this_package_is_parsed() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    blocks = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    lines = [line for block in blocks for line in block.split("\n") if line and "sys_platform" not in line]
    assert len(lines) > 30
    assert all(Requirement.parse(line) for line in lines)
