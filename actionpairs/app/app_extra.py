"""Importing this module raises MissingExtraError if gradio is not installed, and turns its telemetry off."""

import os
from importlib.util import find_spec

from actionpairs.errors import MissingExtraError

if find_spec("gradio") is None:
    raise MissingExtraError.of("app", needed_for="The page of `actionpairs app`")

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
