"""The table of layouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actionpairs.exports import (
    ai_toolkit,
    diffsynth_studio,
    diffusers_scripts,
    image_folder,
    longcat_image,
    musubi_tuner,
    omnigen2,
    simpletuner,
)
from actionpairs.exports.target import Target

BY_NAME: Final[Mapping[str, Target]] = {
    "ai-toolkit": ai_toolkit.TARGET,
    "musubi": musubi_tuner.TARGET,
    "diffsynth": diffsynth_studio.TARGET,
    "simpletuner": simpletuner.TARGET,
    "diffusers": diffusers_scripts.TARGET,
    "omnigen2": omnigen2.TARGET,
    "longcat": longcat_image.TARGET,
    "folder": image_folder.TARGET,
}
