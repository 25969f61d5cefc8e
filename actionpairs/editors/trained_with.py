"""What a model's folder says of its training: the size of its pictures, and the guidance that suits it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from actionpairs.editors.editor import Defaults

_FILE = "recipe.json"  # that `train` writes


def defaults_of(folder: Path, family: Defaults) -> Defaults:
    """The defaults of a model that `actionpairs train` wrote; for any other folder, those of its family."""
    try:
        config = json.loads((folder / _FILE).read_text(encoding="utf-8"))["config"]
        image, text = (config[f"sample_{kind}_guidance"] for kind in ("image", "text"))
        sampling = replace(
            family.sampling,
            image_guidance=family.sampling.image_guidance if image is None else float(image),
            text_guidance=family.sampling.text_guidance if text is None else float(text),
        )
        return Defaults(int(config["resolution"]), sampling)
    except (OSError, ValueError, KeyError, TypeError):
        return family
