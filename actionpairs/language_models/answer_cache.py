"""Answers on disk: one file of JSON lines per model and kind of question, to which each answer is appended.

A line counts when its line end is there, so a run that is killed leaves at most one half line, which is dropped.
An answer is written, and synced, before anything uses it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from actionpairs.errors import StorageError
from actionpairs.file_lock import locked_file
from actionpairs.language_models.questions import Answer, LanguageModel, Question


class AnswerCache:
    """The answers of one file. Several threads may use it; other processes may not, meanwhile."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path, self._handle = path, handle
        self._lock = Lock()
        self._answers, self._size_bytes = _load(path, handle)

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, digest: str) -> Answer | None:
        """The answer to a question, by the question's digest."""
        return self._answers.get(digest)

    def add(self, digest: str, question: Question, answer: Answer) -> None:
        """Append an answer. Raises StorageError if it cannot be written; the file then is as before."""
        record = {
            "digest": digest,
            "question": question.content(),
            "answer": answer.text,
            "model": answer.model,
            "attempts": answer.attempts,
        }
        line = json.dumps(record, sort_keys=True).encode() + b"\n"
        with self._lock:
            try:
                if os.write(self._handle, line) < len(line):
                    raise OSError("the disk took only a part of it")
                os.fsync(self._handle)
            except OSError as error:
                with suppress(OSError):
                    os.ftruncate(self._handle, self._size_bytes)
                raise StorageError(
                    f"{self._path}: an answer cannot be written: {error.strerror or error}.",
                    cure="Free some space and run the same command again: it goes on where it stopped.",
                ) from None
            self._size_bytes += len(line)
            self._answers[digest] = answer


@contextmanager
def open_cache(folder: Path, model: LanguageModel, *, prompt: str) -> Iterator[AnswerCache]:
    """Open the cache of a model and a prompt in a folder. Raises StorageError if another process has it open."""
    digest = hashlib.sha256(f"{model.settings_digest} {prompt}".encode()).hexdigest()[:12]
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", model.name).strip("-")[:60]
    path = folder / f"{safe}-{digest}.jsonl"
    with locked_file(path, where=str(folder), option="--cache", flags=os.O_APPEND) as handle:
        yield AnswerCache(path, handle)


def _load(path: Path, handle: int) -> tuple[dict[str, Answer], int]:
    """The answers of a file, and its size without a half last line, which is removed."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.ftruncate(handle, len(whole))
    answers: dict[str, Answer] = {}
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        digest, answer = _parse(line, where=f"{path}, line {number}")
        answers[digest] = answer  # a question is asked twice where the first answer passes no more
    return answers, len(whole)


def _parse(line: bytes, *, where: str) -> tuple[str, Answer]:
    try:
        record: dict[str, Any] = json.loads(line)
        digest, text, model, attempts = (record[name] for name in ("digest", "answer", "model", "attempts"))
        if not all(isinstance(value, str) for value in (digest, text, model)) or not isinstance(attempts, int):
            raise TypeError("a value of another kind")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StorageError(
            f"{where}: not an answer: {type(error).__name__}.",
            cure="Remove that line: its question is then asked again. Or choose another folder for --cache.",
        ) from None
    return digest, Answer(text, model, attempts)
