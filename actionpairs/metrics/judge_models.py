"""Which model judges: one behind an OpenAI-compatible server, or one of transformers on this machine."""

from __future__ import annotations

from pydantic import ValidationError

from actionpairs.configs import ChatModelConfig, JudgeConfig, JudgeOptions
from actionpairs.errors import ScoreError, without_secrets
from actionpairs.language_models import ChatClient, LanguageModel
from actionpairs.metrics import local_vision_model

LOCAL = "local:"


def is_local(options: JudgeOptions) -> bool:
    """Whether the judge runs in this process."""
    return options.source.startswith(LOCAL)


def settings_digest(options: JudgeOptions, config: JudgeConfig) -> str:
    """A digest of the model and of all that decides its answers besides the question, without loading weights.

    Raises ScoreError or ModelError where there is no such model.
    """
    if is_local(options):
        source = options.source.removeprefix(LOCAL)
        return local_vision_model.settings_digest(local_vision_model.locate(source), config)
    return _chat_config(options, config).digest()


def open_model(options: JudgeOptions, config: JudgeConfig, *, device: str) -> LanguageModel:
    """The model, ready to be asked. Raises ScoreError or ModelError where there is no such model."""
    if is_local(options):
        return local_vision_model.load(options.source.removeprefix(LOCAL), config, device=device)
    return ChatClient(_chat_config(options, config))


def _chat_config(options: JudgeOptions, config: JudgeConfig) -> ChatModelConfig:
    if not options.model:
        raise ScoreError(
            f"--judge {without_secrets(options.source)}: which of its models is asked?",
            cure="Name it: --judge-model NAME. For a model on this machine write --judge local:MODEL.",
        )
    shared = ("temperature", "max_tokens", "request", "key", "timeout_seconds", "attempts")
    try:
        return ChatModelConfig(
            url=options.source, model=options.model, **{name: getattr(config, name) for name in shared}
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = (
            "--judge" if first["loc"][:1] == ("url",) else f"`eval.vlm_judge.{'.'.join(map(str, first['loc']))}`"
        )
        raise ScoreError(
            f"{where}: {first['msg']}.",
            cure="Write a server as https://HOST/v1, and a model on this machine as local:MODEL.",
        ) from None
