"""What a model's folder says of its training: the size of its pictures, and the guidance that suits it."""

from __future__ import annotations

import json
from pathlib import Path

from actionpairs.editors.editor import Defaults

_FILE = "recipe.json"  # that `train` writes


def defaults_of(folder: Path, family: Defaults) -> Defaults:
    """The defaults of a model that `actionpairs train` wrote; for any other folder, those of its family."""
    try:
        config = json.loads((folder / _FILE).read_text(encoding="utf-8"))["config"]
        names = ("image_guidance", "text_guidance")
        own = {name: float(config[f"sample_{name}"]) for name in names if config[f"sample_{name}"] is not None}
        sampling = family.sampling.updated(**own)
        return Defaults(int(config["resolution"]), sampling)
    except (OSError, ValueError, KeyError, TypeError):
        return family
