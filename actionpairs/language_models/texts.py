"""What models write around an answer, and instead of one."""

from __future__ import annotations

import re

_REASONING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_REFUSALS = re.compile(
    r"(?:i['’]?m|i am|we['’]?re) (?:very |really |so )?(?:sorry|unable|afraid|not able)\b|sorry\b|unfortunately\b"
    r"|apologies\b|i (?:can['’]?t|cannot|can not|won['’]?t|will not|am not able|do not|don['’]?t)\b|as an ai\b"
    r"|i apologi[sz]e\b",
    re.IGNORECASE,
)


def without_reasoning(text: str) -> str:
    """An answer without the `<think>` block that some servers leave in front of it."""
    return _REASONING.sub("", text, count=1).strip()


def is_refusal(text: str) -> bool:
    """Whether an answer begins as refusals do."""
    return _REFUSALS.match(text.strip()) is not None
