"""The `shard.instructions` section of a recipe: the words of each sample's instruction."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from actionpairs.configs.language_models import ChatModelConfig
from actionpairs.keys import Config, Positive

FIELDS = ("verb", "noun", "label", "instruction", "narration")


def template_fields(template: str) -> frozenset[str]:
    """The fields that a template names. Raises ValueError for one that does not exist."""
    names = set()
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if name not in FIELDS or spec or conversion:
            fields = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise ValueError(f"{{{name}}} is no field of an instruction; the fields are: {fields}")
        names.add(name)
    return frozenset(names)


def _check_template(template: str) -> str:
    if not template.strip():
        raise ValueError("an empty template")
    template_fields(template)
    return template


def _check_prompt(prompt: str) -> str:
    if not template_fields(prompt):
        raise ValueError("without a field in it, such as {instruction}, every pair would get the same answer")
    return prompt


Templates = Annotated[tuple[Annotated[str, AfterValidator(_check_template)], ...], Field(min_length=1)]

_PROMPT = """\
This note describes what happens in a short video: {instruction}

Write it as an instruction to an image editor: one short imperative English sentence, as a person would say it, in
lower case and without a full stop. Keep every object and what happens to it. Add nothing: no object, place, color
or reason that the note does not have. Answer with the sentence alone, without quotes or comments."""


class TemplateInstructions(Config):
    """Instructions from templates. Of those that fit a pair, one is drawn by hash of the seed and the pair's id.

    {verb}, {noun} and {label} become plain words (`put-down` is put down, `box:lunch` is lunch box). {instruction}
    or {narration} is the text that extract kept. actions: label → templates; verbs: verb → templates, both as the
    annotations spell them; templates: for all other pairs. A template is only drawn for a pair that has all of its
    fields; otherwise: templates for pairs that lack a field in all of theirs.
    """

    by: Literal["templates"]
    seed: int = 0
    templates: Templates = ("{verb} the {noun}",)
    verbs: dict[str, Templates] = Field(default_factory=dict)
    actions: dict[str, Templates] = Field(default_factory=dict)
    otherwise: Templates | None = None


class RewrittenInstructions(Config):
    """Instructions that a language model writes from the words of each pair; every wording is asked for once.

    prompt: what it is asked, with the fields of templates. variants: answers per wording, of which a pair gets one
    by hash of the seed and its id; more than one needs a `temperature`. max_words: an answer with more is refused.
    on_failure: `stop` ends the run when all others are answered; `keep the narration` keeps the words of extract
    for wordings that get no usable answer.
    """

    by: Literal["language model"]
    server: ChatModelConfig
    prompt: Annotated[str, AfterValidator(_check_prompt)] = _PROMPT
    seed: int = 0
    variants: Positive = 1
    max_words: Positive = 20
    on_failure: Literal["stop", "keep the narration"] = "stop"

    @model_validator(mode="after")
    def _variants_differ(self) -> RewrittenInstructions:
        if self.variants > 1 and not self.server.temperature:
            raise ValueError("`variants` needs `server.temperature` above 0: else all of them are the same")
        return self


InstructionsConfig = Annotated[TemplateInstructions | RewrittenInstructions, Field(discriminator="by")]
