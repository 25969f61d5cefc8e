"""Processors of text encoders without torchvision, which only their parts for videos (or pictures) need."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, ClassVar

import transformers
from diffusers import DiffusionPipeline
from transformers import AutoTokenizer
from transformers.utils import is_torchvision_available

_VIDEO = {
    "Qwen2VLProcessor": "Qwen2VLVideoProcessor",
    "Qwen2_5_VLProcessor": "Qwen2VLVideoProcessor",
    "Qwen3VLProcessor": "Qwen3VLVideoProcessor",
}


_TEXT_ONLY = "PixtralProcessor"  # cannot be imported; for instructions, the tokenizer in it is enough


def without_torchvision(
    pipeline_class: type[DiffusionPipeline], folder: Path, **options: Any
) -> DiffusionPipeline:
    """`pipeline_class.from_pretrained(folder)`, also where torchvision is missing and a processor wants it."""
    if is_torchvision_available():
        return pipeline_class.from_pretrained(str(folder), **options)
    texts = [name for name, class_name in _classes(folder).items() if class_name == _TEXT_ONLY]
    parts = {**overrides(folder), **dict.fromkeys(texts), **options}
    pipeline = pipeline_class.from_pretrained(str(folder), **parts)
    for name in texts:  # diffusers would compare a part that is passed with the class that is missing
        pipeline.register_modules(**{name: AutoTokenizer.from_pretrained(str(folder), subfolder=name)})
    return pipeline


def overrides(folder: Path) -> dict[str, Any]:
    """The parts of a saved pipeline that `from_pretrained` is to be passed: none where torchvision is installed.

    folder: one with a model_index.json. Raises OSError or ValueError if a processor's files are missing or broken.
    """
    if is_torchvision_available():
        return {}
    return {
        name: open_processor(folder / name, class_name)
        for name, class_name in _classes(folder).items()
        if class_name in _VIDEO and (folder / name).is_dir()
    }


def _classes(folder: Path) -> dict[str, str]:
    """The class of every part of a saved pipeline."""
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    return {name: entry[1] for name, entry in index.items() if isinstance(entry, list) and len(entry) == 2}


def open_processor(folder: Path, class_name: str) -> Any:
    """A saved processor of this class of transformers, for texts and pictures only.

    Saved again, it is what it was, so that the class itself opens it where torchvision is installed.
    """
    processor = _without_video(class_name).from_pretrained(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    processor.files = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    return processor


@functools.cache
def _without_video(class_name: str) -> type[Any]:
    """The same class under the same name, without a processor of videos."""
    base: Any = getattr(transformers, class_name)

    class WithoutVideo(base):  # type: ignore[misc]
        files: ClassVar[dict[str, bytes]] = {}  # of its folder, which may be gone when it is saved

        def __init__(  # the parameters' names tell transformers which parts to open
            self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **options: Any
        ) -> None:
            super().__init__(image_processor, tokenizer, None, chat_template=chat_template, **options)

        def to_dict(self) -> dict[str, Any]:
            return {name: value for name, value in super().to_dict().items() if name != "files"}

        def save_pretrained(self, save_directory: str | Path, **options: Any) -> None:
            """Write the files as they were. options: not needed."""
            for name, content in self.files.items():
                path = Path(save_directory, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    WithoutVideo.__name__ = WithoutVideo.__qualname__ = class_name
    WithoutVideo.__module__ = base.__module__  # diffusers writes the library and the class into model_index.json
    return WithoutVideo
