"""The model card: the data, the recipe and the final losses of a trained model."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import yaml

from actionpairs.manifest import StageSpec

_FRONT_MATTER = """---
library_name: {library}
pipeline_tag: {tag}
tags: [actionpairs, {kind}]
{base}---
"""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The parts of a card that depend on the model. facts: sentences. usage: Python code. losses: final means.

    library, tag, base: `library_name`, `pipeline_tag` and `base_model` of the Hugging Face hub; base is None if
    training did not start from a model there.
    """

    title: str
    library: str
    tag: str
    usage: str
    facts: Sequence[str]
    losses: Mapping[str, float]
    base: str | None = None


def render(card: ModelCard, spec: StageSpec) -> bytes:
    """The card as Markdown, with the front matter that the Hugging Face hub reads."""
    recipe = yaml.safe_dump(spec.config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    lines = [
        _FRONT_MATTER.format(
            library=card.library,
            tag=card.tag,
            kind=card.title.lower().replace(" ", "-"),
            base=f"base_model: {card.base}\n" if card.base else "",
        ),
        f"# {card.title}: {spec.recipe}",
        "",
        *(f"- {fact}" for fact in card.facts),
        "",
        "```python",
        card.usage,
        "```",
        "",
        "## Final losses",
        "",
        "Means over the last twentieth of the steps; `curves.png` shows every step.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name.replace('_', ' ')} | {value:.4g} |" for name, value in card.losses.items()),
        "",
        "## Data, code and recipe",
        "",
        *(f"- {name}: `{digest}`" for name, digest in sorted(spec.inputs.items())),
        f"- spec: `{spec.digest}`",
        f"- actionpairs {_version()}, {_commit()}",
        "",
        "```yaml",
        recipe.rstrip(),
        "```",
        "",
    ]
    return "\n".join(lines).encode()


def _version() -> str:
    """The installed version. A checkout that is only on the path has none."""
    try:
        return metadata.version("actionpairs")
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of the code, if it lies in its own repository."""
    folder = str(Path(__file__).parent)
    if not shutil.which("git"):
        return "commit unknown"
    commit, changes = (
        subprocess.run(["git", "-C", folder, *words, "--", "."], capture_output=True, text=True).stdout.strip()
        for words in (("log", "-1", "--format=%H"), ("status", "--porcelain"))
    )
    if not commit:
        return "installed from a package"
    return f"commit `{commit}`{' with changes' if changes else ''}"
