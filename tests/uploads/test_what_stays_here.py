"""What may not be sent is seen in whatever file it stands in; licenses are read as the recipe names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actionpairs.errors import StorageError
from actionpairs.storage import Folder
from actionpairs.uploads import licenses, privacy


def clean(folder: Path, config: dict[str, Any] | None = None) -> privacy.Cleaned:
    return privacy.clean(Folder(folder), Folder(folder).names(), config or {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"source": "/home/ann/models/ip2p"}', '{"source": "ip2p"}'),
        ("from_pretrained('/Users/Ann/x.safetensors')", "from_pretrained('x.safetensors')"),
        ("rubrics: /root/mine.yaml\n", "rubrics: mine.yaml\n"),
        ("--cache=/home/ann/x PATH=/a:/home/ann/y", "--cache=x PATH=/a:y"),
        ("file:///home/ann/x", "file://x"),
        ("/data/ann/x and /nfs/ann/y", "x and y"),
        ('{"/home": 1, "/data/": 2}', None),  # as a tokenizer's vocabulary may have
        ("https://host/home/ann/page and ab/home/x", None),
        ('<img src="data:image/jpeg;base64,AA/home/AAAA+/mnt/Zz=">', None),
        ("put the cup in /the box/", None),
    ],
)
def test_paths_are_shortened_and_addresses_and_pictures_are_not(
    text: str, expected: str | None, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text(text)
    texts = clean(tmp_path).texts
    assert texts == ({} if expected is None else {"README.md": expected.encode()})


def test_a_path_of_the_recipe_counts_wherever_it_leads(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps({"source": "/opt/all models/ip2p"}))
    cleaned = clean(tmp_path, {"model": {"source": "/opt/all models/ip2p"}, "words": ["/ and", "a/b"]})
    assert cleaned.texts == {"recipe.json": b'{"source": "ip2p"}'}
    assert cleaned.replaced == {"/opt/all models/ip2p": "ip2p"}


def test_letters_that_json_escapes_do_not_hide_a_path(tmp_path: Path) -> None:
    """transformers and diffusers write config.json in ASCII."""
    source = "/opt/zoë/all models/ip2p"
    (tmp_path / "config.json").write_text(json.dumps({"a": f"{source}/unet", "b": "/home/zoë/models/x"}))
    cleaned = clean(tmp_path, {"source": source})
    assert cleaned.texts == {"config.json": b'{"a": "unet", "b": "x"}'}


def test_a_path_in_a_table_is_an_error(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"detail": ["fine", None, f"{tmp_path}/videos/a.mp4: broken"]}), tmp_path / "r.parquet"
    )
    with pytest.raises(StorageError, match=r"r\.parquet: it names .*/videos/a\.mp4, a path of this machine"):
        clean(tmp_path)


def test_a_path_in_the_header_of_adapters_is_an_error(tmp_path: Path) -> None:
    header = json.dumps({"__metadata__": {"base_model": "/home/ann/flux"}}).encode()
    (tmp_path / "lora.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(StorageError, match="it names /home/ann/flux") as caught:
        clean(tmp_path)
    assert "OWNER/NAME" in caught.value.cure
    (tmp_path / "lora.safetensors").write_bytes(b"\xff")
    with pytest.raises(StorageError, match="cannot be read"):
        clean(tmp_path)


@pytest.mark.parametrize(
    ("license_id", "is_free"),
    [
        ("cc-by-4.0", True),
        ("cc-by-nc-4.0", True),
        ("cc-by-sa-4.0", True),
        ("apache-2.0", True),
        ("mit", True),
        ("CC-BY-4.0", True),
        ("CC-BY-ND-4.0", False),
        ("cc0-1.0", True),
        ("cc-by-nd-4.0", False),
        ("cc-by-nc-nd-4.0", False),
        ("other", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_a_license_is_free_if_it_lets_everyone_pass_frames_on(license_id: str, is_free: bool) -> None:
    assert (list(licenses.doubts_of({"license": license_id, "name": "K"}, "set")) == []) is is_free
