"""Addresses on the hub are read as the hub reads them, and lead nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actionpairs.errors import StorageError
from actionpairs.hub import address

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("url", "kind", "revision", "path"),
    [
        ("hf://datasets/ann/lc", "dataset", None, ""),
        ("hf://datasets/ann/lc/", "dataset", None, ""),
        ("hf://ann/editor", "model", None, ""),
        ("hf://models/ann/editor@v1.0/lora", "model", "v1.0", "lora"),
        ("hf://spaces/ann/report", "space", None, ""),
        (
            "hf://datasets/ann/lc@refs/convert/parquet/default/train",
            "dataset",
            "refs/convert/parquet",
            "default/train",
        ),
        ("hf://datasets/ann/lc@refs/pr/12", "dataset", "refs/pr/12", ""),
        ("hf://datasets/ann/lc@new%2Fbranch/a/b.tar", "dataset", "new/branch", "a/b.tar"),
        (f"hf://datasets/ann/lc@{COMMIT}/sub", "dataset", COMMIT, "sub"),
    ],
)
def test_the_parts_of_an_address_are_those_that_the_hubs_own_parser_finds(
    url: str, kind: str, revision: str | None, path: str
) -> None:
    where = address.parse(url)
    assert (where.kind, where.revision, where.path) == (kind, revision, path)
    theirs = pytest.importorskip("huggingface_hub").parse_hf_uri(url.rstrip("/"))
    assert (theirs.type, theirs.id) == (kind, where.repository)
    assert (theirs.revision, theirs.path_in_repo) == (revision, path)
    assert address.parse(where.url) == replace(where, has_kind=kind != "model")
    assert where.is_pinned == (revision == COMMIT)


@pytest.mark.parametrize(
    "url",
    [
        "hf://",
        "hf://lc",
        "hf://datasets/lc",
        "hf://datasets/ann/lc/../other",
        "hf://datasets/ann/lc/a//b",
        "hf://datasets/../lc",
        "hf://ann/lc@",
        "hf://user:pass@ann/lc",
        "https://huggingface.co/ann/lc",
    ],
)
def test_what_is_no_address_is_refused_with_the_form(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        address.parse(url)
    assert "OWNER/NAME" in caught.value.cure


def test_a_bucket_is_no_repository() -> None:
    assert address.is_repository("hf://datasets/ann/lc")
    assert not address.is_repository("hf://buckets/ann/store")
    assert not address.is_repository("s3://hf/x")
