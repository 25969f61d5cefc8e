"""Tokenizers and processors of the tiny pipelines, of the genuine classes and without torchvision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diffusers import DiffusionPipeline
from diffusers.pipelines.flux2.system_messages import SYSTEM_MESSAGE
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Backend
from transformers import (
    AutoTokenizer,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
    Qwen3VLProcessor,
    T5Tokenizer,
)
from transformers.utils import is_torchvision_available

from actionpairs.editors import tiny

TEXTS = ("move the red square left", "move the blue square right", "open the drawer", "put the plate away", "")
QWEN_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<think>",
    "</think>",
)
# Opening these builds a video processor, which needs torchvision.
_VIDEO_PROCESSORS = {
    "Qwen2VLProcessor": Qwen2VLProcessor,
    "Qwen2_5_VLProcessor": Qwen2_5_VLProcessor,
    "Qwen3VLProcessor": Qwen3VLProcessor,
}

_QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
_MISTRAL_TEMPLATE = (
    "<s>{% for message in messages %}"
    "{% if message.role == 'system' %}[SYSTEM_PROMPT]{{ message.content[0].text }}[/SYSTEM_PROMPT]"
    "{% else %}[INST]{{ message.content[0].text }}[/INST]{% endif %}{% endfor %}"
)
_MISTRAL_TOKENS = ("<unk>", "<s>", "</s>", "<pad>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]")


def clip(length: int = 77) -> CLIPTokenizer:
    """A CLIP tokenizer with byte pairs of `TEXTS`."""
    return tiny.train_tokenizer(TEXTS, vocabulary=600, length=length)


def t5(length: int = 512) -> T5Tokenizer:
    """A T5 tokenizer of the words of `TEXTS` and of single characters.

    Its unigrams are not trained: `tokenizers` would score them differently in every process.
    """
    words = sorted({f"▁{word}" for text in TEXTS for word in text.split()})
    characters = ["▁", *(chr(code) for code in range(33, 127))]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces = [*special, *((word, -3.0) for word in words), *((character, -6.0) for character in characters)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=length)


def qwen(length: int = 131072) -> Qwen2Tokenizer:
    """A Qwen tokenizer of single bytes, so that a prompt template has more tokens than a pipeline drops."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Qwen2Tokenizer(
        vocab={piece: number for number, piece in enumerate(alphabet)},
        merges=[],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=length,
        padding_side="right",
    )
    tokenizer.add_tokens([AddedToken(token, special=True) for token in QWEN_TOKENS])
    tokenizer.chat_template = _QWEN_TEMPLATE
    return tokenizer


def mistral(length: int = 131072) -> PreTrainedTokenizerFast:
    """A tokenizer of byte pairs of FLUX.2's system message, which would else leave no room for the text."""
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=[*_MISTRAL_TOKENS, "[IMG]"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator([SYSTEM_MESSAGE, *TEXTS], trainer)
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=length, padding_side="left", **special
    )
    tokenizer.chat_template = _MISTRAL_TEMPLATE
    return tokenizer


def without_video(processor_class: type[Any]) -> type[Any]:
    """The same processor class without its video processor, the only part that needs torchvision.

    It keeps its name, and it names the video processor where it is saved, so that the genuine class opens it.
    """
    video = "Qwen3VLVideoProcessor" if processor_class is Qwen3VLProcessor else "Qwen2VLVideoProcessor"

    class WithoutVideo(processor_class):
        def __init__(  # the parameters' names tell transformers which parts to open
            self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **options: Any
        ) -> None:
            super().__init__(image_processor, tokenizer, None, chat_template=chat_template, **options)

        def to_dict(self) -> dict[str, Any]:
            return super().to_dict() | {"video_processor": {"video_processor_type": video}}

    WithoutVideo.__name__ = WithoutVideo.__qualname__ = processor_class.__name__
    WithoutVideo.__module__ = processor_class.__module__
    return WithoutVideo


def qwen_processor(processor_class: type[Any], *, patch_size: int = 14, side: int = 56) -> Any:
    """A Qwen processor that shows its text encoder at most `side`² pixels."""
    pixels = {"shortest_edge": (2 * patch_size) ** 2, "longest_edge": side**2}
    images = Qwen2VLImageProcessorPil(patch_size=patch_size, size=pixels)
    return without_video(processor_class)(image_processor=images, tokenizer=qwen())


def open_folder(folder: Path) -> DiffusionPipeline:
    """Open a saved pipeline, also where torchvision is missing and `from_pretrained` alone would refuse.

    A Qwen processor is then opened without its video processor. FLUX.2's PixtralProcessor cannot even be imported;
    its tokenizer does all that the pipeline asks for.
    """
    parts = {} if is_torchvision_available() else _replaced_parts(folder)
    pipeline = DiffusionPipeline.from_pretrained(folder, **parts)
    for name in (name for name, part in parts.items() if part is None):
        pipeline.register_modules(**{name: AutoTokenizer.from_pretrained(folder / name)})
    return pipeline


def _replaced_parts(folder: Path) -> dict[str, Any]:
    """Parts to be passed to `from_pretrained`. None: to be registered afterwards."""
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    parts: dict[str, Any] = {}
    for name, entry in index.items():
        class_name = entry[1] if isinstance(entry, list) else None
        if class_name == "PixtralProcessor":
            parts[name] = None  # diffusers compares a passed part with the class, and fails on the missing one
        elif class_name in _VIDEO_PROCESSORS:
            parts[name] = without_video(_VIDEO_PROCESSORS[class_name]).from_pretrained(folder / name)
    return parts
