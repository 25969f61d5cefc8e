"""A model of transformers answers through the same interface as a server, and no torchvision is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from actionpairs.configs import JudgeConfig, JudgeOptions
from actionpairs.errors import ModelError, ScoreError
from actionpairs.language_models import Answer, ChatClient, Failure, Gap, Question
from actionpairs.metrics import judge_models, local_vision_model
from actionpairs.metrics.judge_asking import encode
from tests.metrics.judges import edits, judging

SPECIAL = ("<pad>", "<s>", "</s>", "<image>")
TEMPLATE = (
    "<s>{% for message in messages %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}"
)
CONFIG = JudgeConfig(max_tokens=6)


def tokenizer() -> PreTrainedTokenizerFast:
    """Single bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: number for number, piece in enumerate((*SPECIAL, *alphabet))}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["<image>"],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved LLaVA of random weights."""
    path, words = tmp_path_factory.mktemp("tiny") / "tiny-llava", tokenizer()
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=CLIPVisionConfig(**sizes, image_size=16, patch_size=8),
            text_config=LlamaConfig(**sizes, vocab_size=len(words), max_position_embeddings=4096, eos_token_id=2),
            image_token_id=words.convert_tokens_to_ids("<image>"),
        )
    )
    model.generation_config.eos_token_id = 2
    model.save_pretrained(path)
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    LlavaProcessor(
        image_processor=pictures,
        tokenizer=words,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(path)
    return path


def question(text: str = "Is it done?", *, seed: int = 0) -> Question:
    draw = np.random.default_rng(len(text))
    pictures = [encode(draw.integers(0, 256, (20, 24, 3), np.uint8), CONFIG) for _ in range(2)]
    return Question((text, *pictures), seed=seed)


def test_it_answers_and_names_itself_by_its_content(folder: Path) -> None:
    model = local_vision_model.load(str(folder), CONFIG, device="cpu")
    model._stops = lambda: set(range(260))  # whatever the last token is, it is an end
    reply = model.ask(question(), stopped=Event())
    assert isinstance(reply, Answer)
    assert reply.text
    assert reply.model == f"tiny-llava@{model.settings_digest[:12]}"
    assert model.ask(question(), stopped=Event()) == reply


def test_an_answer_that_does_not_end_is_a_gap(folder: Path) -> None:
    model = local_vision_model.load(str(folder), CONFIG, device="cpu")
    model._model.generation_config.eos_token_id = None
    reply = model.ask(question(), stopped=Event())
    assert isinstance(reply, Gap)
    assert reply.failure == Failure.TOO_LONG


def test_the_pictures_and_their_order_reach_the_model(folder: Path) -> None:
    model = local_vision_model.load(str(folder), CONFIG, device="cpu")
    seen = []
    generate = model._model.generate

    def spy(**inputs: torch.Tensor) -> torch.Tensor:
        seen.append(inputs)
        return generate(**inputs)

    model._model.generate = spy
    text, one, other = question().parts
    for parts in ((text, one, other), (text, other, one)):
        model.ask(Question(parts), stopped=Event())
    assert seen[0]["pixel_values"].shape == (2, 3, 16, 16)
    assert torch.equal(seen[0]["pixel_values"].flip(0), seen[1]["pixel_values"])
    assert int((seen[0]["input_ids"] == 3).sum()) == 2 * 4


def test_the_seed_counts_where_there_is_a_temperature_and_only_there(folder: Path) -> None:
    def replies(temperature: float) -> list[object]:
        config = JudgeConfig(max_tokens=6, temperature=temperature)
        model = local_vision_model.load(str(folder), config, device="cpu")
        model._stops = lambda: set(range(260))  # whatever the last token is, it is an end
        return [model.ask(question(seed=seed), stopped=Event()) for seed in (0, 0, 1)]

    cold, hot = replies(0.0), replies(5.0)
    assert cold[0] == cold[1] == cold[2]
    assert hot[0] == hot[1] != hot[2]


def test_a_whole_judge_runs_on_it_and_its_nonsense_is_gaps(folder: Path, tmp_path: Path) -> None:
    model = local_vision_model.load(str(folder), CONFIG, device="cpu")
    with judging(tmp_path, model, max_tokens=6) as made:
        [rubric] = made.rubrics
        [replies] = made.ask(edits(), rubric, rubric.calls[:1])
    assert all(isinstance(reply, Gap) for reply in replies["action"])
    assert {record.asked for record in made.asking.records} == {"tiny-llava"}


def test_the_digest_follows_the_weights_and_the_settings(folder: Path) -> None:
    one, other = JudgeConfig(max_tokens=6), JudgeConfig(max_tokens=7)
    digest = local_vision_model.settings_digest(folder, one)
    assert digest == local_vision_model.load(str(folder), one, device="cpu").settings_digest
    assert digest == judge_models.settings_digest(JudgeOptions(f"local:{folder}"), one)
    assert digest != local_vision_model.settings_digest(folder, other)


def test_what_is_no_vision_language_model_is_named(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "dinov2"}')
    with pytest.raises(ModelError, match="cannot be loaded as a vision-language model"):
        local_vision_model.load(str(tmp_path), CONFIG, device="cpu")
    with pytest.raises(ModelError, match="no such file or folder"):
        judge_models.open_model(JudgeOptions(f"local:{tmp_path / 'absent'}"), CONFIG, device="cpu")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (JudgeOptions("https://host/v1"), "which of its models"),
        (JudgeOptions("host/v1", "m"), "--judge: .*https://HOST/v1"),
        (JudgeOptions("https://me:secret@host/v1", "m"), "no user, password or query"),
    ],
)
def test_a_server_that_is_named_wrongly_is_told_how(options: JudgeOptions, words: str) -> None:
    with pytest.raises(ScoreError, match=words) as caught:
        judge_models.open_model(options, CONFIG, device="cpu")
    assert "secret" not in str(caught.value)


def test_a_server_is_asked_by_the_chat_client() -> None:
    assert isinstance(judge_models.open_model(JudgeOptions("https://h/v1", "m"), CONFIG, device="cpu"), ChatClient)


def test_no_torchvision_is_imported(folder: Path) -> None:
    script = f"""
import sys
sys.modules["torchvision"] = None
from threading import Event
from actionpairs.metrics import local_vision_model
from tests.metrics.test_local_vision_model import CONFIG, question
local_vision_model.load({str(folder)!r}, CONFIG, device="cpu").ask(question(), stopped=Event())
"""
    root = str(Path(__file__).parents[2])
    result = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
