"""Importing this module raises MissingExtraError if the packages of the `train` extra are not installed."""

import logging
import os
from importlib.util import find_spec

from actionpairs.errors import MissingExtraError

_NEEDED = ("accelerate", "diffusers", "matplotlib", "peft", "safetensors", "tensorboard", "torch", "transformers")

if any(find_spec(name) is None for name in _NEEDED):
    raise MissingExtraError.of("train", needed_for="Training and running models")

# Otherwise transformers warns about torchvision, which this package does not use, when diffusers is imported; and
# torchao, where it is installed, about kernels for GPUs that this machine does not have.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
for name in ("torchao", "torch.utils._pytree"):
    logging.getLogger(name).setLevel(logging.ERROR)
