"""The variables of the environment that change what commands do; of secrets only that they are set."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY")
_FOLDERS = ("HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "XDG_CACHE_HOME", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")
_ADDRESSES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "RAY_ADDRESS", "AWS_ENDPOINT_URL")
_VALUES = (
    *("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "CUDA_VISIBLE_DEVICES"),
    *("OMP_NUM_THREADS", "WORLD_SIZE", "PYTORCH_ENABLE_MPS_FALLBACK", "NO_COLOR", "FORCE_COLOR", "TQDM_DISABLE"),
)
_HARMLESS = re.compile(r"[\w,.-]{1,12}")
_PUBLIC_HUBS = frozenset({"huggingface.co", "hf-mirror.com"})


def settings() -> dict[str, str]:
    """Name → value, or "set" where the value says where or who somebody is."""
    chosen = {name: "set" for name in (*_SECRETS, *_FOLDERS, *_ADDRESSES) if os.environ.get(name)}
    for name in _VALUES:
        if value := os.environ.get(name, ""):
            chosen[name] = value if _HARMLESS.fullmatch(value) else "set"
    if endpoint := os.environ.get("HF_ENDPOINT", ""):
        host = _host(endpoint)
        chosen["HF_ENDPOINT"] = host if host in _PUBLIC_HUBS else "set, another host"
    if _has_token_file():
        chosen["token of `hf auth login`"] = "set"
    return chosen


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _has_token_file() -> bool:
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    try:
        return Path(home).expanduser().joinpath("token").is_file()
    except (OSError, RuntimeError):
        return False
