"""Asking language models: questions of text and pictures, answers that are kept, failures that have names.

`ChatClient` asks a server that speaks OpenAI's chat completions. Whatever else has the two attributes and the one
method of a `LanguageModel` can be asked in the same way. `ask_all` asks many questions at a time, and an
`AnswerCache` keeps each answer from the moment that it is there.
"""

from actionpairs.language_models.answer_cache import AnswerCache, open_cache
from actionpairs.language_models.asking import ask_all, gap_counts
from actionpairs.language_models.chat_client import ChatClient
from actionpairs.language_models.questions import Answer, Failure, Gap, LanguageModel, Picture, Question

__all__ = [
    "Answer",
    "AnswerCache",
    "ChatClient",
    "Failure",
    "Gap",
    "LanguageModel",
    "Picture",
    "Question",
    "ask_all",
    "gap_counts",
    "open_cache",
]
