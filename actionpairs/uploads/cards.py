"""The card of a repository: README.md with a front matter that the hub reads. Only a report needs a new one."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import Any

import yaml

from actionpairs.errors import StorageError
from actionpairs.hub.address import Kind
from actionpairs.uploads.folders import CARD_FILE, PushedFolder

_TAGS = ["actionpairs", "image-editing"]


def for_report(pushed: PushedFolder, kind: Kind, report: bytes | None) -> bytes:
    """The card of a report: as a static Space, the hub shows its page; as a data set, its scores.

    report: report.md as it goes up; None if there is none.
    """
    name = f"{pushed.manifest.recipe}: {pushed.manifest.inputs.get('split', pushed.content)}"
    front: dict[str, Any] = {"title": name[:60], "sdk": "static", "app_file": "index.html", "pinned": False}
    if kind == "dataset":
        front = {"pretty_name": name}
        if "scores.parquet" in pushed.manifest.files:
            data_files = [{"split": "scores", "path": "scores.parquet"}]
            front["configs"] = [{"config_name": "default", "data_files": data_files}]
    front["tags"] = [*_TAGS, "evaluation"]
    body = f"# {name}\n\n`index.html` is the page with scores and pictures."
    if report is not None:
        body += "\n\n" + report.decode(errors="replace")
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return f"---\n{text}---\n\n{body.rstrip()}\n".encode()


def check(pushed: PushedFolder, card: bytes, kind: Kind) -> None:
    """Check a card by the hub's own classes; raises StorageError with what is wrong.

    The hub checks it again before anything is sent: it alone knows all identifiers of licenses and tasks.
    """
    from huggingface_hub import DatasetCard, ModelCard, SpaceCard

    where = f"{pushed.folder}/{CARD_FILE}"
    classes: dict[Kind, Any] = {"dataset": DatasetCard, "model": ModelCard, "space": SpaceCard}
    try:
        front = classes[kind](card.decode()).data.to_dict()
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise _invalid(where, f"its front matter is not valid: {' '.join(str(error).split())[:200]}") from None
    needed = {"dataset": "tags", "model": "pipeline_tag", "space": "sdk"}[kind]
    if needed not in front:
        raise _invalid(where, f"its front matter has no `{needed}`")
    for config in front.get("configs", ()):
        for files in config.get("data_files", ()):
            if not re.fullmatch(r"\w+(?:\.\w+)*", files["split"]):
                raise _invalid(where, f"{files['split']!r} is no name of a split for `datasets`")
            if not any(fnmatch(name, files["path"]) for name in pushed.manifest.files):
                raise _invalid(where, f"no file is called {files['path']}, as its split {files['split']} says")


def _invalid(where: str, what: str) -> StorageError:
    return StorageError(f"{where}: {what}.", cure="Make the folder anew. Nothing was sent.")
