"""Every error of the tree has its place in the drawing, and survives the way back from a worker."""

from __future__ import annotations

import pickle
import re

import pytest

from actionpairs import errors

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def test_the_drawing_shows_every_error() -> None:
    assert errors.__doc__ is not None
    drawn = set(re.findall(r"(\w+Error)\b", errors.__doc__))
    assert drawn == {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_pickling(kind: type[errors.ActionpairsError]) -> None:
    again = pickle.loads(pickle.dumps(kind("a.mp4: broken.", cure="Mend it.")))
    assert type(again) is kind
    assert (again.message, again.cure) == ("a.mp4: broken.", "Mend it.")


def test_a_missing_extra_names_the_pip_line() -> None:
    assert errors.MissingExtraError.of("train", needed_for="train").cure.endswith("[train]'")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("s3://key:secret@host/bucket?token=1", "s3://host/bucket"),
        ("s3://AKIA:se/cr+et@bucket/x", "s3://bucket/x"),
        ("https://user@host:8080/a@b", "https://host:8080/a@b"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("https://host/x.csv?X-Amz-Signature=abc%2F, line 3: no", "https://host/x.csv, line 3: no"),
        ("url='https://host/x?s=1': gone", "url='https://host/x': gone"),
        ("s3://bucket/x: not there", "s3://bucket/x: not there"),
        ("/a/b?c", "/a/b?c"),
    ],
)
def test_messages_show_urls_without_secrets(text: str, printed: str) -> None:
    assert errors.StorageError(text, cure="").message == printed
