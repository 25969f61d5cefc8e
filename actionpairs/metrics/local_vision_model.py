"""A vision-language model of transformers as a judge: any that AutoModelForImageTextToText opens."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from threading import Event, Lock
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.utils import is_torchvision_available

from actionpairs import manifest
from actionpairs.configs import JudgeConfig
from actionpairs.errors import LanguageModelError, ModelError, one_line
from actionpairs.language_models import Answer, Failure, Gap, Picture, Question
from actionpairs.model_files import hub, processors, sources
from actionpairs.storage import Folder

_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model")  # no code, and no pickles
# Processors whose part for videos alone needs torchvision.
_WITH_VIDEO = frozenset({"Qwen2VLProcessor", "Qwen2_5_VLProcessor", "Qwen3VLProcessor"})


class LocalVisionModel:
    """Answers one question at a time, greedily unless there is a temperature. name: of its folder or hub id."""

    def __init__(self, model: Any, processor: Any, config: JudgeConfig, *, name: str, digest: str) -> None:
        self._model, self._processor, self._config = model, processor, config
        self.name = name
        self.settings_digest = digest
        self._lock = Lock()

    def ask(self, question: Question, *, stopped: Event) -> Answer | Gap:
        """Answer one question. Raises LanguageModelError if the memory does not suffice."""
        with self._lock:
            if stopped.is_set():
                return Gap(Failure.UNREACHABLE, "stopped before it was asked", 0)
            try:
                return self._generate(question)
            except torch.OutOfMemoryError as error:
                raise LanguageModelError(
                    f"{self.name}: not enough memory for a question: {one_line(error)}.",
                    cure="Lower `eval.resolution` or `eval.vlm_judge.max_tokens`, or take a smaller model.",
                ) from None

    def _generate(self, question: Question) -> Answer | Gap:
        content = [
            {"type": "image", "image": _decode(part)}
            if isinstance(part, Picture)
            else {"type": "text", "text": part}
            for part in question.parts
        ]
        inputs = self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self._model.device, dtype=self._model.dtype)
        temperature = self._config.temperature
        sampling = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        torch.manual_seed(question.seed)
        with torch.inference_mode():
            made = self._model.generate(**inputs, max_new_tokens=self._config.max_tokens, **sampling)
        tokens = made[0, inputs["input_ids"].shape[1] :]
        text = self._processor.decode(tokens, skip_special_tokens=True).strip()
        if len(tokens) >= self._config.max_tokens and tokens[-1].item() not in self._stops():
            return Gap(Failure.TOO_LONG, "raise `eval.vlm_judge.max_tokens`", 1)
        return Answer(text, f"{self.name}@{self.settings_digest[:12]}", 1) if text else Gap(Failure.EMPTY, "", 1)

    def _stops(self) -> set[int]:
        """The tokens that end an answer."""
        stops = self._model.generation_config.eos_token_id
        return set(stops) if isinstance(stops, list) else {stops}


def locate(source: str) -> Path:
    """The folder of a model; a hub id is downloaded, without code and pickles. Raises ModelError."""
    return sources.locate(source) or hub.snapshot(source, _FILES)


def settings_digest(folder: Path, config: JudgeConfig) -> str:
    """A digest of a model's folder and of the settings that decide its answers."""
    content = [manifest.folder_digest(Folder(folder)), config.temperature, config.max_tokens]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def load(source: str, config: JudgeConfig, *, device: str) -> LocalVisionModel:
    """Load a folder or hub id. Raises ModelError where it is no vision-language model with all of its weights."""
    folder = locate(source)
    try:
        model, info = AutoModelForImageTextToText.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
        if info["missing_keys"]:
            raise ValueError(f"{len(info['missing_keys'])} of its weights are missing")
        processor = _open_processor(folder)
        if not getattr(processor, "chat_template", None):
            raise ValueError("its processor has no chat template")
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        raise ModelError(
            f"local:{source}: cannot be loaded as a vision-language model: {one_line(error)}.",
            cure="Give a folder or hub id that AutoModelForImageTextToText opens, with safetensors. If it asks "
            "for torchvision, install it, or serve the model and give its URL.",
        ) from error
    digest = settings_digest(folder, config)
    return LocalVisionModel(model.eval().to(device), processor, config, name=Path(source).name, digest=digest)


def _open_processor(folder: Path) -> Any:
    """The model's processor, for pictures and texts; without torchvision its part for videos is left out."""
    if not is_torchvision_available():
        for name in ("processor_config.json", "preprocessor_config.json"):
            path = folder / name
            kind = json.loads(path.read_text(encoding="utf-8")).get("processor_class") if path.is_file() else None
            if kind in _WITH_VIDEO:
                return processors.open_processor(folder, kind)
    return AutoProcessor.from_pretrained(folder, trust_remote_code=False)


def _decode(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data)).convert("RGB")
