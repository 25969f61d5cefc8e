"""Variables of the environment, of secrets only that they are set; and codecs that really decode."""

from __future__ import annotations

import sys
from pathlib import Path

import av.codec
import pytest

from actionpairs.diagnosis import video_codecs
from actionpairs.diagnosis.settings import settings


def test_secrets_folders_and_addresses_are_only_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "HF_TOKEN": "hf_abcdef",
        "OPENAI_API_KEY": "sk-abc",
        "HF_HOME": str(tmp_path),
        "HTTPS_PROXY": "http://me:pass@proxy.corp:3128",
        "CUDA_VISIBLE_DEVICES": "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "token").write_text("hf_abcdef")
    result = settings()
    assert {result[name] for name in secrets} == {"set"}
    assert result["token of `hf auth login`"] == "set"
    assert not {"hf_abcdef", "sk-abc", "proxy.corp", str(tmp_path)} & set(result.values())


@pytest.mark.parametrize(
    ("endpoint", "answer"),
    [
        ("https://hf-mirror.com", "hf-mirror.com"),
        ("https://me:pass@hub.corp.internal/api", "set, another host"),
        ("https://[half", "set, another host"),
    ],
)
def test_only_a_public_hub_is_named(endpoint: str, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert (settings()["HF_ENDPOINT"], settings()["HF_HUB_OFFLINE"]) == (answer, "1")


def test_this_build_decodes_what_people_have() -> None:
    facts = video_codecs.codecs()
    assert all(facts.decoders[codec] for codec in ("h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2"))
    assert facts.encoders == {"h264": "libx264"}
    assert {"libavcodec", "libavformat"} <= set(facts.libraries)


def test_a_decoder_that_needs_special_hardware_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyAV-Org/PyAV#1799, opencv/opencv#24430: FFmpeg's own `av1` decodes nothing without a GPU that can."""
    real = av.codec.Codec

    def without_software_av1(name: str, mode: str) -> av.codec.Codec:
        if name in {"libdav1d", "libaom-av1", "libgav1"}:
            raise ValueError(name)
        return real(name, mode)  # type: ignore[arg-type]

    monkeypatch.setattr(av.codec, "Codec", without_software_av1)
    assert without_software_av1("av1", "r").name == "av1"
    assert video_codecs.codecs().decoders["av1"] == ""


def test_a_pyav_that_cannot_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert "ModuleNotFoundError" in video_codecs.codecs().error
