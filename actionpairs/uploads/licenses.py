"""Whether frames may be passed on, by the license that the recipe names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from actionpairs.errors import StorageError
from actionpairs.uploads.folders import PushedFolder

FLAG = "--i-have-the-right"
# Licenses, by their identifiers on the hub, that let everyone pass frames on: some of them with the name of the
# source, under the same license, or not for money. Those without derivatives (nd) do not: a frame is one.
_FREE = ("cc-by-", "cc0-", "apache-", "mit", "bsd", "odc-by", "pddl", "odbl", "cdla-", "unlicense", "wtfpl")


def check(pushed: PushedFolder) -> None:
    """Raise StorageError if the folder shows frames that may not be passed on, as far as it can be seen."""
    doubts = list(_doubts(pushed))
    if doubts:
        raise StorageError(
            f"{pushed.folder}: {' '.join(doubts)}",
            cure=f"If the videos are yours, or their owners permit it, say so: {FLAG}. A private repository is "
            "a copy on somebody else's machine too.",
        )


def _doubts(pushed: PushedFolder) -> Iterator[str]:
    if pushed.content == "shards":
        sources = pushed.config.get("sets") or [pushed.config]
        for each in sources:
            yield from doubts_of(each.get("source") or {}, each.get("name") or each.get("dataset") or "")
    elif pushed.is_report and any(name in pushed.manifest.files for name in ("report.json",)):
        yield "A report shows frames of the split's videos, and does not say under which license they are."
    elif any(name.startswith("samples/") for name in pushed.manifest.files):
        yield "samples/ shows frames of the training videos; under which license they are, the model does not say."


def doubts_of(source: Mapping[str, Any], dataset: str) -> Iterator[str]:
    """Why the frames of one source may not be passed on, as far as its license says; nothing if they may."""
    license_id, name = str(source.get("license") or ""), source.get("name") or f"the videos of {dataset}"
    if _is_free(license_id):
        return
    if not license_id or license_id == "unknown":
        yield f"The recipe does not say (`shard.source`) under which license {name} may be passed on."
    else:
        terms = str(source.get("terms") or "").strip()
        yield f"The license of {name} ({license_id}) does not let everyone pass its frames on. {terms}".strip()


def _is_free(license_id: str) -> bool:
    lower = license_id.lower()  # SPDX writes CC-BY-4.0 what the hub calls cc-by-4.0
    return lower.startswith(_FREE) and "-nd" not in lower
