"""The model card: what a model was made of, how, and what it came to."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import yaml

from actionpairs.manifest import StageSpec

_FRONT = """---
library_name: {library}
pipeline_tag: {tag}
tags: [actionpairs, {kind}]
---
"""


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says beyond the order: facts as sentences, and the last values of the curves."""

    title: str
    library: str
    tag: str
    use: str
    facts: Sequence[str]
    losses: Mapping[str, float]


def written(card: Card, order: StageSpec) -> bytes:
    """The card as Markdown with the front matter that the hub reads."""
    recipe = yaml.safe_dump(order.config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    losses = [f"| {name.replace('_', ' ')} | {value:.4g} |" for name, value in card.losses.items()]
    inputs = [f"- {name}: `{digest}`" for name, digest in sorted(order.inputs.items())]
    lines = [
        _FRONT.format(library=card.library, tag=card.tag, kind=card.title.lower().replace(" ", "-")),
        f"# {card.title}: {order.recipe}",
        "",
        *(f"- {fact}" for fact in card.facts),
        "",
        "```python",
        card.use,
        "```",
        "",
        "## Where training ended",
        "",
        "Means over the last twentieth of the steps; `curves.png` shows all of them.",
        "",
        "| | |",
        "|---|---|",
        *losses,
        "",
        "## What it was made of",
        "",
        *inputs,
        f"- order: `{order.digest}`",
        f"- actionpairs {_version()}, {_commit()}",
        "",
        "```yaml",
        recipe.rstrip(),
        "```",
        "",
    ]
    return "\n".join(lines).encode()


def _version() -> str:
    """The version that is installed; a checkout that only lies on the path has none."""
    try:
        return metadata.version("actionpairs")
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """Which commit the code was at, where it lies in its own repository."""
    folder = str(Path(__file__).parent)
    if not shutil.which("git"):
        return "commit not known"
    commit, changes = (
        subprocess.run(["git", "-C", folder, *words, "--", "."], capture_output=True, text=True).stdout.strip()
        for words in (("log", "-1", "--format=%H"), ("status", "--porcelain"))
    )
    if not commit:
        return "installed from a package"
    return f"commit `{commit}`{' with changes' if changes else ''}"
