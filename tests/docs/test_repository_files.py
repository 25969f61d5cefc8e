"""Files for GitHub and for those who cite: they are whole, and of this version."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import pytest
import yaml

from actionpairs.version import PACKAGE_VERSION
from tests.docs.pages import ROOT

RELEASE = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
BUILD, PUBLISH = RELEASE["jobs"]["build"], RELEASE["jobs"]["publish"]


def used(job: dict[str, Any]) -> list[str]:
    return [step["uses"] for step in job["steps"] if "uses" in step]


def test_the_citation_is_of_this_version_and_names_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert citation["version"] == PACKAGE_VERSION
    [paper] = citation["references"]
    assert {"type", "title", "authors"} <= paper.keys()
    assert paper["identifiers"][0]["value"] == "arXiv:2412.04558"


def test_a_tag_builds_tries_and_then_publishes() -> None:
    assert RELEASE[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 takes `on` for true
    assert PUBLISH["needs"] == "build"
    assert any("bash .ci/release" in step.get("run", "") for step in BUILD["steps"])
    script = (ROOT / ".ci/release").read_text(encoding="utf-8")
    steps = ["-m build", "twine check --strict", "-m venv", "[train]", "set -- demo"]
    assert sorted(steps, key=script.index) == steps


def test_only_the_job_that_runs_no_code_of_ours_may_publish() -> None:
    assert RELEASE["permissions"] == {"contents": "read"}
    assert "permissions" not in BUILD
    assert PUBLISH["permissions"] == {"id-token": "write"}
    assert not [step for step in PUBLISH["steps"] if "run" in step]
    assert not [name for name in used(PUBLISH) if name.startswith("actions/checkout")]


def test_actions_are_pinned_to_commits() -> None:
    for name in (*used(BUILD), *used(PUBLISH)):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name), name


def test_a_tag_of_another_version_is_refused() -> None:
    environment = {**os.environ, "TAG": "v0.0.1", "PYTHON": os.environ.get("PYTHON", ".venv/bin/python")}
    done = subprocess.run(
        ["bash", ".ci/release"], cwd=ROOT, capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == 1
    assert f"the tag v0.0.1 is not that of version {PACKAGE_VERSION}" in done.stderr


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_forms_have_what_github_needs(name: str) -> None:
    form = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{name}.yml").read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert len({part["id"] for part in fields}) == len(fields)
    assert all(part["attributes"]["label"] for part in fields)


def test_a_bug_report_asks_for_doctor() -> None:
    assert "actionpairs doctor" in (ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text(encoding="utf-8")
